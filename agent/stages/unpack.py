"""Stage unpack: every shard read once, every file written once into the staging tree, searched as it is written."""

import os

from agent import staging, tar
from agent.inflate import gunzip, gunzip_large
from agent.residue import Residue
from agent.tree_writer import TreeWriter
from shared.bundle import SHARD_UNPACKED_BYTES
from shared.errors import ShoplaunchError

NAME = "unpack"


def run(ctx):
    """Build the new tree in `ctx.staging`; safe to repeat, finished shards of this boot are kept.

    Raises ShoplaunchError `unsafe_path`, `residue_found`, `bundle_*`, `superseded`; OSError.
    """
    shards = ctx.shards()
    total = sum(member["size"] for member in shards) or 1
    done = 0
    residue = Residue(ctx.manifest, ctx.values)
    os.umask(0o022)
    staging.ensure(ctx.staging)
    writer = TreeWriter(ctx.staging)
    try:
        for member in shards:
            if not ctx.state.shard_done(member["name"]):
                ctx.check_current()
                unpack_shard(ctx, writer, residue, member)
                ctx.state.mark_shard(member["name"], ctx.take_counters())
            done += member["size"]
            ctx.progress(NAME, done / total)
    finally:
        writer.close()


def unpack_shard(ctx, writer, residue, member):
    """Write every entry of one shard."""
    data = _unpacked(ctx, member)
    view = memoryview(data)
    # One search over the whole shard; only one that has a trace is looked through file by file
    suspicious = member["placeholders"] or residue.may_be_in(data)
    written = entries = 0
    most = _most_entries(member, data)
    for entry in tar.entries(data):
        entries += 1
        if entries > most:
            raise ShoplaunchError("bundle_damaged", "{} holds more than {} entries".format(member["name"], most))
        path = ctx.renderer.render(entry.path)
        if suspicious and residue.found_in(path):
            raise ShoplaunchError("residue_found", "the name {!r} names the template".format(path[-120:]))
        if entry.kind == tar.FOLDER:
            writer.folder(path, entry.mode)
        elif entry.kind == tar.LINK:
            writer.link(path, ctx.renderer.render(entry.target))
        else:
            content, mtime = view[entry.start : entry.end], entry.mtime
            if suspicious:
                content, mtime = _fill(ctx, residue, member, path, bytes(view[entry.start : entry.end]), mtime)
            writer.file(path, content, entry.mode, mtime)
            written += len(content)
    if entries != member.get("entries", entries):
        raise ShoplaunchError("bundle_damaged", "{} holds {} entries".format(member["name"], entries))
    ctx.count("bytes_written", written)


def _most_entries(member, data):
    """Return how many entries a shard may hold: what the manifest says, and only one in a shard that large."""
    return min(member.get("entries", len(data)), 1 if len(data) > SHARD_UNPACKED_BYTES else len(data))


def _unpacked(ctx, member):
    """Return the tar archive of one shard; its packed bytes are let go at once."""
    if member.get("unpacked", 0) > SHARD_UNPACKED_BYTES and member.get("entries", 1) != 1:
        raise ShoplaunchError("bundle_damaged", "{} is larger than any shard of many files".format(member["name"]))
    packed = ctx.bundle.read(member)
    ctx.count("bytes_read", len(packed))
    return gunzip_large(packed, member["unpacked"]) if "unpacked" in member else gunzip(packed)


def _fill(ctx, residue, member, path, content, mtime):
    """Return (content, mtime) with placeholders filled; a filled file is of now, so that stale copies of it lose."""
    if member["placeholders"]:
        filled = ctx.renderer.render(content)
        if filled is not content:
            content, mtime = filled, None
    if residue.found_in(content):
        raise ShoplaunchError("residue_found", "{!r} names the template".format(path[-120:]))
    return content, mtime
