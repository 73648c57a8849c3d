"""Which way the people of a job are told: the way its order came, where that is configured, else by mail."""

from __future__ import annotations

from collections.abc import Callable

from controller.billing.base import Billing
from controller.billing.mail import Mail
from controller.billing.whmcs import Whmcs
from controller.billing.whmcs_settings import WhmcsSettings
from controller.config import Config


def channels(config: Config, clock: Callable[[], float]) -> Callable[[str], Billing]:
    """Return source of an order -> way of telling. Raises ShoplaunchError `config_invalid`."""
    mail = Mail(config.mail)
    ways: dict[str, Billing] = {}
    if config.whmcs:
        ways["whmcs"] = Whmcs(WhmcsSettings.from_dict(config.whmcs), mail, clock)
    return lambda source: ways.get(source, mail)
