"""The local panel's settings: section `[local]` of the configuration, every path and command of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from controller.panels.local import php_versions
from controller.panels.local.php_versions import PhpFpm
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class LocalSettings:
    """Paths on the server, and the commands that make its services reload."""

    #: New homes are created here; accounts elsewhere are never touched.
    home_base: str = "/home"
    #: The skeleton of new accounts (`useradd -k`), and the folder it is copied from.
    skeleton: str = "/var/lib/shoplaunch/skel"
    skeleton_source: str = "/etc/skel"
    #: Locks and notes of the panel itself; only root may enter.
    state_folder: str = "/var/lib/shoplaunch/local"
    shell: str = "/usr/sbin/nologin"
    document_root: str = "public_html"

    mariadb_socket: str = "/run/mysqld/mysqld.sock"
    mariadb_user: str = "root"
    #: User id of the process that listens there, if it is neither root nor called mysql or mariadb; 0: one of these.
    mariadb_uid: int = 0

    apache: tuple[str, ...] = ("apachectl",)
    apache_reload: tuple[str, ...] = ("apachectl", "-k", "graceful")
    apache_sites: str = "/etc/apache2/sites-enabled"
    apache_logs: str = "/var/log/apache2"
    http_ip: str = "127.0.0.1"
    http_port: int = 80

    php: tuple[PhpFpm, ...] = field(default_factory=php_versions.detect)
    php_memory_limit: str = "512M"
    php_upload_limit: str = "64M"

    cron_interval_seconds: int = 60
    crontab: str = "crontab"
    #: `server check` warns below this much free space.
    free_disk_bytes: int = 2 * 1024**3
    command_seconds: int = 120

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LocalSettings:
        """Return the settings in `values`, with defaults for missing ones. Raises config_invalid naming the key."""
        kinds = {one.name: type(getattr(cls, one.name, ())) for one in fields(cls)}
        known: dict[str, Any] = {}
        for name, value in values.items():
            if name not in kinds:
                raise ShoplaunchError("config_invalid", f"[local] has no setting {name!r}")
            known[name] = _convert(name, value, kinds[name])
        settings = cls(**known)
        settings._check()
        return settings

    def _check(self) -> None:
        paths = ("home_base", "skeleton", "state_folder", "mariadb_socket", "apache_sites", "apache_logs")
        for name in paths:
            value = getattr(self, name)
            if not value.startswith("/") or ".." in Path(value).parts:
                raise ShoplaunchError("config_invalid", f"[local] {name} must be an absolute path")
        parts = Path(self.document_root).parts
        if not parts or self.document_root.startswith("/") or ".." in parts:
            raise ShoplaunchError("config_invalid", "[local] document_root must be a path below the home directory")
        if not 0 <= self.mariadb_uid < 2**32 - 1:
            raise ShoplaunchError("config_invalid", "[local] mariadb_uid must be the number of a user")
        if not 0 < self.http_port < 65536:
            raise ShoplaunchError("config_invalid", "[local] http_port must be between 1 and 65535")


def _convert(name: str, value: Any, kind: type) -> Any:
    if name == "php":
        if not isinstance(value, list | tuple):
            raise ShoplaunchError("config_invalid", "[local] php must be a list of tables")
        versions = [PhpFpm.from_dict(one) for one in value]
        return tuple(sorted(versions, key=PhpFpm.number, reverse=True))
    if kind is tuple:
        if not isinstance(value, list | tuple) or not value or not all(isinstance(one, str) for one in value):
            raise ShoplaunchError("config_invalid", f"[local] {name} must be a list of words")
        return tuple(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ShoplaunchError("config_invalid", f"[local] {name} must be a {kind.__name__}")
    return value
