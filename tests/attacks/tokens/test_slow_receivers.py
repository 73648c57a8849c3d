"""Who takes a bundle slowly, or again and again, keeps nobody else waiting."""

import contextlib
import secrets
import socket
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
import requests

from controller.cli.serve import THREADS
from controller.db import bundles
from controller.db.bundles import Bundle
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.jobs.agent_link.downloads import Download
from controller.web.api import throttle
from controller.web.api.throttle import AT_ONCE, OF_A_SERVER, Downloads, Pieces
from shared.events import make_event
from tests.attacks.table import attack
from tests.support.clock import Clock

NAME = "large"
SIZE = 64 * 1024 * 1024
DEADLINE = 240


@pytest.fixture
def downloads():
    made = Downloads(clock=Clock())
    made.clock = made._clock
    return made


class Endless:
    """A bundle without an end."""

    def read(self, count):
        return b"x" * count

    def close(self):
        pass


def pieces(downloads, place, size=10**8):
    about = Download(place.job, place.server, Path("/nowhere"), size, "0" * 64, 0)
    return Pieces(downloads, place, Endless(), size, about)


def receive(downloads, sending, seconds, count):
    """Take `count` pieces, each in `seconds`; return how many there were."""
    taken = 0
    for _ in range(count):
        if next(sending, None) is None:
            break
        taken += 1
        downloads.clock.pass_by(seconds)
    return taken


def blocked(place):
    """A thread sends to a receiver that takes nothing; return (the thread, the receiver)."""
    ours, theirs = socket.socketpair()
    place.sends_by(ours)

    def send():
        with contextlib.suppress(OSError), ours:
            place.gives(10**7)
            ours.sendall(b"x" * 10**7)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    while place._given is None:
        time.sleep(0.01)
    return thread, theirs


def test_downloads_never_take_all_threads():
    assert OF_A_SERVER < AT_ONCE <= THREADS // 3


@attack("clients take their bundle at a few bytes a second", "the slowest is cut off as soon as others need its place")
def test_the_slowest_receiver_gives_its_place_to_others(downloads):
    slow = [downloads.begin(f"slow{number}", f"web{number}") for number in range(AT_ONCE)]
    threads = [blocked(place) for place in slow]
    assert downloads.begin("quick", "web9") is None
    downloads.clock.pass_by(throttle.FAIR_SECONDS + 1)
    assert downloads.begin("quick", "web9") is not None
    assert [place.is_current for place in slow].count(False) == 1
    (cut,) = [thread for thread, place in zip(threads, slow, strict=True) if not place.is_current]
    # It waits for its receiver no longer
    cut[0].join(DEADLINE)
    assert not cut[0].is_alive()
    for place in slow:
        place.cut()
    for thread, theirs in threads:
        thread.join(DEADLINE)
        theirs.close()


@attack("who was cut off for being slow comes back at once", "it takes a free place only, never anybody's")
def test_who_was_too_slow_takes_nobodys_place(downloads):
    slow = [downloads.begin(f"slow{number}", f"web{number}") for number in range(AT_ONCE)]
    sending = [pieces(downloads, place) for place in slow]
    for one in sending:
        next(one)
    downloads.clock.pass_by(throttle.FAIR_SECONDS + 1)
    assert downloads.begin("quick", "web9") is not None
    (cut,) = [place for place in slow if not place.is_current]
    downloads.clock.pass_by(throttle.FAIR_SECONDS + 1)
    assert downloads.begin(cut.job, cut.server) is None
    assert downloads.begin("another", "web8") is not None


def test_a_fair_receiver_keeps_its_place(downloads):
    fair = [downloads.begin(f"fair{number}", f"web{number}") for number in range(AT_ONCE)]
    sending = [pieces(downloads, place) for place in fair]
    for _ in range(100):
        for one in sending:
            next(one)
        downloads.clock.pass_by(0.4)
    assert downloads.begin("quick", "web9") is None
    assert all(place.is_current for place in fair)


def test_the_controllers_own_limit_makes_nobody_slow(downloads):
    """At fetch_rate pieces are small and far between: only the receiver's own time counts."""
    places = [downloads.begin(f"job{number}", f"web{number}") for number in range(AT_ONCE)]
    for place in places:
        sending = pieces(downloads, place)
        for _ in range(50):
            next(sending)
            place.taken()
            downloads.clock.pass_by(5)
    assert downloads.begin("quick", "web9") is None


@attack("all accounts of one server fetch slowly", "those of other servers have places of their own")
def test_one_servers_accounts_leave_places_to_others(downloads):
    for number in range(OF_A_SERVER):
        assert downloads.begin(f"job{number}", "web1") is not None
    assert downloads.begin("one more", "web1") is None
    assert downloads.begin("elsewhere", "web2") is not None


