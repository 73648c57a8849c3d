"""The channel for a job's notifications: the one its order came by, where that is configured, else mail."""

from __future__ import annotations

from collections.abc import Callable, Collection

from controller.billing.base import Billing
from controller.billing.mail import Mail
from controller.billing.whmcs.driver import Whmcs
from controller.billing.whmcs.settings import WhmcsSettings
from controller.settings.sections import Config

#: (source of an order, the key that signed it) -> channel.
Way = Callable[[str, str], Billing]


def channels(config: Config, clock: Callable[[], float], keys: Callable[[], Collection[str]]) -> Way:
    """Return the channel of each order; `keys` returns the names of all keys. Raises ShoplaunchError `config_invalid`.

    A [whmcs] that names no key belongs to the only key: another billing system may use the same numbers for its
    services and clients.
    """
    mail = Mail(config.mail)
    ways = {key: Whmcs(found, mail, clock) for key, found in WhmcsSettings.sections(config.whmcs).items()}

    def way(source: str, signed_by: str) -> Billing:
        if source != "whmcs" or not ways:
            return mail
        if signed_by and signed_by in ways:
            return ways[signed_by]
        known = set(keys()) if "" in ways else set()
        is_its_own = known <= {signed_by} or (not signed_by and len(known) == 1)
        return ways.get("", mail) if is_its_own else mail

    return way
