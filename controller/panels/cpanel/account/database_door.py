"""The database address of a cPanel server's accounts, and whether a remote database can be authenticated."""

from __future__ import annotations

import ssl
from pathlib import Path

from controller.panels.base import Check, DatabaseEndpoint
from controller.panels.cpanel.account import database_probe
from controller.panels.cpanel.api.answers import Answer, is_on
from controller.panels.cpanel.settings import CpanelSettings
from shared.errors import ShoplaunchError, advice

CHECK = "database door"
PORT = 3306
LOCAL = ("localhost", "127.0.0.1", "::1")
#: Largest value in a job.
MOST_CA_BYTES = 60_000


def endpoint(settings: CpanelSettings, answer: Answer) -> DatabaseEndpoint:
    """Return the address in the panel's `answer`, with its authentication. Raises config_invalid."""
    found = answer.data if answer.ok and isinstance(answer.data, dict) else {}
    host = str(found.get("host") or "localhost")
    if not is_on(found.get("is_remote")) and host in LOCAL:
        host = "localhost"
    if host == "localhost":
        return DatabaseEndpoint(host, PORT, settings.db_socket or None, uid=settings.db_uid or None)
    tls = settings.db_tls or "verify"
    authority = _authority(settings) if tls == "ca" else ""
    return DatabaseEndpoint(host, PORT, tls=tls, tls_ca=authority, tls_pin=settings.db_pin if tls == "pin" else "")


def check(settings: CpanelSettings, answer: Answer) -> Check:
    """Return the row of `server check` that says whether agents can connect to the address in the panel's `answer`."""
    try:
        found = endpoint(settings, answer)
    except ShoplaunchError as error:
        return Check(CHECK, False, error.message, "Name a readable file of certificates (PEM) in the setting db_ca.")
    if found.host == "localhost":
        where = settings.db_socket or "where servers usually have it"
        return Check(CHECK, True, f"a socket on the server ({where}); the agent looks whose it is")
    try:
        seen = database_probe.probe(found)
    except database_probe.WrongGreeting as wrong:
        what = f"Accounts meet the same: see what answers at {found.host}:{found.port}, and what it says."
        return Check(CHECK, False, f"{found.host}: {wrong}"[:300], what)
    except OSError as error:
        message = f"{found.host} (db_tls={found.tls}) cannot be looked at from here: {error}"
        what = f"Nothing to do if only accounts reach it and it proves itself by `{found.tls}`."
        return Check(CHECK, False, message[:300], what, essential=False)
    return Check(CHECK, seen.ok, f"{found.host}: {seen.message}", "" if seen.ok else advice("db_tls"))


def _authority(settings: CpanelSettings) -> str:
    path = Path(settings.db_ca)
    try:
        if path.stat().st_size > MOST_CA_BYTES:
            raise ShoplaunchError("config_invalid", f"db_ca: {path} is larger than {MOST_CA_BYTES} bytes")
        # Comments may be in any script, which the libraries do not accept
        text = path.read_text("ascii", "ignore")
    except OSError as error:
        raise ShoplaunchError("config_invalid", f"db_ca: {path}: {error.strerror}") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ShoplaunchError("config_invalid", f"db_ca: {path} holds no certificate (PEM)")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise ShoplaunchError("config_invalid", f"db_ca: a certificate in {path} is broken (PEM)") from None
    return text
