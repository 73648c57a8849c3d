"""Where an agent fetches its bundle: in the object store, by an address valid for a while, or at the controller."""

from __future__ import annotations

from controller.agent_archive.abilities import renews_addresses
from controller.db.bundles import Bundle
from controller.jobs.agent_link.job_file import bundle_url
from controller.object_store import store
from controller.settings.sections import Config

#: Where the controller makes new addresses, behind its own of the bundle.
RENEWAL = "/address"


def of(config: Config, bundle: Bundle, now: float) -> str:
    """Return the address at which the bundle is fetched from `now` on. Raises ShoplaunchError `config_invalid`."""
    found = None if bundle.store_key is None else store.opened(config)
    if found is None or bundle.store_key is None:
        return bundle_url(config, bundle.name)
    return found.address(bundle.store_key, now)


def in_job_file(config: Config, bundle: Bundle, agent: bytes, now: float) -> dict[str, str]:
    """Return {"url": …} for the job file of this `agent`, with "renew" for an address of the store.

    Agents of earlier versions refuse that word, and would be left with an address that is over: they fetch from the
    controller. Raises ShoplaunchError `config_invalid`.
    """
    own, url = bundle_url(config, bundle.name), of(config, bundle, now)
    if url == own or not renews_addresses(agent):
        return {"url": own}
    return {"url": url, "renew": own + RENEWAL}
