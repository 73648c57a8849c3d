"""A database server that breaks its protocol after the log-in counts as lost: the agent tries again, and goes on."""

import socket
import struct
import threading

import pytest

from agent.database import access
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

pytestmark = pytest.mark.root

GREETING = (
    b"\x0a11.8.0-MariaDB\0\x07\0\0\0" + b"12345678\0" + b"\xff\xf7\x2d\x02\0\xff\x81\x15" + bytes(10)
    + b"123456789012\0mysql_native_password\0"
)  # fmt: skip
OK, END = b"\0\0\0\2\0\0\0", b"\xfe\0\0\2\0"
#: A column of a result: its name, its type's number at the end.
COLUMN = b"\x03def\0\0\0\x01a\x01a\x0c\x2d\0\x64\0\0\0"
CALLS = {
    "a query": lambda door: access.run(door, "SELECT 1"),
    "a query for bytes": lambda door: access.raw(door, "SELECT 1"),
    "a change": lambda door: access.change(door, "INSERT INTO ps_cart VALUES (1)"),
}


def packets(*contents, first=1):
    """Return packets with `contents`, numbered from `first`."""
    numbered = enumerate(contents, first)
    return b"".join(struct.pack("<I", len(one))[:3] + bytes([number % 256]) + one for number, one in numbered)


BROKEN = {
    "nothing in a packet": packets(b""),
    "an error without its number": packets(b"\xff"),
    "a packet of another number": packets(OK, first=77),
    "half of an OK": packets(b"\0\xfd\1"),
    "columns that are longer than their packet": packets(b"\1", b"\xfc\xff\xff", END, b"\0", END),
    "a column of words that are none": packets(b"\1", b"\x03def\0\0\0\x02\xff\xfe", END, b"\0", END),
    "a number that is none": packets(b"\1", COLUMN + b"\x03\0\0\0\0\0", END, b"\x02\xff\xfe", END),
    "a row that is longer than its packet": packets(b"\1", COLUMN + b"\xfd\0\0\0\0\0", END, b"\x40x", END),
    "more columns than anything has": packets(b"\xfe" + b"\xff" * 8, COLUMN),
}


#: Those that are read to their end whatever is asked: a query for bytes passes over what describes columns.
ALWAYS = ("nothing in a packet", "an error without its number", "a packet of another number",
          "a row that is longer than its packet", "more columns than anything has")  # fmt: skip
CASES = [(name, call) for name in BROKEN for call in CALLS if call != "a query for bytes" or name in ALWAYS]


class BrokenServer:
    """Lets everybody log in, answers the statements of a new session, and then `answer` to everything."""

    def __init__(self, path, answer):
        self._answer = answer
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        found, _ = self._listening.accept()
        with found, found.makefile("rb") as came:
            found.sendall(packets(GREETING, first=0))
            _taken(came)
            found.sendall(packets(OK, first=2))
            while (statement := _taken(came)).startswith(b"\x03SET"):
                found.sendall(packets(OK))
            assert statement
            found.sendall(self._answer)

    def close(self):
        self._listening.close()


def _taken(came):
    head = came.read(4)
    return came.read(int.from_bytes(head[:3], "little")) if head else b""


@pytest.mark.parametrize("answer, call", CASES)
@attack("A database server, or what stands before it, breaks off in the middle of an answer, or answers what is none",
        "the connection counts as lost: the agent tries again, and goes on at the next tick")  # fmt: skip
def test_a_broken_answer_is_a_lost_connection(tmp_path, answer, call):
    server = BrokenServer(tmp_path / "socket", BROKEN[answer])
    try:
        door = access.connect(
            {"db.name": "a", "db.user": "u", "db.password": "p", "db.socket": str(tmp_path / "socket")}
        )
        with pytest.raises(ShoplaunchError) as failure:
            CALLS[call](door)
        assert (failure.value.code, failure.value.retryable) == ("db_unreachable", True)
        access.close(door)
    finally:
        server.close()
