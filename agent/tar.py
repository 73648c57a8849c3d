"""A lean reader for our own shards: ustar with GNU long names, holding files, folders and links and nothing else."""

import re

from shared.errors import ShoplaunchError

BLOCK = 512
FILE = b"0"
FOLDER = b"5"
LINK = b"2"
_LONG_NAME = b"L"
_LONG_TARGET = b"K"
_END = bytes(BLOCK)
#: Python's own reading of numbers also takes signs and underscores.
_OCTAL = re.compile(rb"[0-7]*\Z")


class Entry:
    """One member: `kind`, `path` and `target` (bytes), `mode`, `mtime` (seconds), content at `start`..`end`."""

    __slots__ = ("end", "kind", "mode", "mtime", "path", "start", "target")

    def __init__(self, kind, path, target, mode, mtime, start, end):
        self.kind = kind
        self.path = path
        self.target = target
        self.mode = mode
        self.mtime = mtime
        self.start = start
        self.end = end


def entries(data):
    """Yield the `Entry` objects of the archive in `data` (bytes or bytearray).

    Raises ShoplaunchError `unsafe_path` for hard links, devices and other kinds, `bundle_damaged` for broken headers.
    """
    position = 0
    path = target = None
    while position + BLOCK <= len(data):
        header = bytes(data[position : position + BLOCK])
        if header == _END:
            return
        kind = header[156:157]
        size = _number(header[124:136])
        start = position + BLOCK
        end = start + size
        if end > len(data):
            raise ShoplaunchError("bundle_damaged", "a shard ends within a file")
        position = start + (size + BLOCK - 1) // BLOCK * BLOCK
        if kind == _LONG_NAME:
            path = bytes(data[start:end]).rstrip(b"\0")
        elif kind == _LONG_TARGET:
            target = bytes(data[start:end]).rstrip(b"\0")
        elif kind in (FILE, FOLDER, LINK, b"\0"):
            name = _name(header) if path is None else path
            aim = header[157:257].partition(b"\0")[0] if target is None else target
            mode = _number(header[100:108])
            mtime = _number(header[136:148])
            yield Entry(FILE if kind == b"\0" else kind, name.rstrip(b"/"), aim, mode, mtime, start, end)
            path = target = None
        else:
            raise ShoplaunchError("unsafe_path", "a shard holds a member of kind {!r}".format(kind))


def _name(header):
    name = header[0:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _number(field):
    digits = field.strip(b" \0")
    if not _OCTAL.match(digits):
        raise ShoplaunchError("bundle_damaged", "a shard's header is broken")
    return int(digits or b"0", 8)
