"""The web server's worker knows which connections are still awaited."""

import errno
import os
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


class Refusing:
    """A listener of which the system says `number`: none could be made to say each of accept(2)'s errors."""

    def __init__(self, number):
        self.number = number

    def accept(self):
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("name", ["EPERM", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "ECONNABORTED", "EAGAIN"])
def test_an_error_of_one_connection_ends_no_web_server(worker, name):
    worker.accept(Refusing(getattr(errno, name)))
    assert worker.nr_conns == 0


def test_a_listener_that_is_closed_is_an_error(worker):
    with pytest.raises(OSError):
        worker.accept(Refusing(errno.EBADF))
