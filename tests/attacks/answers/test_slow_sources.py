"""A bundle's source that sends too slowly is given up, however it spreads its bytes; what arrived is kept."""

import os
import time

import pytest

from agent.bundle.fetch import fetch
from agent.bundle.source import Source
from agent.reporting import downloads
from agent.reporting.http import HttpClient
from shared.bundle import LEAST_RATE_HEADER
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.servers.web.bundle_server import BundleServer

#: In the tests two seconds are what a minute is elsewhere, and enough is a megabyte a second.
GRACE, RATE = 2.0, 1_000_000
SIZE = 30_000_000
#: How much a source sends at once at first, and then per tenth of a second.
HABITS = {
    "slow from the first": (0, 20_000),
    "fast at first": (400_000, 20_000),
    "a little of each": (100_000, 10_000),
}
#: What only stops a test that hangs.
SECONDS = 120


class SlowServer(BundleServer):
    """Sends `burst` bytes of each answer at once and then `drip` in a tenth of a second, until `fast`."""

    def __init__(self, content, burst, drip):
        super().__init__(content)
        self.burst, self.drip, self.fast = burst, drip, False

    def _send(self, handler, body):
        try:
            start = len(body) if self.fast else self.burst
            handler.wfile.write(body[:start])
            for at in range(start, len(body), self.drip):
                time.sleep(0.1)
                handler.wfile.write(body[at : at + self.drip])
        except OSError:
            # Nobody listens any more
            return


@pytest.fixture
def quick(monkeypatch):
    """Times a test can wait for."""
    monkeypatch.setattr("agent.reporting.downloads.GRACE_SECONDS", GRACE)
    for module in ("reporting.downloads", "bundle.fetch"):
        monkeypatch.setattr(f"agent.{module}.LEAST_RATE", RATE)


@pytest.fixture
def serving():
    made = []

    def start(content, habit):
        made.append(SlowServer(content, *HABITS[habit]))
        return made[0]

    yield start
    for one in made:
        one.close()


@pytest.mark.sampled(of=3)
@attack(
    "a bundle's source sends a few kilobytes a second for days, or fast at first and then so",
    "the agent gives it up with a code of its own, keeps what came, and goes on there at the next tick",
)
@pytest.mark.parametrize("habit", HABITS)
def test_a_source_that_is_too_slow_is_given_up_and_what_came_is_kept(quick, serving, tmp_path, habit):
    content = os.urandom(SIZE)
    server = serving(content, habit)
    pinned = {"url": server.url, "size": SIZE, "manifest_sha256": "0" * 64}
    target = tmp_path / "fetched"
    with pytest.raises(ShoplaunchError) as given_up:
        fetch(Source(pinned, HttpClient()), str(target), idle_seconds=2 * GRACE, sleep=lambda _seconds: None)
    assert given_up.value.code == "bundle_slow" and given_up.value.retryable
    (part,) = tmp_path.glob("fetched.*.part")
    came = part.stat().st_size
    assert came < SIZE / 2 and f" {came} of " in given_up.value.message
    server.fast, before = True, len(server.asked)
    fetch(Source(pinned, HttpClient()), str(target), sleep=lambda _seconds: None)
    assert target.read_bytes() == content
    # A machine that is busy may have let nothing through
    assert server.asked[before] == (f"bytes={came}-" if came else None)


def test_a_store_that_is_too_slow_is_given_up_and_its_address_is_not_named(quick, serving, tmp_path):
    server = serving(bytes(SIZE), "slow from the first")
    pinned = {"size": SIZE, "manifest_sha256": "0" * 64}
    pinned |= {"url": f"{server.url}?X-Amz-Signature=abc", "renew": "http://127.0.0.1:9/address"}
    with pytest.raises(ShoplaunchError) as given_up:
        fetch(Source(pinned, HttpClient()), str(tmp_path / "f"), idle_seconds=2 * GRACE, sleep=lambda _seconds: None)
    assert given_up.value.code == "bundle_slow" and given_up.value.retryable
    assert "Amz" not in given_up.value.message and set(server.tokens) == {None}


@attack("an operator's own limit makes downloads slow", "the controller says so, and its agents wait for it")
@pytest.mark.parametrize("limit", [None, "", "0", "-5", "x", "\u00b2", "9" * 5000, "16385", "500"])
def test_the_controllers_own_limit_is_no_slow_source(limit):
    class Response:
        status, length, headers = 200, 1, {} if limit is None else {LEAST_RATE_HEADER: limit}

    exchange = downloads.exchange(15)
    found = downloads.Download(Response, exchange, [], 1).promised_rate()
    assert exchange._rate == found == (500 if limit == "500" else downloads.LEAST_RATE)


@attack("a foreign server of bundles says that it sends a byte a second", "it is held to what every source is")
@pytest.mark.parametrize("token", [None, "token"])
def test_only_the_controller_may_be_slower(serving, tmp_path, monkeypatch, token):
    rates = []
    monkeypatch.setattr(downloads.Download, "promised_rate", lambda _download: rates.append(1) or 1)
    server = serving(b"x" * 1000, "slow from the first")
    server.fast = True
    fetch(
        Source({"url": server.url, "size": 1000, "manifest_sha256": "0" * 64}, HttpClient(), token), str(tmp_path / "f")
    )
    assert rates == ([1] if token else [])
