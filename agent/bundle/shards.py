"""Unpacks shards to their tar archives, piece by piece; the first ones ahead of time, before stage unpack may write."""

import collections
import select

from agent.bundle.inflate import gunzip, unpacking
from shared.bundle import SHARD_PACKED_BYTES, SHARD_UNPACKED_BYTES, shards_of
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Iterable, Iterator

    from agent.bundle.reader import Bundle
    from shared.documents import Member

#: Memory limit for shards unpacked ahead, about as much as there is time for; an account's memory is small.
AHEAD_BYTES = 24 * 1024 * 1024


def is_large(member: "Member") -> bool:
    """Return whether the shard `member` (entry of the manifest) is too large to be held packed."""
    return member["size"] > SHARD_PACKED_BYTES


def unpacked(bundle: "Bundle", member: "Member") -> "Iterable[bytes]":
    """Return the tar archive of one shard in pieces. A shard that is not large is held packed and checked before use.

    `bundle` is an agent.bundle.reader.Bundle, `member` the shard's entry of the manifest. Raises ShoplaunchError
    `bundle_*`, also at the end.
    """
    if "unpacked" not in member:
        return [gunzip(bundle.read(member))]
    size = member["unpacked"]
    if size > SHARD_UNPACKED_BYTES and member.get("entries", 1) != 1:
        raise ShoplaunchError("bundle_damaged", "{} is larger than any shard of many files".format(member["name"]))
    packed: "Iterable[bytes]" = bundle.pieces(member) if is_large(member) else [bundle.read(member)]
    return unpacking(packed, member["size"], size)


def read_ahead(
    bundle: "Bundle | None", variant: "str | None", is_done: "Callable[[str], bool]", orders: int
) -> "dict[str, Iterator[bytes]]":
    """Return {name: pieces as of `unpacked`} for the first shards of `bundle` (a Bundle or None) that are not done.

    `variant` is the name of the job's variant or None, `is_done(name)` returns whether a shard is done. Stops when
    AHEAD_BYTES are held, or when `orders` (descriptor) becomes readable. Errors are left to the stage, which reports
    them.
    """
    ahead: "dict[str, Iterator[bytes]]" = {}
    if bundle is None:
        return ahead
    try:
        room = AHEAD_BYTES
        for member in shards_of(bundle.manifest, variant):
            if is_done(member["name"]):
                continue
            # A shard's packed bytes are held until it is read to its end; a shard of an old bundle arrives all at once
            room -= 0 if is_large(member) else member["size"]
            if room <= 0 or "unpacked" not in member or _has_word(orders):
                break
            rest = iter(unpacked(bundle, member))
            held, is_whole = _held(rest, room, orders)
            ahead[member["name"]] = _all_of(held, rest)
            if not is_whole:
                break
            room += 0 if is_large(member) else member["size"]
            room -= sum(map(len, held))
    except MemoryError:
        return {}
    except Exception:  # noqa: BLE001 - the stage meets every error again
        return ahead
    return ahead


def _held(pieces: "Iterator[bytes]", most: int, orders: int) -> "tuple[collections.deque[bytes], bool]":
    """Return (deque of the `pieces` read before `orders` becomes readable, whether these are all).

    They hold little more than `most` bytes.
    """
    held: "collections.deque[bytes]" = collections.deque()
    while most > 0 and not _has_word(orders):
        piece = next(pieces, None)
        if piece is None:
            return held, True
        held.append(piece)
        most -= len(piece)
    return held, False


def _all_of(held: "collections.deque[bytes]", rest: "Iterator[bytes]") -> "Iterator[bytes]":
    """Yield the pieces `held`, releasing each, then the `rest`."""
    while held:
        yield held.popleft()
    for piece in rest:
        yield piece


def _has_word(orders: int) -> bool:
    return bool(select.select([orders], [], [], 0)[0])
