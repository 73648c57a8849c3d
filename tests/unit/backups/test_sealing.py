"""What is sealed opens with its passphrase alone, whole, and in no other order."""

import io

import pytest

from controller.backups import sealing
from controller.backups.sealing import MAGIC, PIECE_BYTES, SealedReader, SealingWriter
from shared.errors import ShoplaunchError

SEALED_PIECE = PIECE_BYTES + 16
HEADER = len(MAGIC) + 26
LOG_N = sealing._LOG_N


@pytest.fixture(scope="module", autouse=True)
def cheap():
    """Passphrases are tried with little work: what a try costs has a test of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "_LOG_N", 4)
        yield


def sealed(data, passphrase="open sesame"):
    target = io.BytesIO()
    writer = SealingWriter(target, passphrase)
    for start in range(0, len(data), 10_000):
        writer.write(data[start : start + 10_000])
    writer.finish()
    return target.getvalue()


def opened(data, passphrase="open sesame"):
    stream = io.BytesIO(data)
    assert stream.read(len(MAGIC)) == MAGIC
    return io.BufferedReader(SealedReader(stream, passphrase)).read()


def refusal(data, passphrase="open sesame"):
    with pytest.raises(ShoplaunchError) as caught:
        opened(data, passphrase)
    return caught.value.code


@pytest.fixture(scope="module")
def three():
    """Three pieces, and sealed."""
    data = bytes(range(256)) * (3 * PIECE_BYTES // 256)
    return data, sealed(data)


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_it_comes_back(size):
    data = b"a" * size
    found = sealed(data)
    assert opened(found) == data
    assert b"aaaaaaaaaaaaaaaa" not in found


def test_the_same_is_never_sealed_the_same():
    assert sealed(b"x") != sealed(b"x")


def test_each_try_of_a_passphrase_takes_much_memory(monkeypatch):
    monkeypatch.setattr(sealing, "_LOG_N", LOG_N)
    found = sealed(b"x")
    assert tuple(found[len(MAGIC) : len(MAGIC) + 3]) == (16, 8, 2)
    assert opened(found) == b"x"


def test_another_passphrase_opens_nothing(three):
    assert refusal(three[1], "open barley") == "passphrase_wrong"


@pytest.mark.parametrize("cut", [HEADER + SEALED_PIECE, HEADER + 2 * SEALED_PIECE, HEADER + 2 * SEALED_PIECE + 100])
def test_what_is_cut_short_at_the_end_of_a_piece_or_elsewhere_is_damaged(three, cut):
    assert refusal(three[1][:cut]) in ("backup_damaged", "passphrase_wrong")


def test_pieces_in_another_order_are_damaged(three):
    data = three[1]
    first, second = (data[HEADER + n * SEALED_PIECE : HEADER + (n + 1) * SEALED_PIECE] for n in (0, 1))
    swapped = data[:HEADER] + first + first + data[HEADER + 2 * SEALED_PIECE :]
    assert refusal(swapped) == "backup_damaged"
    assert refusal(data[:HEADER] + second + first + data[HEADER + 2 * SEALED_PIECE :]) == "passphrase_wrong"


def test_more_behind_the_end_is_damaged(three):
    assert refusal(three[1] + b"x" * 100) == "backup_damaged"


@pytest.mark.parametrize("place", [len(MAGIC) + 3, len(MAGIC) + 20, HEADER + 5, HEADER + SEALED_PIECE + 5])
def test_an_altered_byte_is_found(three, place):
    data = bytearray(three[1])
    data[place] ^= 1
    assert refusal(bytes(data)) in ("backup_damaged", "passphrase_wrong")


@pytest.mark.parametrize(
    "header", [b"\x1f\x08\x01", b"\x10\xff\x01", b"\x10\x08\xff", b"\x00\x08\x01", b"\x10\x00\x01"]
)
def test_a_file_that_asks_for_more_memory_than_any_backup_is_refused_before(header):
    assert refusal(MAGIC + header + b"s" * 23 + b"x" * 100) == "backup_damaged"


def test_a_file_that_ends_in_its_first_line_is_damaged():
    assert refusal(MAGIC + b"\x10") == "backup_damaged"
