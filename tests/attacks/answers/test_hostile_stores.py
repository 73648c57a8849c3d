"""An object store that lies about a bundle costs an agent the bundle's size and no more, and gets nothing of it."""

import os
import socket
from contextlib import closing

import pytest

from agent.bundle.fetch import fetch
from agent.bundle.reader import Bundle
from agent.bundle.source import Source
from agent.reporting.http import HttpClient
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.servers.web.bundle_server import BundleServer
from tests.support.worlds.agent_box import sample_members, write_bundle

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
        # What nobody reads stays here, and not in the system's memory
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
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


def fetch_all(store, target):
    """Fetch the bundle of `store` to `target` as the agent does, without pauses; the store ends."""
    pinned = {"url": store.url, "size": SIZE, "manifest_sha256": "0" * 64}
    with closing(store):
        fetch(Source(pinned, HttpClient()), str(target), sleep=lambda _seconds: None)


class WithPages(BundleServer):
    """Answers some requests with an error as a page, and status 200; the others as they should be. A page of kind
    "pieces" or "to the end" does not say its length."""

    PAGE = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>'

    def __init__(self, content, pages, kind="says its length", times=1):
        super().__init__(content)
        self.pages = list(pages)
        self.kind, self.page = kind, self.PAGE * times

    def serve(self, handler):
        if not (self.pages and self.pages.pop(0)):
            super().serve(handler)
            return
        self.asked.append(handler.headers.get("Range"))
        handler.send_response(200)
        handler.send_header("Content-Type", "application/xml")
        if self.kind == "says its length":
            handler.send_header("Content-Length", str(len(self.page)))
        if self.kind == "pieces":
            handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        in_pieces = self.kind == "pieces"
        handler.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(self.page), self.page) if in_pieces else self.page)
        handler.close_connection = True


@attack(
    "an object store, or what stands before it, answers with an error as a page and status 200",
    "nothing of the page is taken for the bundle, and what had come of that stays: the agent goes on there",
)
@pytest.mark.parametrize("kind", ["says its length", "pieces", "to the end"])
@pytest.mark.parametrize("pages", [(True, False, True, False), (False, True, True, False)], ids=["first", "later"])
def test_an_error_as_a_page_is_no_bundle(tmp_path, pages, kind):
    store, target = WithPages(os.urandom(SIZE), pages, kind), tmp_path / "fetched"
    store.budget = 2_000_000
    fetch_all(store, target)
    assert target.read_bytes() == store.content
    wanted = "bytes=2000000-"
    assert store.asked == ([None, None, wanted, wanted] if pages[0] else [None, wanted, wanted, wanted])


@attack(
    "an object store answers with such a page, of hundreds of kilobytes, and does not say its length",
    "nothing of it is taken for the bundle, which is fetched from its beginning",
)
@pytest.mark.parametrize("kind", ["pieces", "to the end"])
def test_a_long_page_is_no_bundle_either(tmp_path, kind):
    store, target = WithPages(os.urandom(SIZE), [True, False], kind, times=5000), tmp_path / "fetched"
    fetch_all(store, target)
    assert target.read_bytes() == store.content and store.asked == [None, None]


class OfAnotherFile(WithPages):
    """Answers some requests with a part of another file, of another size."""

    def serve(self, handler):
        wanted = handler.headers.get("Range")
        if wanted is None or not self.pages.pop(0):
            BundleServer.serve(self, handler)
            return
        start = int(wanted[6:-1])
        handler.send_response(206)
        handler.send_header("Content-Range", self.part(start))
        handler.send_header("Content-Length", str(len(self.page)))
        handler.end_headers()
        handler.wfile.write(self.page)

    def part(self, start):
        """Return which part it says that it sends."""
        return f"bytes {start}-{start + len(self.page) - 1}/{start + len(self.page)}"


@attack(
    "an object store answers with the rest of another file, whose size it says",
    "nothing of that is taken for the bundle: the agent asks again, and goes on where it was",
)
def test_the_rest_of_another_file_is_no_bundle(tmp_path):
    store, target = OfAnotherFile(os.urandom(SIZE), [True, False]), tmp_path / "fetched"
    store.budget = 2_000_000
    fetch_all(store, target)
    assert target.read_bytes() == store.content


class OfNumbersNobodyReads(OfAnotherFile):
    """Says in such numbers which part it sends."""

    numbers = ""

    def part(self, start):
        return self.numbers


NUMBERS = {
    "a start of thousands of digits": "bytes " + 5000 * "9" + f"-9/{SIZE}",
    "an end of thousands of digits": "bytes 2000000-" + 5000 * "9" + f"/{SIZE}",
    "a size of thousands of digits": "bytes 2000000-2999999/" + 5000 * "9",
}


@attack(
    "an object store says in numbers of thousands of digits which part of a bundle it sends",
    "they are no numbers: the agent asks again, and goes on where it was",
)
@pytest.mark.parametrize("case", NUMBERS)
def test_a_part_of_numbers_nobody_reads_is_no_bundle(tmp_path, case):
    store, target = OfNumbersNobodyReads(os.urandom(SIZE), [True, False]), tmp_path / "fetched"
    store.budget, store.numbers = 2_000_000, NUMBERS[case]
    fetch_all(store, target)
    assert target.read_bytes() == store.content


@attack(
    "an object store answers with such a page each time",
    "the download is given up with a code of its own, and nothing of the page is kept",
)
def test_a_store_of_pages_is_given_up(fetched):
    error, target, kept = fetched(WithPages(os.urandom(SIZE), [True] * 100_000))
    assert error.code == "bundle_store_failed" and error.retryable and "Amz" not in error.message
    assert not target.exists() and kept == 0


@attack(
    "an object store sends other bytes than the bundle's, and exactly as many",
    "they are no bundle: nothing of them is read as one",
)
def test_other_bytes_of_the_same_length_are_no_bundle(tmp_path):
    pinned = write_bundle(tmp_path / "shop.bundle", sample_members())
    content = (tmp_path / "shop.bundle").read_bytes()
    store, target = BundleServer(bytes(len(content))), tmp_path / "fetched"
    try:
        fetch(Source(dict(pinned, url=store.url), HttpClient()), str(target), sleep=lambda _seconds: None)
    finally:
        store.close()
    with pytest.raises(ShoplaunchError) as caught:
        Bundle(str(target), pinned)
    assert caught.value.code in ("bundle_damaged", "bundle_digest")


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
