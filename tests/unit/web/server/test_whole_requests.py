"""The web server's worker knows which connections are still awaited."""

import selectors
import socket

import pytest
from gunicorn.config import Config

from controller.web.server.whole_requests import Connection, Worker


@pytest.fixture
def worker():
    """A worker before its first connection, which no process runs."""
    made = Worker(0, 0, [], None, 30, Config(), None)
    made.poller = selectors.DefaultSelector()
    yield made
    made.poller.close()
    made.tmp.close()


def test_what_arrived_at_a_connection_that_was_given_up_meanwhile_is_nobodys(worker):
    client, accepted = socket.socketpair()
    with client, accepted:
        conn = Connection(worker.cfg, accepted, ("127.0.0.1", 1), ("127.0.0.1", 2))
        worker.nr_conns = 1
        worker._await(conn)
        client.sendall(b"GET / HTTP/1.1\r\n")
        # One look of the system reported both
        worker._give_up(conn)
        count = worker.nr_conns
        worker._read(conn, accepted)
        assert worker.nr_conns == count
