"""An object store that lies about a bundle costs an agent the bundle's size and no more, and gets nothing of it."""

import os

import pytest

from agent.bundle.fetch import fetch
from agent.bundle.source import Source
from agent.reporting.http import HttpClient
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.servers.bundle_server import BundleServer

SIZE = 3_000_000
#: How much more than a bundle may be read: what one look takes, and what is on its way.
MORE = 8_000_000
#: What an agent that reads on and on would be sent.
ENOUGH = 40_000_000
#: What only stops a test that hangs.
IDLE_SECONDS = 2.0


class HostileStore(BundleServer):
    """Answers as `habit` says; `sent` counts the bytes that somebody took."""

    def __init__(self, content, habit):
        super().__init__(content)
        self.habit, self.sent = habit, 0

    def serve(self, handler):
        self.tokens.append(handler.headers.get("Authorization"))
        handler.send_response(200)
        if self.habit in ("endless", "endless pieces"):
            self._for_ever(handler, in_pieces=self.habit == "endless pieces")
            return
        length = {"says less": SIZE // 2, "says more": 50 * SIZE, "says nonsense": "-7"}[self.habit]
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        self._write(handler, self.content)
        handler.close_connection = True

    def _for_ever(self, handler, *, in_pieces):
        if in_pieces:
            handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        piece = bytes(65536)
        framed = b"10000\r\n" + piece + b"\r\n" if in_pieces else piece
        while self.sent < ENOUGH and self._write(handler, framed):
            pass
        handler.close_connection = True

    def _write(self, handler, data):
        try:
            handler.wfile.write(data)
        except OSError:
            # Nobody listens any more
            return False
        self.sent += len(data)
        return True


@pytest.fixture
def fetched(tmp_path):
    """Fetch from a store with that habit; return (the store, the error, the file's bytes or None)."""
    made = []

    def run(store):
        made.append(store)
        pinned = {"url": f"{store.url}?X-Amz-Signature=abc", "renew": "http://127.0.0.1:9/address", "size": SIZE,
                  "manifest_sha256": "0" * 64}  # fmt: skip
        target = tmp_path / "fetched"
        with pytest.raises(ShoplaunchError) as caught:
            fetch(Source(pinned, HttpClient()), str(target), idle_seconds=IDLE_SECONDS, sleep=lambda _seconds: None)
        return caught.value, target, sum(path.stat().st_size for path in tmp_path.iterdir())

    yield run
    for one in made:
        one.close()


@attack(
    "an object store sends without an end",
    "the agent stops at the size that its job says, and keeps nothing of it",
)
@pytest.mark.parametrize("habit", ["endless", "endless pieces", "says more"])
def test_a_store_without_an_end_is_left_at_the_size_of_the_bundle(fetched, habit):
    store = HostileStore(os.urandom(2 * SIZE), habit)
    error, target, kept = fetched(store)
    assert error.code == "bundle_damaged" and "Amz" not in error.message
    assert not target.exists() and kept == 0 and store.sent < SIZE + MORE
    assert set(store.tokens) == {None}


@attack(
    "an object store says a length that is another than the bundle's, or none at all",
    "what came is no bundle: it is asked again, given up with a code of its own, and never taken",
)
@pytest.mark.parametrize("habit", ["says less", "says nonsense"])
def test_a_store_that_says_another_length_is_given_up(fetched, habit):
    error, target, kept = fetched(HostileStore(os.urandom(SIZE // 2), habit))
    assert error.code in ("bundle_store_failed", "bundle_slow", "bundle_damaged") and error.retryable
    assert "Amz" not in error.message and not target.exists() and kept <= SIZE + MORE


@attack(
    "an object store leads the agent to another address, of this machine or of a neighbour",
    "the agent follows nowhere: that address is never asked",
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_store_leads_nowhere(fetched, status):
    store, other = BundleServer(os.urandom(SIZE)), BundleServer(os.urandom(SIZE))
    store.redirect, store.status = other.url, status
    try:
        error, target, _kept = fetched(store)
    finally:
        other.close()
    assert error.code == "bundle_store_failed" and other.asked == [] and not target.exists()
