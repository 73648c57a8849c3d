"""`serve` opens the agents' socket where nobody else can, keeps it over restarts, and shows only what agents need."""

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.run import session
from controller.doctor import web
from controller.jobs.agent_link import job_file
from controller.panels.local.private_stack.stack import free_port
from controller.web.server import agent_socket
from shared import controller_socket
from shared.errors import ShoplaunchError
from shared.events import make_event
from tests.attacks.co_tenants.false_controller import MALLORY, FalseController
from tests.attacks.table import attack
from tests.support.worlds.web_site import WAIT_SECONDS, Site

SERVE = [str(Path(sys.executable).parent / "shoplaunch"), "serve", "--no-worker", "--bind"]


@pytest.fixture
def site():
    with Site() as made:
        yield made


class Serve:
    """`shoplaunch serve` of `site`, on its port unless another is given."""

    def __init__(self, site, port=None, **settings):
        self.site = site
        self.path = site.service.config.agent_socket_path
        where = f"127.0.0.1:{port or site.port}"
        environment = {**os.environ, **site.environment, **settings}
        with (site.home / f"serve-{free_port()}.log").open("wb") as log:
            self.log = Path(log.name)
            self.process = subprocess.Popen([*SERVE, where], env=environment, stdout=log, stderr=log)

    def wait(self):
        """Wait until it serves agents."""
        end = time.monotonic() + WAIT_SECONDS
        while "Booting worker" not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return self

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(WAIT_SECONDS)


