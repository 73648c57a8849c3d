"""A server that takes calls and never answers: its own jobs wait, those of other servers get done meanwhile."""

import socket
import socketserver
import ssl
import threading
from collections import Counter
from dataclasses import replace

import pytest

from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.jobs.engine.capacity import thread_shares
from controller.network.failures import BROKE, NetworkError
from controller.network.http_client import HttpClient
from controller.panels.cpanel.api import whm as calling
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.api.whm import Login, Request, Whm
from tests.support.clock import START
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


class Hung(socketserver.ThreadingTCPServer):
    """Lets everybody in by a certificate for 127.0.0.1, reads what they ask and says nothing until it is closed."""

    daemon_threads = False

    def __init__(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.asked = threading.Event()
        self._open = []
        hung = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with context.wrap_socket(self.request, server_side=True) as caller:
                    hung._open.append(caller)
                    while caller.recv(65536):
                        hung.asked.set()

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()

    def get_request(self):
        """Noted before it is served: who comes while we close is in it, too."""
        caller, address = super().get_request()
        self._open.append(caller)
        return caller, address

    def handle_error(self, *_ignored):
        """Callers go away as they like."""

    def close(self):
        """Nobody is let in any more, and who waits hears that."""
        self.shutdown()
        self.socket.close()
        for one in self._open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()
        self._thread.join()


@pytest.fixture
def hung_of(whm, monkeypatch):
    """Return a function that starts such a server; no call is given up before the test is over."""
    ask = HttpClient.ask

    def patient(client, request, limits):
        return ask(client, request, replace(limits, seconds=3600))

    monkeypatch.setattr(HttpClient, "ask", patient)
    made = []

    def start():
        made.append(Hung(whm.authority.issue("127.0.0.1")))
        return made[-1]

    yield start
    for one in made:
        one.close()


def sell_on(world, name, hung):
    """Add the server `hung` as `name`; return orders for it, more than there are threads."""
    token, settings = world.keys.encrypt(world.whm.token()), {"skeleton": "none"}
    row = servers.Server(name, "cpanel", hung.url, "root", token, world.whm.ca_file, settings)
    transact(world.engine, lambda connection: servers.add(connection, row, START))
    return [
        world.order(server=name, account=f"{name}n{n}", domain=f"n{n}.{name}.example", create_account=False)
        for n in range(thread_shares.THREADS + 1)
    ]


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_jobs_of_another_server_get_done_while_those_of_servers_that_never_answer_wait(world_of, hung_of, number):
    world = world_of()
    hung = [hung_of() for _ in range(number)]
    waiting = [job for n, one in enumerate(hung) for job in sell_on(world, f"hung{n}", one)]

    def held():
        return Counter(job.server for job in map(world.job, waiting) if job.lease_owner is not None)

    world.worker.start()
    try:
        assert all(one.asked.wait(120) for one in hung)
        wait_until(lambda: held().total() >= min(number * thread_shares.PER_SERVER, thread_shares.THREADS // 2))
        sold = [world.sell(world.hosting()) for _ in range(2)]
        wait_until(lambda: all(world.job(job).state == "dropped" for job in sold))
        assert {world.job(job).state for job in waiting} <= {"received", "preparing"}
        assert len(held()) == number and max(held().values()) <= thread_shares.PER_SERVER
    finally:
        for one in hung:
            one.close()
        world.worker.stop()


def test_a_look_is_waited_for_no_longer_among_others_than_alone(whm, monkeypatch):
    waits = set()

    def ask(_client, _request, limits):
        waits.add(limits.seconds)
        raise NetworkError(BROKE, "no answer", was_connected=True)

    monkeypatch.setattr(HttpClient, "ask", ask)
    monkeypatch.setattr(calling, "READ_PAUSE_SECONDS", 0)
    panel = Whm(Login("cp1", whm.url, "root", whm.token(), whm.ca_file), ProcessBreaker(), 1)
    look = Request("accountsummary", {"user": "alice"})
    for ask in (lambda: panel.query(look), lambda: panel.batch([look, look])):
        with pytest.raises(calling.ShoplaunchError):
            ask()
    assert waits == {calling.ANSWER_SECONDS}
