"""PyMySQL connections of the controller that reveal their password to the real server only.

A Unix socket is verified before anything is sent (shared.database.unix_socket); over TCP no answer reveals the password
unless a verified certificate proves the server's identity (shared.database.login).
"""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
from typing import TYPE_CHECKING, Any

from pymysql.connections import Connection
from pymysql.constants import CLIENT, CR
from pymysql.err import OperationalError
from pymysql.protocol import MysqlPacket

from shared.database import unix_socket
from shared.database.login import check_request

if TYPE_CHECKING:
    _Base = Connection[Any]
else:
    _Base = Connection


@functools.cache
def _unverified() -> ssl.SSLContext:
    """Return a context that encrypts and verifies nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class OfferedTls(_Base):
    """PyMySQL's connection; where nobody is verified, no authorities are read: that takes longer than to connect."""

    def _create_ssl_ctx(self, how: object) -> ssl.SSLContext:
        connection: Any = super()
        context: ssl.SSLContext = connection._create_ssl_ctx(how) if how else _unverified()
        return context


class ProvenConnection(OfferedTls):
    """PyMySQL's connection, verified. `own` also accepts a server run by this user; `socket_uid` is as `uid` of
    shared.database.unix_socket. Raises ShoplaunchError `db_socket_*`, `db_auth_*` as well."""

    def __init__(self, *arguments: Any, socket_uid: int | str | None = None, own: bool = False, **how: Any) -> None:
        # In a URL it is text
        self._socket_uid = None if socket_uid is None else int(socket_uid)
        self._own = own
        self._proven = False
        super().__init__(*arguments, **how)

    def connect(self, sock: socket.socket | None = None) -> None:
        """Connect; to a Unix socket only where the expected user's server listens."""
        connection: Any = self
        if sock is None and connection.unix_socket:
            try:
                sock = unix_socket.connect(
                    connection.unix_socket, connection.connect_timeout, self._socket_uid, own=self._own
                )
            except OSError as error:
                # PyMySQL's own wording
                message = f"Can't connect to {connection.unix_socket} ({error})"
                raise OperationalError(CR.CR_CONNECTION_ERROR, message) from None
            connection._secure = self._proven = True
        super().connect(sock)

    def _get_server_information(self) -> None:
        connection: Any = super()
        connection._get_server_information()
        this: Any = self
        if this.ssl and this.server_capabilities & CLIENT.SSL and this.ctx.check_hostname:
            # TLS follows, with the host name verified: the peer is the server
            self._proven = True
        if not self._proven and this._auth_plugin_name == "sha256_password":
            # Its first packet would be the password itself; this way another plugin is negotiated
            this._auth_plugin_name = "mysql_native_password"

    def _request_authentication(self) -> None:
        connection: Any = super()
        if not self._proven:
            self.__dict__["_read_packet"] = self._read_request
        try:
            connection._request_authentication()
        except RuntimeError as problem:
            # What PyMySQL raises for a plug-in whose library is not installed
            raise OperationalError(CR.CR_AUTH_PLUGIN_CANNOT_LOAD, str(problem)) from None
        finally:
            with contextlib.suppress(KeyError):
                del self.__dict__["_read_packet"]

    def _read_request(self, packet_type: type[MysqlPacket] = MysqlPacket) -> MysqlPacket:
        connection: Any = super()
        packet: MysqlPacket = connection._read_packet(packet_type)
        check_request(packet.get_all_data())  # type: ignore[no-untyped-call]
        return packet
