"""Checks of the ways to clients: mail, and each WHMCS with its key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from controller.billing.whmcs import check as whmcs_check
from controller.billing.whmcs.settings import WhmcsSettings
from controller.db.connection.engine import make_engine, reading
from controller.db.identities import api_keys
from controller.doctor.servers import is_shared
from controller.network import probes
from controller.network.failures import NetworkError
from controller.panels.base import Check
from controller.settings.sections import Config
from shared.errors import ShoplaunchError, advice

TIMEOUT_SECONDS = 10
#: Variables that other programs use and this one ignores.
IGNORED_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
#: Only root may listen on ports up to this one.
_LAST_CLOSED_PORT = 1023


def mail(config: Config) -> Iterator[Check]:
    """Yield whether mails can be handed over."""
    if config.mail.folder:
        yield Check("", Path(config.mail.folder).is_dir(), f"into {config.mail.folder}", "Make the folder.")
        return
    where = (config.mail.host, config.mail.port)
    try:
        probes.connect(*where, TIMEOUT_SECONDS)
    except NetworkError as problem:
        yield Check("", False, f"{where[0]}:{where[1]}: {problem.reason}", advice("mail_failed"))
    else:
        yield Check("", True, f"{where[0]}:{where[1]} answers")


def whmcs(config: Config) -> Iterator[Check]:
    """Yield what each WHMCS permits, and settings that are not read."""
    if not config.whmcs:
        return
    for key, settings in WhmcsSettings.sections(config.whmcs).items():
        for name, ok, message, what in whmcs_check.permissions(settings):
            yield Check(" ".join(filter(None, ("whmcs", key, name))), ok, message, what)
        yield from _port_of_whmcs(config, " ".join(filter(None, ("whmcs", key, "port"))), settings.url)
    ignored = ", ".join(name for name in IGNORED_VARIABLES if os.environ.get(name))
    if ignored:
        message = f"{ignored}: not read; calls are direct, authorities are this machine's or those of SSL_CERT_FILE"
        yield Check("whmcs environment", True, message)


def _port_of_whmcs(config: Config, name: str, url: str) -> Iterator[Check]:
    parts = urlsplit(url)
    if parts.scheme != "http" or (parts.port or 80) <= _LAST_CLOSED_PORT:
        return
    try:
        shared = is_shared(config)
    except ShoplaunchError:
        # The row `database` shows why this is unknown
        return
    if shared:
        message = f"{url}: while a process of an account holds this port nothing is sent, and WHMCS counts as away"
        yield Check(name, True, f"{message}; https, or a port up to {_LAST_CLOSED_PORT}, is nobody else's")


def keys_of_whmcs(config: Config) -> Iterator[Check]:
    """Yield the sections of [whmcs] whose key is missing or not named."""
    sections = WhmcsSettings.sections(config.whmcs)
    if not sections:
        return
    with reading(make_engine(config.database_url)) as connection:
        known = api_keys.names(connection)
    if "" in sections and len(known) > 1:
        message = (
            f"[whmcs] does not say which of the keys {', '.join(known)} is its own: its clients are notified by mail"
        )
        yield Check("", False, message, 'Write key = "NAME" into [whmcs]; another WHMCS gets a section [whmcs.NAME].')
    unknown = sorted(set(sections) - {"", *known})
    if unknown:
        yield Check("", False, f"there is no key {unknown[0]}", "See `shoplaunch key list`.")
