"""The connection to the database: PyMySQL's, with fewer calls of the system for each packet, and a way to read large
answers without a look at what is told of columns.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html
"""

import struct

from pymysql import err
from pymysql.connections import MAX_PACKET_LEN, Connection
from pymysql.constants import COMMAND, CR
from pymysql.protocol import MysqlPacket

_HEADER = struct.Struct("<HBB")
_END, _ERROR, _NULL = 0xFE, 0xFF, 0xFB
#: What begins like an end and is longer is a row whose first value is large.
_LONGEST_END = 8
#: First byte of a length -> how many bytes of it follow; a smaller one is the length itself.
_LENGTH_BYTES = {0xFC: 2, 0xFD: 3, 0xFE: 8}


class OurConnection(Connection):
    """As PyMySQL's; `read_timeout` is the time-out for writing, too."""

    # What `connect` calls first once there is a socket
    def _get_server_information(self):
        # Said once: each time it is said the interpreter's lock is let go, and other threads take their turn
        self._sock.settimeout(self._read_timeout)
        super()._get_server_information()

    def _read_bytes(self, num_bytes):
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

    def _write_bytes(self, data):
        try:
            self._sock.sendall(data)
        except OSError as error:
            self._force_close()
            gone = "MySQL server has gone away ({!r})".format(error)
            raise err.OperationalError(CR.CR_SERVER_GONE_ERROR, gone) from None

    def texts(self, query):
        """Run `query` (bytes); return its rows, a list of tuples of bytes as the server sent them, or None for NULL.

        Raises as PyMySQL does.
        """
        self._execute_command(COMMAND.COM_QUERY, query)
        columns = self._read_packet().read_length_encoded_integer()
        if columns is None:
            raise self._lost("the server asks for a file")
        if columns == 0:
            # No query: that was all
            return []
        packets = self._packets()
        # What each column is, and where that ends: of no use, and most of what small answers consist of
        for _ in range(columns + 1):
            next(packets)
        rows = []
        for packet in packets:
            if packet[0] == _END and len(packet) <= _LONGEST_END:
                return rows
            try:
                rows.append(_values(packet, columns))
            except LookupError:
                raise self._lost("a row is broken") from None
        return rows

    def _packets(self):
        """Yield what the server sends, packet by packet. Raises OperationalError, InternalError."""
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

    def _packet(self):
        low, high, number = _HEADER.unpack(self._read_bytes(_HEADER.size))
        packet = self._read_bytes(low + (high << 16))
        if number != self._next_seq_id:
            raise self._lost("an answer is incomplete")
        self._next_seq_id = (number + 1) % 256
        return packet

    def _lost(self, why):
        """Return the exception to raise, the connection closed: nobody knows what would come next over it."""
        self._force_close()
        return err.OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query ({})".format(why))


def _values(packet, columns):
    """Return the `columns` values of the row in `packet` (bytes). Raises LookupError where it has fewer or more."""
    values, at = [], 0
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
