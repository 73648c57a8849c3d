"""The installation's configuration, as other modules know it; what can be set is in controller.settings."""

from controller.settings.loading import DEFAULT_HOME, home_folder, load_config
from controller.settings.rules import LOOPBACK
from controller.settings.sections import (
    FILE_NAME,
    BundleStoreConfig,
    Config,
    EngineConfig,
    MailConfig,
    RetentionConfig,
)
from controller.settings.table import PREFIX

__all__ = (
    "DEFAULT_HOME", "FILE_NAME", "LOOPBACK", "PREFIX", "BundleStoreConfig", "Config", "EngineConfig", "MailConfig",
    "RetentionConfig", "home_folder", "load_config",
)  # fmt: skip
