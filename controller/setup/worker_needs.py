"""What a worker needs on its own machine beside the state database: the installation's keys, agent and bundles."""

from __future__ import annotations

from controller.access import key_possession
from controller.jobs.intake.service import Service
from controller.jobs.steps.drop import agent_files, require_trust
from controller.keys import load_keys
from controller.settings.sections import Config
from shared.errors import ShoplaunchError


def require_keys(config: Config) -> None:
    """Raise keys_lost where a key file is missing that the installation has."""
    key_possession.require_makeable(config)


def require_agent(config: Config) -> None:
    """Raise agent_not_built without an agent that trusts this installation's newest key: every job would fail."""
    require_trust(agent_files(config.agent), load_keys(config.keys))


def lacking(service: Service) -> list[ShoplaunchError]:
    """Return what is wrong with bundles here, one error for each: its jobs would fail, those of others get on."""
    found, own = [], service.installation
    for bundle in own.bundles.listed():
        try:
            own.bundles.manifest(bundle)
        except ShoplaunchError as error:
            found.append(ShoplaunchError(error.code, f"bundle {bundle.name}: {error.message}"))
    return found