@pytest.fixture
def serve(site):
    started = []

    def start(*arguments, **settings):
        started.append(Serve(site, *arguments, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()


def report(site, attempt=1):
    """Let an agent of a job report through the socket; return the status."""
    job = site.put(site.order(), "dropped", attempt)
    token = site.service.installation.tokens.for_agent(job.id, attempt)
    callback = {"url": site.url + job_file.EVENTS_PATH, "token": token}
    document = job_file.with_socket(site.service.config, _document(callback), same_machine=True)
    event = make_event(job.id, attempt, 1, "started", time.time())
    headers = {"Authorization": "Bearer " + token}
    return session.client_of(document).post(callback["url"], json.dumps(event).encode(), headers).status


def _document(callback):
    now = int(time.time())
    account = {"user": "alice", "home": "/home/alice", "root": "/home/alice/public_html"}
    return {
        "format": 1, "job": "abcdef1234", "kind": "restore", "attempt": 1, "issued_at": now, "expires_at": now + 60,
        "account": account, "callback": callback, "values": {}, "lock_name": "shoplaunch_x",
    }  # fmt: skip


def ask(path, method, target):
    """Return the status of a request through the socket."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request(method, target)
    return connection.getresponse().status


def test_agents_report_through_a_socket_that_every_account_may_connect_to_and_nobody_may_replace(site, serve):
    running = serve().wait()
    assert report(site) == 202
    assert stat.S_IMODE(running.path.stat().st_mode) == 0o666
    folder = running.path.parent.stat()
    assert (stat.S_IMODE(folder.st_mode), folder.st_uid) == (0o711, 0)
    (row,) = [row for row in web.agents_socket(site.service.config) if not row.name]
    assert row.ok
    running.end()
    (row,) = [row for row in web.agents_socket(site.service.config) if not row.name]
    assert (row.ok, "serve" in row.advice) == (False, True)


@pytest.mark.sampled(of=3, rests=True)
def test_restarts_of_every_kind_leave_one_socket_that_serves(site, serve):
    serve().wait().end(signal.SIGKILL)
    serve().wait().end()
    running = serve().wait()
    assert report(site) == 202
    assert len([one for one in running.path.parent.iterdir() if not one.is_symlink()]) == 1


def test_links_of_a_serve_that_was_killed_before_they_took_their_place_are_removed_and_no_others(site):
    path = site.service.config.agent_socket_path
    agent_socket.listen(path).close()
    dead = path.readlink()
    living = agent_socket.listen(path)
    left = {f"agents-0000000{number}.new": to for number, to in enumerate((dead, "agents-ffffffff", path.readlink()))}
    for name, to in left.items():
        (path.parent / name).symlink_to(to)
    newest = agent_socket.listen(path)
    names = {one.name for one in path.parent.iterdir()} - {path.name}
    assert names == {Path(one.getsockname()).name for one in (living, newest)} | {"agents-00000002.new"}
    for one in (living, newest):
        one.close()


@attack(
    "Somebody starts `serve` a second time while one runs, so that its socket would be taken from it.",
    "The second ends since the port is held; agents reach the first as before.",
)
def test_a_second_serve_that_cannot_start_takes_nothing_from_the_first(site, serve):
    serve().wait()
    second = serve()
    assert second.process.wait(WAIT_SECONDS) != 0
    assert report(site) == 202


@pytest.mark.sampled(of=2, rests=True)
def test_the_newest_of_two_on_different_ports_is_the_one_that_agents_reach(site, serve):
    first = serve().wait()
    serve(free_port()).wait()
    first.end()
    assert report(site) == 202


@attack(
    "An account asks through the agents' socket for the operators' pages, where it has no address to be counted by.",
    "There is nothing but what agents need.",
)
@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("target", ["/admin/login", "/healthz", "/metrics", "/api/v1/orders", "/status/x", "/"])
def test_nothing_but_what_agents_need_is_behind_the_socket(site, serve, target):
    running = serve().wait()
    assert [ask(running.path, method, target) for method in ("GET", "POST")] == [404, 404]
    assert ask(running.path, "POST", job_file.EVENTS_PATH) == 401


#: Opens connections, sends half a request on each, and keeps them until its input ends.
_HALVES = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, 2000))
kept = []
for _ in range(int(sys.argv[2])):
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].connect(sys.argv[1])
    kept[-1].sendall(b"POST /api/v1/agent/events HTTP/1.1\\r\\nHost: x\\r\\n")
print("ready", flush=True)
sys.stdin.read()
"""


@attack(
    "An account opens connections to the agents' socket without end, and sends half a request on each.",
    "Its own make room for each other: a request that has begun, of another account or over the network, is answered.",
)
def test_who_opens_most_at_the_socket_makes_room(site, serve):
    running = serve().wait()
    for above in running.path.parents:
        if above.is_relative_to(site.home):
            above.chmod(above.stat().st_mode | 0o011)
    begun = socket.create_connection(("127.0.0.1", site.port), WAIT_SECONDS)
    another = controller_socket.connect(str(running.path), WAIT_SECONDS)
    for one in (begun, another):
        one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    where = str(running.path.parent / os.readlink(running.path))
    account = subprocess.Popen(
        ["/usr/bin/python3", "-I", "-S", "-c", _HALVES, where, "400"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        user=MALLORY, group=MALLORY, extra_groups=[], cwd="/",
    )  # fmt: skip
    with account, begun, another:
        assert account.stdout.readline() == b"ready\n"
        time.sleep(1)
        for one, status in ((begun, b"200"), (another, b"404")):
            one.sendall(b"Connection: close\r\n\r\n")
            assert one.recv(12) == b"HTTP/1.1 " + status
        account.stdin.close()


@attack(
    "An account fills the queue of the agents' socket, faster than the controller accepts.",
    "Agents wait for room there, as at a port: their reports are not refused.",
)
def test_agents_wait_at_a_full_queue(tmp_path):
    path = str(tmp_path / "socket")
    listener, account = (socket.socket(socket.AF_UNIX) for _ in range(2))
    with listener, account, ThreadPoolExecutor() as pool:
        listener.bind(path)
        listener.listen(0)
        account.connect(path)
        waiting = pool.submit(controller_socket.connect, path, WAIT_SECONDS)
        time.sleep(0.2)
        assert not waiting.done()
        listener.accept()[0].close()
        # It is not accepted: the queue is full again
        with waiting.result(WAIT_SECONDS), pytest.raises(OSError, match="time-out"):
            controller_socket.connect(path, 0.1)


@attack(
    "The folder of the agents' socket is one that an account may write to.",
    "`serve` does not start by plain http, and says which folder it is.",
)
def test_serve_refuses_a_folder_that_an_account_may_write_to(site, serve):
    folder = site.service.config.agent_socket_path.parent
    folder.mkdir()
    os.chown(folder, MALLORY, MALLORY)
    refused = serve()
    assert refused.process.wait(WAIT_SECONDS) == 1
    assert "controller_foreign" in refused.log.read_text()
    assert str(folder) in refused.log.read_text()


def test_behind_https_serve_goes_on_without_a_socket(site, serve):
    folder = site.service.config.agent_socket_path.parent
    folder.mkdir()
    folder.chmod(0o777)
    running = serve(SHOPLAUNCH_PUBLIC_URL="https://control.example.com").wait()
    assert "agents of this machine come by the network" in running.log.read_text()


@attack(
    "`serve` is ended and an account takes the port it had.",
    "Reports fail until it is back at its socket; the account hears nothing.",
)
def test_while_serve_is_down_no_other_process_receives_wakeups(site, serve):
    serve().wait().end()
    with FalseController(site.port) as neighbour:
        with pytest.raises(ShoplaunchError) as caught:
            report(site)
        assert neighbour.heard() == []
    assert caught.value.code == "callback_failed"
    assert str(site.service.config.agent_socket_path) in caught.value.message
    serve().wait()
    assert report(site) == 202
