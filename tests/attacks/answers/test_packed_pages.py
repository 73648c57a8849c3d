"""Pages that come packed whatever was asked: read as browsers read them, never unpacked beyond a limit."""

import gzip
import zlib

import pytest

from controller.jobs.shop.checks import visits
from controller.jobs.shop.checks.visits import Site, Visitor
from controller.network import unpacking
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.hostile_server import HostileServer, bomb

PAGE = b"<html>" + b"a shop that is packed by its cache " * 200 + b"</html>"
WAYS = {
    "gzip": (b"gzip", gzip.compress(PAGE)),
    "members": (b"x-gzip", gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:])),
    "padded": (b"GZIP", gzip.compress(PAGE) + bytes(64)),
    "deflate": (b"deflate", zlib.compress(PAGE)),
    "raw deflate": (b"deflate", zlib.compress(PAGE)[2:-4]),
    "as it is": (b"identity", PAGE),
    "a word that says nothing": (b"none", PAGE),
    "a character set": (b"UTF-8", PAGE),
    "a hostile name": (b"<script>" + b"x" * 5000, PAGE),
    "no body": (b"gzip", b""),
}
#: What nobody can read, or should -> (Content-Encoding, body, what is said of it).
REFUSED = {
    "brotli": (b"br", b"\x0b\x02\x80hello\x03", "packed as br"),
    "zstd": (b"zstd", b"\x28\xb5\x2f\xfd", "packed as zstd"),
    "twice": (b"gzip, gzip", gzip.compress(gzip.compress(PAGE)), "packed as gzip, gzip"),
    "very often": (b"gzip, " * 1000 + b"br", b"x", "packed as gzip"),
    "no gzip": (b"gzip", PAGE, "none"),
    "cut": (b"gzip", gzip.compress(PAGE)[:-20], "does not end"),
    "many members": (b"gzip", gzip.compress(b"") * 2000, "does not end"),
}


def answered(encoding, body):
    """Return the habit of a server that answers so."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    return lambda send, _wait: send(head % (encoding, len(body)) + body)


def opened(habit, **more):
    with HostileServer(habit) as server:
        port = int(server.address.rpartition(":")[2])
        return Visitor(Site("127.0.0.1", port, ShopAddress.on_usual_port("shop.example"))).open("/", "front", **more)


@attack("a cache in front of a shop sends gzip whatever it is asked for", "its pages are read as a browser reads them")
@pytest.mark.parametrize("way", WAYS)
def test_a_packed_page_is_read(way):
    encoding, body = WAYS[way]
    assert opened(answered(encoding, body)).body == (PAGE if body else b"")


@attack("a shop's page is packed in a way nobody knows, damaged or without end", "the check says so by its own code")
@pytest.mark.parametrize("way", REFUSED)
def test_a_page_nobody_can_read_is_reported_as_what_it_is(way):
    encoding, body, said = REFUSED[way]
    with pytest.raises(ShoplaunchError) as refused:
        opened(answered(encoding, body))
    assert refused.value.code == "page_encoded" and refused.value.retryable
    assert said in refused.value.message and "front: /" in refused.value.message and len(refused.value.message) < 300


class Counted:
    """zlib.decompressobj that counts what it makes."""

    made = 0

    def __init__(self, way):
        self._real = zlib.decompressobj(way)

    def decompress(self, *given):
        found = self._real.decompress(*given)
        Counted.made += len(found)
        return found

    def __getattr__(self, name):
        return getattr(self._real, name)


@attack("half a megabyte of gzip unpacks to half a gigabyte", "no more than a page may have is unpacked")
@pytest.mark.parametrize("most", [None, 5000])
def test_a_bomb_stays_bounded(monkeypatch, most):
    monkeypatch.setattr(unpacking, "_new", Counted)
    Counted.made = 0
    if most is None:
        with pytest.raises(ShoplaunchError) as refused:
            opened(bomb)
        assert refused.value.code == "page_encoded" and "more than" in refused.value.message
    else:
        assert len(opened(bomb, most=most).body) == most
    assert 0 < Counted.made <= (most or visits.MAX_BODY_BYTES) + 1


def test_of_a_page_of_which_the_beginning_is_wanted_a_cut_end_is_no_fault():
    assert opened(answered(*WAYS["gzip"]), most=120).body == PAGE[:120]
    packed = gzip.compress(bytes(range(256)) * 4000)
    assert unpacking.unpacked(packed[: len(packed) // 2], "gzip", 256, is_cut=True) == bytes(range(256))
