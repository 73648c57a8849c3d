"""TLS to a remote database: the server proves its identity before anything but the request to encrypt is sent."""

import hashlib
import re
import ssl

from agent.base.compat import tls_name
from agent.reporting.http import trust_distribution
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from socket import socket
    from typing import Any, Mapping

#: How a remote database is proven: by the system's CAs, by a CA in the server's settings, by its pinned certificate;
#: PLAIN: not at all.
VERIFY, CA, PIN, PLAIN = "verify", "ca", "pin", "plain"
MODES = (VERIFY, CA, PIN, PLAIN)
_PIN = re.compile("[0-9a-f]{64}$")


def context_of(values: "Mapping[str, str]") -> "DatabaseTls | None":
    """Return the SSLContext that proves the database in `values`, None for an unproven connection (`plain`).

    Raises ShoplaunchError `db_tls`.
    """
    mode = values.get("db.tls") or VERIFY
    if mode == PLAIN:
        return None
    if mode == PIN:
        return _pinned(values.get("db.tls_pin", ""))
    if mode == CA:
        found = DatabaseTls(ssl.PROTOCOL_TLS_CLIENT)
        try:
            found.load_verify_locations(cadata=values.get("db.tls_ca", ""))
        except (ssl.SSLError, ValueError):
            raise ShoplaunchError("db_tls", "db_ca of the server holds no certificate") from None
        return found
    if mode != VERIFY:
        raise ShoplaunchError("db_tls", "db_tls is none of {}".format(", ".join(MODES)))
    found = DatabaseTls(ssl.PROTOCOL_TLS_CLIENT)
    found.load_default_certs()
    trust_distribution(found)
    return found


def _pinned(pins: str) -> "DatabaseTls":
    found = DatabaseTls(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname = False
    found.verify_mode = ssl.CERT_NONE
    found.pins = [one.strip().lower().replace(":", "") for one in pins.split(",")]
    if not all(_PIN.match(one) for one in found.pins):
        raise ShoplaunchError("db_tls", "db_pin of the server is no SHA-256 of a certificate")
    return found


class DatabaseTls(ssl.SSLContext):
    """The SSLContext PyMySQL encrypts with; nothing more is sent to a server that is not proven by then."""

    #: SHA-256 (hexadecimal) of the accepted certificates; None: the chain and the name are verified.
    pins: "list[str] | None" = None

    def wrap_socket(  # type: ignore[override]
        self, sock: "socket", server_hostname: "str | None" = None, **more: "Any"
    ) -> "ssl.SSLSocket":
        """Return `sock` encrypted and proven. Raises ShoplaunchError `db_tls`; OSError."""
        try:
            found = super().wrap_socket(sock, server_hostname=tls_name(server_hostname or ""), **more)
        except (ssl.SSLError, ValueError) as error:
            # Python 3.6 reports a wrong name as a ValueError
            raise ShoplaunchError("db_tls", "its certificate is not accepted: {}".format(error)[:500]) from None
        if self.pins is not None:
            seen = hashlib.sha256(found.getpeercert(True) or b"").hexdigest()
            if seen not in self.pins:
                found.close()
                raise ShoplaunchError("db_tls", "its certificate is {}, none of those in db_pin".format(seen))
        return found
