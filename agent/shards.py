"""Shards unpacked into the tar archives they are, piece by piece; the first ones before anybody may write them."""

import collections
import select

from agent.bundle_reader import open_bundle
from agent.inflate import gunzip, unpacking
from shared.bundle import SHARD_PACKED_BYTES, SHARD_UNPACKED_BYTES, shards_of
from shared.errors import ShoplaunchError

#: What is unpacked ahead at most; an account's memory is small.
AHEAD_BYTES = SHARD_UNPACKED_BYTES


def is_large(member):
    """Tell whether the shard `member` (entry of the manifest) is too large to be held packed."""
    return member["size"] > SHARD_PACKED_BYTES


def unpacked(bundle, member):
    """Return the tar archive of one shard in pieces. What is not large is held packed and checked before it is used.

    `bundle` is an agent.bundle_reader.Bundle, `member` the shard's entry of the manifest. Raises ShoplaunchError
    `bundle_*`, at the end too.
    """
    if "unpacked" not in member:
        return [gunzip(bundle.read(member))]
    size = member["unpacked"]
    if size > SHARD_UNPACKED_BYTES and member.get("entries", 1) != 1:
        raise ShoplaunchError("bundle_damaged", "{} is larger than any shard of many files".format(member["name"]))
    packed = bundle.pieces(member) if is_large(member) else [bundle.read(member)]
    return unpacking(packed, member["size"], size)


def read_ahead(job, folder, is_done, orders):
    """Return {name of a shard: what `unpacked` yields of it} of the first shards that are not done.

    `is_done(name)` tells which are. It ends after AHEAD_BYTES, or when there is something to read from `orders`
    (descriptor). What cannot be read is left to the stage, which says why.
    """
    ahead = {}
    try:
        bundle = open_bundle(job, folder)
        left = AHEAD_BYTES
        for member in shards_of(bundle.manifest, job.get("variant")):
            if left <= 0 or _has_word(orders):
                break
            if not is_done(member["name"]):
                rest = iter(unpacked(bundle, member))
                held = _held(rest, left, orders)
                left -= sum(map(len, held))
                ahead[member["name"]] = _all_of(held, rest)
    except (ShoplaunchError, OSError):
        return ahead
    return ahead


def _held(pieces, most, orders):
    """Return those of `pieces` that come before there is a word in `orders`, little more than `most` bytes."""
    held = collections.deque()
    while most > 0 and not _has_word(orders):
        piece = next(pieces, None)
        if piece is None:
            break
        held.append(piece)
        most -= len(piece)
    return held


def _all_of(held, rest):
    """Yield the pieces `held`, let go one by one, then the `rest`."""
    while held:
        yield held.popleft()
    for piece in rest:
        yield piece


def _has_word(orders):
    return bool(select.select([orders], [], [], 0)[0])
