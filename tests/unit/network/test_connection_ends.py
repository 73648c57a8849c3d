"""The kernel tells of a connection's other end what its tables say."""

import socket

import pytest

from controller.network import connection_ends

V4, V6 = socket.AF_INET, socket.AF_INET6
#: The family and address of who listens, whether it hears IPv4 as well, and the address that is called.
WAYS = [(V4, "127.0.0.1", False, "127.0.0.1"), (V4, "", False, "127.0.0.1"), (V6, "::1", False, "::1")]
WAYS += [(V6, "::", True, "127.0.0.1"), (V6, "::", True, "::1")]


def ends_of(connection):
    """Return what the kernel answers and what its tables hold of the connection's other end, each a set."""
    there, here = map(connection_ends.place, (connection.getpeername(), connection.getsockname()))
    asked = set(connection_ends._asked(there, here))
    read = {end for end in connection_ends._read(there[1]) if end.listens or end.peer == here}
    return asked, read


@pytest.mark.parametrize(("family", "address", "both", "called"), WAYS)
def test_asked_it_answers_what_its_tables_say(family, address, both, called):
    with (
        socket.create_server((address, 0), family=family, dualstack_ipv6=both) as server,
        socket.create_connection((called, server.getsockname()[1])) as connection,
    ):
        waiting, table = ends_of(connection)
        assert waiting == table and sorted(end.listens for end in waiting) == [False, True]
        accepted, _ = server.accept()
        with accepted:
            taken, table = ends_of(connection)
            assert taken == table and len(taken) == 2
            server.close()
            left, table = ends_of(connection)
            assert left == table and [end.listens for end in left] == [False]


def test_of_a_connection_that_is_gone_it_knows_nothing():
    nobody = connection_ends.place(("127.0.0.1", 1))
    assert connection_ends.ends(nobody, nobody) == []


def test_where_it_may_not_be_asked_its_tables_are_read(monkeypatch):
    monkeypatch.setattr(connection_ends, "_SOCK_DIAG", 999)
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = connection_ends.place(server.getsockname())
        (end,) = connection_ends.ends(there, there)
    assert end.listens and end.address == there[0]
