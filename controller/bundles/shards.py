"""Packs files into shards: reproducible tar archives, compressed, within the bundle's size limits."""

from __future__ import annotations

import queue
import tarfile
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from controller.bundles.gzip_member import GzipWriter
from controller.bundles.tree import Entry
from shared.bundle import SHARD_PACKED_BYTES, SHARD_UNPACKED_BYTES

_BLOCK = 512
_END = bytes(2 * _BLOCK)
#: What zlib may hold back, and what it adds to data it cannot compress.
_HELD_BACK_BYTES = 256 * 1024
_WAITING_ITEMS = 64


@dataclass(frozen=True)
class Shard:
    """A finished shard: its packed bytes, the size of the tar in it, its number of entries."""

    packed: bytes
    unpacked: int
    entries: int


class ShardWriter:
    """Collects entries into shards and hands each to `finished`, in order."""

    def __init__(self, finished: Callable[[Shard], None]) -> None:
        self._finished = finished
        self._gzip: GzipWriter | None = None
        self._entries = 0
        self._largest = 0

    def add(self, header: bytes, content: bytes) -> None:
        """Add one tar entry; a shard that would become too large with it is finished first."""
        size = len(header) + len(content) + -len(content) % _BLOCK
        if self._gzip is not None and self._entries:
            packed = self._gzip.written + _HELD_BACK_BYTES + size + size // 1000
            if packed > SHARD_PACKED_BYTES or self._gzip.fed + size + len(_END) > SHARD_UNPACKED_BYTES:
                self.finish()
        if self._gzip is None:
            self._gzip = GzipWriter()
        self._gzip.feed(header)
        self._gzip.feed(content)
        self._gzip.feed(bytes(-len(content) % _BLOCK))
        self._entries += 1

    def finish(self) -> None:
        """Finish the open shard, if there is one."""
        if self._gzip is None:
            return
        self._gzip.feed(_END)
        unpacked = self._gzip.fed
        self._finished(Shard(self._gzip.finish(), unpacked, self._entries))
        self._gzip = None
        self._entries = 0


class Background:
    """Runs a ShardWriter in a thread of its own, so that compressing and reading share two processors."""

    def __init__(self, writer: ShardWriter) -> None:
        self._writer = writer
        self._waiting: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue(_WAITING_ITEMS)
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, header: bytes, content: bytes) -> None:
        """Hand one entry over. Raises what the writer raised before."""
        self._raise()
        self._waiting.put((header, content))

    def finish(self) -> None:
        """Wait until everything is packed. Raises what the writer raised."""
        self._waiting.put(None)
        self._thread.join()
        self._raise()

    def _run(self) -> None:
        item = self._waiting.get()
        while item is not None:
            self._attempt(self._writer.add, *item)
            item = self._waiting.get()
        self._attempt(self._writer.finish)

    def _attempt(self, step: Callable[..., None], *given: bytes) -> None:
        # After a failure everything is taken and dropped, so that nobody waits for a place in the queue
        if self._problem is None:
            try:
                step(*given)
            except BaseException as problem:  # noqa: BLE001 - raised again in the thread that waits for us
                self._problem = problem

    def _raise(self) -> None:
        if self._problem is not None:
            raise self._problem


def header_of(entry: Entry, path: bytes, size: int, target: bytes = b"") -> bytes:
    """Return the tar header (with GNU long-name records when needed) of an entry stored as `path`.

    No owner, no group; rights reduced to 0755/0700 for directories, 0644/0755/0600/0700 for files.
    """
    info = tarfile.TarInfo(path.decode("utf-8"))
    info.mtime = max(0, int(entry.status.st_mtime))
    mode = entry.status.st_mode
    public = bool(mode & 0o044)
    if entry.kind == "directory":
        info.type = tarfile.DIRTYPE
        info.mode = 0o755 if public else 0o700
    elif entry.kind == "link":
        info.type = tarfile.SYMTYPE
        info.mode = 0o777
        info.linkname = target.decode("utf-8")
    else:
        info.size = size
        runs = bool(mode & 0o100)
        info.mode = (0o755 if runs else 0o644) if public else (0o700 if runs else 0o600)
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def zlib_version() -> str:
    """Return the version of zlib that is at work: reproducible bytes need the same one."""
    return zlib.ZLIB_RUNTIME_VERSION
