"""Probe a remote database server as an agent connects to it, up to its certificate, without a login.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import struct
from dataclasses import dataclass

from controller.network.exchange import Exchange
from controller.network.words import shown
from controller.panels.base import DatabaseEndpoint
from shared.database.login import LOGIN_BYTES, REVEALING

SECONDS = 15.0
#: Flags and character set of the SSL request: protocol 4.1, encryption, authentication by 20 bytes and plug-ins.
_SSL_REQUEST = struct.pack("<iIB23s", 0x200 | 0x800 | 0x8000 | 0x80000, 2**24 - 1, 45, b"")
_ENCRYPTS = 0x800
_GREETING, _ERROR = 10, 0xFF
#: Errors that refuse the address which asks (ER_HOST_IS_BLOCKED, ER_HOST_NOT_PRIVILEGED), and no other.
_OF_THE_ADDRESS = (1129, 1130)
#: These send the whole password where the server has not cached the user, and a new one is never cached.
_WHOLE = (*REVEALING, "caching_sha2_password")


class WrongGreeting(Exception):
    """What answers is no database server, or one that refuses every connection; the message says which."""


@dataclass(frozen=True)
class Seen:
    """Whether an agent will be able to connect, and why."""

    ok: bool
    message: str


def probe(endpoint: DatabaseEndpoint) -> Seen:
    """Probe the server of `endpoint`, whose `tls` is set. Raises OSError where it cannot be probed from here,
    WrongGreeting where accounts would meet the same."""
    exchange = Exchange(SECONDS)
    with contextlib.closing(exchange.connect(endpoint.host, endpoint.port)) as found:
        flags, plugin = _greeting(found, exchange)
        if endpoint.tls == "plain":
            if plugin in _WHOLE:
                return Seen(False, f"users log in by {plugin}, which over plain connections reveals their password")
            return Seen(True, "db_tls=plain: nothing proves who answers there")
        if not flags & _ENCRYPTS:
            return Seen(False, f"it does not encrypt, and db_tls is {endpoint.tls}")
        found.sendall(struct.pack("<I", len(_SSL_REQUEST))[:3] + b"\1" + _SSL_REQUEST)
        return _certificate(found, endpoint, exchange)


def _certificate(found: socket.socket, endpoint: DatabaseEndpoint, exchange: Exchange) -> Seen:
    """Encrypt and check whether the certificate authenticates the server."""
    try:
        context = ssl.create_default_context(cadata=endpoint.tls_ca or None)
    except (ssl.SSLError, ValueError):
        return Seen(False, "db_ca holds no certificates (PEM)")
    if endpoint.tls == "pin":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    found.settimeout(exchange.left())
    try:
        with context.wrap_socket(found, server_hostname=endpoint.host) as secure:
            digest = hashlib.sha256(secure.getpeercert(binary_form=True) or b"").hexdigest()
    except ssl.SSLError as error:
        return Seen(False, f"its certificate is not accepted (db_tls={endpoint.tls}): {error.reason or error}"[:300])
    pins = [one.strip().lower().replace(":", "") for one in endpoint.tls_pin.split(",")]
    if endpoint.tls == "pin" and digest not in pins:
        return Seen(False, f"its certificate is {digest}, none of those in db_pin")
    return Seen(True, f"proven by its certificate (db_tls={endpoint.tls})")


def _greeting(found: socket.socket, exchange: Exchange) -> tuple[int, str]:
    """Return (flags, name of the authentication plug-in). Raises WrongGreeting, OSError."""
    size = int.from_bytes(_exactly(found, 4, exchange)[:3], "little")
    if not 0 < size <= LOGIN_BYTES:
        raise WrongGreeting("it is no database server")
    data = _exactly(found, size, exchange)
    if data[0] == _ERROR:
        words = shown(data[3:].decode("utf-8", "replace"), 200)
        raise OSError(words) if int.from_bytes(data[1:3], "little") in _OF_THE_ADDRESS else WrongGreeting(words)
    after = data.find(b"\0", 1) + 1
    fixed = data[after : after + 31]
    if data[0] != _GREETING or after < 1 or len(fixed) < 31:
        raise WrongGreeting("it is no database server")
    low, _, _, high, salt = struct.unpack("<HBHHB", fixed[13:21])
    name = data[after + 31 + max(13, salt - 8) :].split(b"\0", 1)[0]
    return low | high << 16, name.decode("ascii", "replace")


def _exactly(found: socket.socket, size: int, exchange: Exchange) -> bytes:
    data = b""
    while len(data) < size:
        found.settimeout(exchange.left())
        piece = found.recv(size - len(data))
        if not piece:
            raise OSError("it ends the connection")
        data += piece
    return data
