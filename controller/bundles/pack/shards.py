"""Packs files into shards: reproducible tar archives, compressed, within the bundle's size limits."""

from __future__ import annotations

import queue
import tarfile
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from controller.bundles.pack.gzip_member import GzipWriter, Pieces
from controller.bundles.pack.incompressible import is_incompressible
from controller.bundles.source.tree.walk import Entry
from shared.bundle import SHARD_PACKED_BYTES, SHARD_UNPACKED_BYTES

_BLOCK = 512
_END = bytes(2 * _BLOCK)
#: Bytes that zlib may hold back, and those it adds to data that does not compress.
_HELD_BACK_BYTES = 256 * 1024
#: Bytes compressed in one go: after each block the threads wait for one another.
_PIECE_BYTES = 256 * 1024
_WAITING_PIECES = 4
#: Bytes that may wait to be compressed while a large file is read: a file of a gigabyte is alone in memory.
_WAITING_BYTES = 64 * 1024 * 1024
#: Content of so many bytes is compressed by itself: joined with what goes before, it would be in memory twice.
_LARGE_BYTES = 8 * 1024 * 1024
#: Larger numbers need another notation in a tar header.
_LARGEST_NUMBER = 0o77777777777


@dataclass(frozen=True)
class Shard:
    """A finished shard: its packed bytes in pieces, the size of the tar in it, its number of entries."""

    packed: Pieces
    unpacked: int
    entries: int


class ShardWriter:
    """Collects entries into shards and hands each to `finished`, in order."""

    def __init__(self, finished: Callable[[Shard], None]) -> None:
        self._finished = finished
        self._gzip = GzipWriter()
        self._entries = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def add(self, header: bytes, content: bytes) -> None:
        """Add one tar entry; if the shard would become too large with it, finish that shard first."""
        size = len(header) + len(content) + -len(content) % _BLOCK
        if self._entries and not self._has_room(size):
            self.finish()
        padding = bytes(-len(content) % _BLOCK)
        stored = is_incompressible(content)
        if stored or len(content) >= _LARGE_BYTES:
            self._wait(header)
            self._compress()
            (self._gzip.store if stored else self._gzip.feed)(content)
            self._wait(padding)
        else:
            self._wait(header, content, padding)
        self._entries += 1
        if self._waiting_bytes >= _PIECE_BYTES:
            self._compress()
        if self._is_full():
            # The next entry would find it so: until then it would only take memory
            self.finish()

    def finish(self) -> None:
        """Finish the open shard, if any."""
        if not self._entries:
            return
        self._wait(_END)
        self._compress()
        unpacked = self._gzip.fed
        self._finished(Shard(self._gzip.finish(), unpacked, self._entries))
        self._gzip = GzipWriter()
        self._entries = 0

    def _has_room(self, size: int) -> bool:
        if self._gzip.fed + self._waiting_bytes + size + len(_END) > SHARD_UNPACKED_BYTES:
            return False
        # Only near the limit does the waiting data have to be compressed to know the shard's size
        if self._gzip.written + _most(self._waiting_bytes) + _most(size) + _HELD_BACK_BYTES <= SHARD_PACKED_BYTES:
            return True
        self._compress()
        return self._gzip.written + _most(size) <= SHARD_PACKED_BYTES

    def _is_full(self) -> bool:
        """Return whether not even a header would have room."""
        unpacked = self._gzip.fed + self._waiting_bytes + _BLOCK + len(_END)
        return unpacked > SHARD_UNPACKED_BYTES or self._gzip.written + _most(_BLOCK) > SHARD_PACKED_BYTES

    def _wait(self, *pieces: bytes) -> None:
        self._waiting += pieces
        self._waiting_bytes += sum(map(len, pieces))

    def _compress(self) -> None:
        self._gzip.feed(b"".join(self._waiting))
        self._waiting, self._waiting_bytes = [], 0


def _most(size: int) -> int:
    """Return the greatest number of bytes that `size` bytes can become, with those held back before them."""
    return size + size // 1000 + _HELD_BACK_BYTES