@attack("a client drips on though nobody else wants its place", "below the least speed it is cut off")
def test_below_the_least_speed_nobody_is_waited_for(downloads):
    place = downloads.begin("slow", "web1")
    # At half the least speed
    seconds = throttle.PIECE_BYTES / throttle.LEAST_RATE * 2
    taken = receive(downloads, pieces(downloads, place), seconds, 1000)
    assert 5 <= taken <= 20 and not place.is_current


def test_what_was_taken_quickly_before_is_no_credit(downloads):
    place = downloads.begin("slow", "web1")
    sending = pieces(downloads, place)
    assert receive(downloads, sending, 0.0, 1000) == 1000
    assert receive(downloads, sending, throttle.PIECE_BYTES / throttle.LEAST_RATE * 2, 1000) <= 20


@attack("a client fetches its bundle again and again", "five times at once, then once in half an hour")
def test_a_bundle_is_not_fetched_without_end(downloads):
    def whole():
        place = downloads.begin("greedy", "web1")
        if place is None:
            return False
        sending = pieces(downloads, place)
        sent = sum(map(len, sending))
        sending.close()
        return sent == 10**8

    assert [whole() for _ in range(8)] == [True] * 5 + [False] * 3
    assert 0 < downloads.wait_seconds("greedy") <= throttle.BUNDLE_SECONDS
    downloads.clock.pass_by(throttle.BUNDLE_SECONDS * 1.1)
    assert whole() and not whole()
    # No other waits for it
    assert downloads.begin("other", "web1") is not None


def test_what_is_asked_for_and_not_sent_costs_little(downloads):
    for _ in range(60):
        sending = pieces(downloads, downloads.begin("flaky", "web1"))
        next(sending)
        sending.close()
    assert downloads.begin("flaky", "web1") is not None


@attack("a client begins download after download at a limited rate", "older ones end at once, and hold no thread")
def test_an_older_download_waits_for_its_turn_no_longer(downloads):
    about = Download("job", "web1", Path("/nowhere"), 10**6, "0" * 64, 1)
    place = downloads.begin("job", "web1")
    sending = Pieces(downloads, place, BytesIO(b"x" * 10**6), 10**6, about)
    downloads.bucket("web1").take(10**6, 1, lambda _seconds: None)
    thread = threading.Thread(target=lambda: list(sending), daemon=True)
    thread.start()
    assert downloads.begin("job", "web1") is not None
    thread.join(DEADLINE)
    assert not thread.is_alive()


# -- a real web server ------------------------------------------------------------------------------------------------


@pytest.fixture
def job(site):
    """Return a function that makes a job on a server of its own whose bundle is large."""
    path = site.service.installation.bundles.path(NAME)
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        with path.open("wb") as stream:
            stream.truncate(SIZE)
        row = Bundle(NAME, "a" * 64, SIZE, "b" * 64, "sample", "1", time.time())
        transact(site.service.installation.engine, lambda connection: bundles.add(connection, row))

    def make():
        server = Server(name="s" + secrets.token_hex(4), panel="cpanel")
        transact(site.service.installation.engine, lambda connection: servers.add(connection, server, time.time()))
        return site.put(site.order(server=server.name, bundle=NAME), "restoring", step="agent")

    return make


def drip(site, job, stop):
    """Take the bundle of `job` at four kilobytes a second until asked to stop."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", site.port))
        request = f"GET /api/v1/agent/bundle/{NAME} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
        connection.sendall(request.encode() + site.agent_token(job).encode() + b"\r\n\r\n")
        with contextlib.suppress(OSError):
            while not stop.wait(0.25) and connection.recv(1024):
                pass


@pytest.mark.sampled(of=3, rests=True)
@attack("as many clients as there are places drip for hours", "a fleet's agents fetch, and report, all the same")
def test_slow_clients_do_not_keep_a_fleet_from_fetching(site, job):
    stop = threading.Event()
    slow = [threading.Thread(target=drip, args=(site, job(), stop), daemon=True) for _ in range(AT_ONCE)]
    fleet = [job() for _ in range(3)]
    try:
        for one in slow:
            one.start()
        url, deadline = f"{site.url}/api/v1/agent/bundle/{NAME}", time.monotonic() + DEADLINE
        for number, one in enumerate(fleet):
            token = site.agent_token(one)
            while True:
                beat = make_event(one.id, 1, 0, "heartbeat", time.time())
                assert site.report(token, beat).status_code in (202, 429)
                answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=DEADLINE)
                if answer.status_code == 200:
                    break
                assert (answer.status_code, answer.json()["code"]) == (503, "downloads_busy")
                assert time.monotonic() < deadline, f"number {number} never gets its bundle"
                stop.wait(2)
            assert len(answer.content) == SIZE
    finally:
        stop.set()
        for one in slow:
            one.join(DEADLINE)
