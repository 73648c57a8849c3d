"""A minimal reader for our own shards: ustar with GNU long names; only files, folders and links."""

import functools

from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Iterable, Iterator

BLOCK = 512
FILE = b"0"
FOLDER = b"5"
LINK = b"2"
_LONG_NAME = b"L"
_LONG_TARGET = b"K"
_END = bytes(BLOCK)
#: Larger content is read in pieces.
MAX_HELD_BYTES = 1024 * 1024


class Window:
    """An archive whose bytes come in `pieces` (bytes): one of them is held at a time.

    `look(data)` is called for everything taken as a whole, at the latest when it is taken, rarely twice for the same
    bytes; `seen` is its result for the pieces that hold the bytes taken last.
    """

    def __init__(self, pieces: "Iterable[bytes]", look: "Callable[[bytes], bool] | None" = None) -> None:
        self._pieces = iter(pieces)
        self._look = look or (lambda data: False)
        self._before = 0
        self._at: int
        self._seen: "bool | None"
        self._hold(b"")
        self.seen = False

    @property
    def offset(self) -> int:
        """Return how many bytes have been read."""
        return self._before + self._at

    def take(self, size: int) -> memoryview:
        """Return the next `size` bytes as a memoryview; fewer where the archive ends."""
        at, end = self._at, self._at + size
        if end > len(self._data):
            return self._across(size)
        if self._seen is None:
            self._seen = self._look(self._data)
        self.seen = self._seen
        self._at = end
        return self._view[at:end]

    def some(self, most: int) -> memoryview:
        """Return the held part of the next `most` bytes; empty only at the end of the archive."""
        while self._at == len(self._data) and self._next():
            continue
        taken = self._view[self._at : self._at + most]
        self._at += len(taken)
        return taken

    def block(self) -> bytes:
        """Return the next BLOCK bytes; fewer where the archive ends."""
        at = self._at
        if len(self._data) - at < BLOCK:
            return bytes(self.take(BLOCK))
        self._at = at + BLOCK
        return self._data[at : self._at]

    def pass_to(self, end: int) -> bool:
        """Skip to the offset `end` rounded up to a whole block, as far as the archive goes; return whether it reaches
        `end`."""
        at = end + -end % BLOCK - self._before
        if at <= len(self._data):
            self._at = at
            return True
        self.skip(at - self._at)
        return self.offset >= end

    def skip(self, size: int) -> None:
        """Skip `size` bytes, or all there are."""
        while size > 0:
            passed = len(self.some(size))
            if not passed:
                return
            size -= passed

    def drain(self) -> None:
        """Read to the end, so that the source checks its pieces."""
        while self.some(MAX_HELD_BYTES):
            continue

    def _across(self, size: int) -> memoryview:
        """Return the same as `take` where the bytes span several pieces."""
        parts = [self.some(size)]
        missing = size - len(parts[0])
        while missing > 0 and self._next():
            parts.append(self.some(missing))
            missing -= len(parts[-1])
        data = b"".join(parts)
        self.seen = self._look(data)
        return memoryview(data)

    def _next(self) -> bool:
        """Hold the next piece after this one is used up; return whether there was one."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._before += len(self._data)
        self._hold(piece)
        return True

    def _hold(self, piece: bytes) -> None:
        self._data, self._view, self._at = piece, memoryview(piece), 0
        # Not searched yet: a file that spans several pieces is searched elsewhere
        self._seen = None


class Entry:
    """One member: `kind`, `path` and `target` (bytes), `mode`, `mtime` (seconds), and `size` bytes of content.

    `mode` and `mtime` are read from `header`, its block of the archive, which raises ShoplaunchError `bundle_damaged`.
    The content can be read once, whole or in pieces, before the next entry is requested.
    """

    __slots__ = ("_window", "kind", "mode", "mtime", "path", "size", "target")

    def __init__(
        self, kind: bytes, path: bytes, target: "bytes | None", header: bytes, size: int, window: "Window"
    ) -> None:
        self.kind = kind
        self.path = path
        self.target = target
        self.mode = _known_number(header[100:108])
        self.mtime = _known_number(header[136:148])
        self.size = size
        self._window = window

    def content(self) -> memoryview:
        """Return the content as a memoryview. Raises ShoplaunchError `bundle_damaged`."""
        return _whole(self._window, self.size)

    def pieces(self) -> "Iterator[memoryview]":
        """Yield the content as memoryviews. Raises ShoplaunchError `bundle_damaged`."""
        left = self.size
        while left > 0:
            piece = self._window.some(left)
            if not piece:
                raise _ended()
            left -= len(piece)
            yield piece


def entries(window: "Window") -> "Iterator[Entry]":
    """Yield the `Entry` objects of the archive in `window` (Window) to its end.

    Raises ShoplaunchError `unsafe_path` for hard links, devices and other kinds, `bundle_damaged` for broken headers.
    """
    path: "bytes | None" = None
    target: "bytes | None" = None
    while True:
        header = window.block()
        if len(header) < BLOCK or header == _END:
            window.drain()
            return
        kind = header[156:157]
        size = _number(header[124:136])
        end = window.offset + size
        if kind == _LONG_NAME:
            path = _long(window, size)
        elif kind == _LONG_TARGET:
            target = _long(window, size)
        elif kind in (FILE, FOLDER, LINK, b"\0"):
            name = _name(header) if path is None else path
            aim = _link_target(header) if target is None and kind == LINK else target
            yield Entry(FILE if kind == b"\0" else kind, name.rstrip(b"/"), aim, header, size, window)
            path = target = None
        else:
            raise ShoplaunchError("unsafe_path", "a shard holds a member of kind {!r}".format(kind))
        if not window.pass_to(end):
            raise _ended()


def _long(window: "Window", size: int) -> bytes:
    if size > MAX_HELD_BYTES:
        raise ShoplaunchError("bundle_damaged", "a shard holds a name of {} bytes".format(size))
    return bytes(_whole(window, size)).rstrip(b"\0")


def _whole(window: "Window", size: int) -> memoryview:
    content = window.take(size)
    if len(content) < size:
        raise _ended()
    return content


def _ended() -> "ShoplaunchError":
    return ShoplaunchError("bundle_damaged", "a shard ends within a file")


def _name(header: bytes) -> bytes:
    name = header[0:100].partition(b"\0")[0]
    if header[257:263] != b"ustar\0" or not header[345]:
        return name
    return header[345:500].partition(b"\0")[0] + b"/" + name


def _link_target(header: bytes) -> bytes:
    return header[157:257].partition(b"\0")[0]


def _number(field: bytes) -> int:
    # int() would also accept signs and underscores
    digits = field.strip(b" \0") or b"0"
    try:
        if digits.isdigit():
            return int(digits, 8)
    except ValueError:
        pass
    raise ShoplaunchError("bundle_damaged", "a shard's header is broken")


# Many files share mode and time
_known_number = functools.lru_cache(maxsize=1024)(_number)