class Background:
    """Runs a ShardWriter in its own thread, so that compressing and reading share two processors."""

    def __init__(self, writer: ShardWriter) -> None:
        self._writer = writer
        self._piece: list[tuple[bytes, bytes]] = []
        self._piece_bytes = 0
        self._waiting: queue.Queue[list[tuple[bytes, bytes]]] = queue.Queue(_WAITING_PIECES)
        self._held = 0
        self._packed = threading.Condition()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def make_room(self, size: int) -> None:
        """Wait until an entry of `size` bytes may be read: where it is large, until what waits is packed."""
        if size <= _PIECE_BYTES:
            return
        if self._piece:
            self._hand_over()
        with self._packed:
            self._packed.wait_for(lambda: not self._held or self._held + size <= _WAITING_BYTES)

    def add(self, header: bytes, content: bytes) -> None:
        """Hand over one entry. Raises the writer's error, if it has failed."""
        self._piece.append((header, content))
        self._piece_bytes += len(header) + len(content)
        if self._piece_bytes >= _PIECE_BYTES:
            self._raise()
            self._hand_over()

    def finish(self) -> None:
        """Wait until everything is packed. Raises the writer's error."""
        if self._piece:
            self._hand_over()
        self._waiting.put([])
        self._thread.join()
        self._raise()

    def _hand_over(self) -> None:
        with self._packed:
            self._held += self._piece_bytes
        piece, self._piece, self._piece_bytes = self._piece, [], 0
        self._waiting.put(piece)

    def _run(self) -> None:
        while self._take(self._waiting.get()):
            pass
        self._attempt(self._writer.finish)

    def _take(self, piece: list[tuple[bytes, bytes]]) -> bool:
        """Pack the entries of a piece, and keep none of them; return whether there were any."""
        goes_on, size = bool(piece), 0
        piece.reverse()
        while piece:
            size += sum(map(len, piece[-1]))
            self._attempt(self._writer.add, *piece.pop())
        with self._packed:
            self._held -= size
            self._packed.notify()
        return goes_on

    def _attempt(self, step: Callable[..., None], *given: bytes) -> None:
        # After a failure, entries are taken and dropped, so that no producer blocks on the queue
        if self._problem is None:
            try:
                step(*given)
            except BaseException as problem:  # noqa: BLE001 - raised again in the waiting thread
                self._problem = problem

    def _raise(self) -> None:
        if self._problem is not None:
            raise self._problem


def header_of(entry: Entry, path: bytes, size: int, target: bytes = b"") -> bytes:
    """Return the tar header (with GNU long-name records when needed) of an entry stored as `path`.

    No owner, no group; permissions reduced to 0755/0700 for directories, 0644/0755/0600/0700 for files.
    """
    modified, mode = max(0, entry.status.modified // 1_000_000_000), entry.status.mode
    public = bool(mode & 0o044)
    if entry.kind == "file":
        runs = bool(mode & 0o100)
        rights = (0o755 if runs else 0o644) if public else (0o700 if runs else 0o600)
        if len(path) <= tarfile.LENGTH_NAME and max(size, modified) <= _LARGEST_NUMBER:
            return _of_file(path, rights, size, modified)
    info = tarfile.TarInfo(path.decode("utf-8"))
    info.mtime = modified
    if entry.kind == "directory":
        info.type = tarfile.DIRTYPE
        info.mode = 0o755 if public else 0o700
    elif entry.kind == "link":
        info.type = tarfile.SYMTYPE
        info.mode = 0o777
        info.linkname = target.decode("utf-8")
    else:
        info.size, info.mode = size, rights
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _of_file(path: bytes, rights: int, size: int, modified: int) -> bytes:
    """Return a file's header as tarfile writes it, in a third of its time: only names and numbers differ."""
    middle, tail, tail_sum = _same_of_files(rights)
    head = path.ljust(tarfile.LENGTH_NAME, b"\0") + middle + b"%011o\0%011o\0" % (size, modified)
    return head + b"%06o\0 " % (sum(head) + tail_sum) + tail


@lru_cache(maxsize=8)
def _same_of_files(rights: int) -> tuple[bytes, bytes, int]:
    """Return (bytes between name and size, bytes after the checksum, their sum with a blank checksum)."""
    info = tarfile.TarInfo("")
    info.mode = rights
    whole = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")
    return whole[100:124], whole[156:], sum(whole[156:]) + 8 * ord(" ")


def zlib_version() -> str:
    """Return the version of the zlib in use: reproducible bytes need the same one."""
    return zlib.ZLIB_RUNTIME_VERSION
