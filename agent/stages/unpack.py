"""Stage unpack: reads every shard once, writes every file once into the staging tree, and searches it while writing.

No large file is held as a whole, and no shards except those read ahead: an account's memory is small.
"""

import os
from contextlib import closing
from functools import partial

from agent.bundle import tar
from agent.bundle.shards import is_large, unpacked
from agent.tree import staging
from agent.tree.residue import Residue
from agent.tree.writer import TreeWriter
from shared.bundle import SHARD_UNPACKED_BYTES
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Iterable, Iterator

    from agent.session.context import Context
    from shared.documents import Member

NAME = "unpack"


def run(ctx: "Context") -> None:
    """Build the new tree in `ctx.staging`; safe to repeat, shards finished since the last boot are kept.

    Raises ShoplaunchError `unsafe_path`, `residue_found`, `bundle_*`, `superseded`; OSError.
    """
    shards = ctx.shards()
    total = sum(member["size"] for member in shards) or 1
    done = 0
    residue = Residue(ctx.manifest, ctx.values)
    os.umask(0o022)
    flushing = ctx.flushing
    staging.ensure(ctx.staging)
    with closing(TreeWriter(ctx.staging)) as writer:
        for member in shards:
            if not ctx.state.shard_done(member["name"]):
                ctx.check_current()
                alive = partial(ctx.progress, NAME, done / total)
                unpack_shard(ctx, writer, residue, member, _pieces(ctx, member), alive)
                flushing.add(member["name"], ctx.take_counters())
            done += member["size"]
            ctx.progress(NAME, done / total)
    flushing.finish()


def _pieces(ctx: "Context", member: "Member") -> "Iterable[bytes]":
    return ctx.ahead.pop(member["name"], None) or unpacked(ctx.bundle, member)


def unpack_shard(
    ctx: "Context",
    writer: "TreeWriter",
    residue: "Residue",
    member: "Member",
    pieces: "Iterable[bytes]",
    alive: "Callable[[], object]" = lambda: None,
) -> None:
    """Write every entry of one shard, whose archive comes in `pieces`; `alive()` is called while a large file is
    written."""
    try:
        _unpack_shard(ctx, writer, residue, member, pieces, alive)
    except ShoplaunchError:
        if is_large(member):
            # A wrong digest is the more precise error: reading to the end raises it
            for _ in ctx.bundle.pieces(member):
                continue
        raise


def _unpack_shard(
    ctx: "Context",
    writer: "TreeWriter",
    residue: "Residue",
    member: "Member",
    pieces: "Iterable[bytes]",
    alive: "Callable[[], object]",
) -> None:
    # One search over the held piece; only when it finds a trace, files are searched one by one
    window = tar.Window(pieces, residue.may_be_in)
    written = entries = 0
    most = _most_entries(member)
    for entry in tar.entries(window):
        entries += 1
        if entries > most:
            raise ShoplaunchError("bundle_damaged", "{} holds more than {} entries".format(member["name"], most))
        path = ctx.renderer.render(entry.path)
        if residue.found_in(path):
            raise ShoplaunchError("residue_found", "the name {!r} names the template".format(path[-120:]))
        if entry.kind == tar.FOLDER:
            writer.folder(path, entry.mode)
        elif entry.kind == tar.LINK:
            writer.link(path, ctx.renderer.render(entry.target or b""))
        elif entry.size > tar.MAX_HELD_BYTES and not member["placeholders"]:
            writer.file_of(path, _searched(ctx, residue, path, entry, alive), entry.mode, entry.mtime)
            written += entry.size
        else:
            content: "bytes | memoryview" = entry.content()
            mtime: "int | None" = entry.mtime
            if member["placeholders"] or window.seen:
                content, mtime = _fill(ctx, residue, member, path, bytes(content), mtime)
            writer.file(path, content, entry.mode, mtime)
            written += len(content)
    if entries != member.get("entries", entries):
        raise ShoplaunchError("bundle_damaged", "{} holds {} entries".format(member["name"], entries))
    ctx.count("bytes_read", member["size"])
    ctx.count("bytes_written", written)


def _most_entries(member: "Member") -> int:
    """Return how many entries a shard may hold: the manifest's number, and only one in a shard that is large."""
    size = member.get("unpacked", SHARD_UNPACKED_BYTES)
    return 1 if size > SHARD_UNPACKED_BYTES else member.get("entries", size)


def _searched(
    ctx: "Context", residue: "Residue", path: bytes, entry: "tar.Entry", alive: "Callable[[], object]"
) -> "Iterator[memoryview]":
    """Yield the content of a large file, which must not hold a trace of the template."""
    search = residue.search()
    for piece in entry.pieces():
        ctx.check_current()
        alive()
        if search.found_in(piece):
            raise _names_the_template(path)
        yield piece
    if search.found_at_the_end():
        raise _names_the_template(path)


def _fill(
    ctx: "Context", residue: "Residue", member: "Member", path: bytes, content: bytes, mtime: "int | None"
) -> "tuple[bytes, int | None]":
    """Return (content, mtime) with placeholders filled; a filled file gets the current time, so that
    it is newer than cached copies of it."""
    if member["placeholders"]:
        filled = ctx.renderer.render(content)
        if filled is not content:
            content, mtime = filled, None
    if residue.found_in(content):
        raise _names_the_template(path)
    return content, mtime


def _names_the_template(path: bytes) -> "ShoplaunchError":
    return ShoplaunchError("residue_found", "{!r} names the template".format(path[-120:]))
