"""The database connection: PyMySQL's, with fewer system calls per packet, and with a way to read large results without
parsing the column definitions.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
"""

import contextlib
import struct

from pymysql import err
from pymysql.connections import MAX_PACKET_LEN
from pymysql.constants import CLIENT, COMMAND, CR
from pymysql.protocol import MysqlPacket

from shared.database.login import LOGIN_BYTES, check_request
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from socket import socket
    from typing import Any, Iterator

    from agent.base.deadline_socket import Exchange
    from agent.database.pymysql_parts import Connection
else:
    from pymysql.connections import Connection

_HEADER = struct.Struct("<HBB")
_END, _ERROR, _NULL = 0xFE, 0xFF, 0xFB
#: A packet that begins like an end packet but is longer is a row whose first value is large.
_LONGEST_END = 8
#: First byte of a length -> number of bytes that follow; a smaller first byte is the length itself.
_LENGTH_BYTES = {0xFC: 2, 0xFD: 3, 0xFE: 8}


#: What PyMySQL raises for a greeting or an answer that violates the protocol.
NO_PROTOCOL = (LookupError, ValueError, TypeError, AssertionError, struct.error)


class OurConnection(Connection):
    """PyMySQL's connection; after the log-in, `read_timeout` limits writing as well.

    Create it with `defer_connect`, then call `log_in`.
    """

    _proven = False

    def log_in(self, found: "socket", exchange: "Exchange", proven: bool) -> None:
        """Log in over `found` (socket) within `exchange` (agent.base.deadline_socket.Exchange) and LOGIN_BYTES.

        `proven` says that the server is known to be the right one; requested encryption (`ssl`) proves it as well.
        Without either, requests that would reveal the password are refused. Raises ShoplaunchError `db_tls`,
        `db_auth_*`, and what PyMySQL raises; `found` is closed then.
        """
        self._proven = self._secure = proven
        self._exchange, self._left = exchange, LOGIN_BYTES
        # Replaces the method of that name during the log-in only, so that later reads are not slower
        self._read_bytes = self._read_login  # type: ignore[method-assign]
        try:
            self.connect(found)
        except NO_PROTOCOL as error:
            raise self._lost("what it says is none of the protocol: {}".format(type(error).__name__)) from None
        finally:
            del self._read_bytes
        # Set once: each call releases the interpreter's lock, and other threads take over
        self._sock.settimeout(self._read_timeout)

    # The first method `connect` calls once it has a socket
    def _get_server_information(self) -> None:
        super()._get_server_information()
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            # PyMySQL would continue without encryption
            raise ShoplaunchError("db_tls", "it does not encrypt")

    def _request_authentication(self) -> None:
        self._sock.settimeout(self._exchange.left())
        if not (self._proven or self.ssl):
            self._read_packet = self._read_request  # type: ignore[method-assign]
        try:
            super()._request_authentication()
        finally:
            self.__dict__.pop("_read_packet", None)

    def _read_login(self, num_bytes: int) -> bytes:
        """Read like `_read_bytes`, but never ahead, from a server that is not proven yet."""
        self._left -= num_bytes
        if self._left < 0:
            raise self._lost("what it says is longer than the limit for log-ins")
        data = b""
        try:
            while len(data) < num_bytes:
                self._sock.settimeout(self._exchange.left())
                piece = self._sock.recv(num_bytes - len(data))
                if not piece:
                    raise self._lost("an answer is incomplete")
                data += piece
        except OSError as error:
            raise self._lost(error) from None
        return data

    def _read_request(self, packet_type: "Any" = MysqlPacket) -> "Any":
        packet = super()._read_packet(packet_type)
        check_request(packet.get_all_data())
        return packet

    def _read_query_result(self, unbuffered: bool = False) -> int:
        try:
            with self._protocol():
                return super()._read_query_result(unbuffered)
        except RuntimeError:
            # PyMySQL's answer to LOAD DATA LOCAL where that is not allowed
            raise self._asked_for_a_file() from None

    @contextlib.contextmanager
    def _protocol(self) -> "Iterator[None]":
        """Count the connection as lost within this context where an answer violates the protocol."""
        try:
            yield
        except NO_PROTOCOL as error:
            raise self._lost("what it says is none of the protocol: {}".format(type(error).__name__)) from None
        except err.InternalError as error:
            # PyMySQL's own for a packet of a wrong number, without a number of an error
            if error.args and isinstance(error.args[0], int):
                raise
            raise self._lost("an answer is incomplete") from None

    def _asked_for_a_file(self) -> "ShoplaunchError":
        self._force_close()
        return ShoplaunchError("db_asks_for_files", "in the place of an answer")

    def _read_bytes(self, num_bytes: int) -> bytes:
        try:
            data = self._rfile.read(num_bytes)
        except OSError as error:
            raise self._lost(error) from None
        except BaseException:
            self._force_close()
            raise
        if len(data) < num_bytes:
            raise self._lost("an answer is incomplete")
        return data

    def _write_bytes(self, data: bytes) -> None:
        try:
            self._sock.sendall(data)
        except OSError as error:
            self._force_close()
            gone = "MySQL server has gone away ({!r})".format(error)
            raise err.OperationalError(CR.CR_SERVER_GONE_ERROR, gone) from None

    def texts(self, query: bytes) -> "list[tuple[bytes | None, ...]]":
        """Run `query` (bytes); return its rows, a list of tuples of bytes as the server sent them, or None for NULL.

        Raises what PyMySQL raises.
        """
        self._execute_command(COMMAND.COM_QUERY, query)
        with self._protocol():
            return self._texts()

    def _texts(self) -> "list[tuple[bytes | None, ...]]":
        columns = self._read_packet().read_length_encoded_integer()
        if columns is None:
            raise self._asked_for_a_file()
        if columns == 0:
            # Not a query: there are no rows
            return []
        packets = self._packets()
        # Column definitions and their end: not needed, and the largest part of a small result
        for _ in range(columns + 1):
            next(packets)
        rows: "list[tuple[bytes | None, ...]]" = []
        for packet in packets:
            if packet[0] == _END and len(packet) <= _LONGEST_END:
                return rows
            try:
                rows.append(_values(packet, columns))
            except LookupError:
                raise self._lost("a row is broken") from None
        return rows

    def _packets(self) -> "Iterator[bytes]":
        """Yield the server's packets. Raises OperationalError, InternalError."""
        while True:
            packet = piece = self._packet()
            while len(piece) == MAX_PACKET_LEN:
                piece = self._packet()
                packet += piece
            if not packet:
                raise self._lost("an answer is empty")
            if packet[0] == _ERROR:
                MysqlPacket(packet, self.encoding).raise_for_error()
            yield packet

    def _packet(self) -> bytes:
        low, high, number = _HEADER.unpack(self._read_bytes(_HEADER.size))
        packet = self._read_bytes(low + (high << 16))
        if number != self._next_seq_id:
            raise self._lost("an answer is incomplete")
        self._next_seq_id = (number + 1) % 256
        return packet

    def _lost(self, why: object) -> "err.OperationalError":
        """Close the connection and return the exception to raise: what would follow on it is undefined."""
        self._force_close()
        return err.OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query ({})".format(why))


def _values(packet: bytes, columns: int) -> "tuple[bytes | None, ...]":
    """Return the `columns` values of the row in `packet` (bytes). Raises LookupError where it has fewer or more."""
    values: "list[bytes | None]" = []
    at = 0
    for _ in range(columns):
        size = packet[at]
        at += 1
        if size == _NULL:
            values.append(None)
            continue
        if size > _NULL:
            more = _LENGTH_BYTES[size]
            size = int.from_bytes(packet[at : at + more], "little")
            at += more
        values.append(packet[at : at + size])
        at += size
    if at != len(packet):
        raise IndexError
    return tuple(values)
