"""TLS as a visitor meets it: trusted authorities, and whether a server has a valid certificate for a name."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace

from controller.account import Account
from controller.db.facts import Tls
from controller.jobs.lifecycle.panel_access import panel_lockout
from controller.network import probes
from controller.network.failures import UNTRUSTED, NetworkError
from controller.network.resolver import resolve
from controller.panels.base import Panel, SiteAddress
from controller.settings.sections import Config
from shared.errors import ShoplaunchError

TIMEOUT_SECONDS = 15
REASON_CHARS = 300
#: States of facts.Tls: no authority issues one; none could be asked yet, or the host does not lead here; requested;
#: served; https is on.
NONE, WAITING, ASKED, SERVED, ON = "none", "waiting", "asked", "served", "on"
#: Seconds before each check; the last one is repeated. Many authorities issue within seconds.
PAUSES = (3.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 6 * 3600.0)
#: The same while the host leads elsewhere, after the first check: its owner takes minutes at least to change that.
PAUSES_ELSEWHERE = (60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 6 * 3600.0)
#: Seconds before a certificate is requested again; the strictest authorities allow five failures an hour.
ASK_PAUSES = (3600.0, 6 * 3600.0, 24 * 3600.0)


@dataclass(frozen=True)
class Served:
    """Whether a valid certificate for the name is served, and if not, the reason (one line)."""

    valid: bool
    reason: str = ""


def begun(known: Tls, state: str, now: float) -> Tls:
    """Return the facts of a shop that starts waiting for its certificate."""
    return replace(known, state=state, since=now, looks=0, next=now + PAUSES[0])


def asked(panel: Panel, account: Account, known: Tls, now: float) -> Tls | None:
    """Request a certificate; return the facts after that, None where the panel issues none at all.

    A panel that refuses is asked no more often than one that accepts. Raises errors that may pass by themselves.
    """
    counted = replace(known, asked_at=now, asks=known.asks + 1)
    try:
        if not panel.request_tls(account):
            return None
    except ShoplaunchError as error:
        if error.retryable or error.code == panel_lockout.CODE:
            raise
        return replace(counted, state=WAITING, refused=error.message[:REASON_CHARS])
    return replace(counted, state=ASKED, refused=None)


def context(config: Config) -> ssl.SSLContext:
    """Return the context that verifies certificates: by this machine's authorities and those of `tls_ca`.

    Raises ShoplaunchError `config_invalid`.
    """
    made = ssl.create_default_context()
    if config.tls_ca is not None:
        try:
            made.load_verify_locations(config.tls_ca)
        except OSError as problem:
            raise ShoplaunchError("config_invalid", f"tls_ca: {problem.strerror or 'no certificates in it'}") from None
    return made


def elsewhere(known: Tls, now: float) -> Tls:
    """Return the facts of a shop whose host does not lead to its server, once the step tls has looked: that look
    counts, and no authority could find the server."""
    return replace(known, asked_at=None, asks=0, looks=1, next=now + PAUSES_ELSEWHERE[0])


def addresses(host: str, seconds: float = TIMEOUT_SECONDS) -> set[str] | None:
    """Return the addresses that public name servers give for `host` within `seconds`; none when it is unknown, None
    where they do not answer."""
    try:
        found = resolve(host, None, seconds)
    except TimeoutError:
        return None
    except OSError:
        return set()
    return {str(entry[4][0]) for entry in found}


def leads_to(address: SiteAddress, host: str, seconds: float = TIMEOUT_SECONDS) -> bool | None:
    """Return whether public name servers lead the shop's `host` to its server, None where they do not answer within
    `seconds`."""
    found = addresses(host, seconds)
    return None if found is None else (address.public_ip or address.ip) in found


def probe(ip: str, port: int, host: str, trusted: ssl.SSLContext, timeout: float = TIMEOUT_SECONDS) -> Served:
    """Return whether the server at `ip`:`port` serves a valid certificate for the name `host` (without a port)."""
    try:
        probes.handshake(ip, port, trusted, host, timeout)
    except NetworkError as problem:
        return Served(False, problem.reason if problem.kind == UNTRUSTED else f"no TLS: {problem.reason}")
    return Served(True)
