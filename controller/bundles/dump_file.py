"""Opens a dump file, compressed in whatever way a tool or a person did it, as pieces of plain SQL text."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from shared.errors import ShoplaunchError

PIECE_BYTES = 256 * 1024
_EDGE_BYTES = 4096
_ZIP = b"PK\x03\x04"
_READERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda packed: gzip.GzipFile(fileobj=packed),
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_OTHER_FORMS = {b"7z\xbc\xaf": "7z", b"\x28\xb5\x2f\xfd": "zstd", b"Rar!": "rar"}
_BOM = b"\xef\xbb\xbf"


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the text of a dump that is plain or in gzip, zip, xz or bzip2, without a byte order mark.

    Raises ShoplaunchError `dump_truncated` when a compressed one is cut short, `dump_unreadable` when it is damaged, no
    text, in another form, or an archive of several files.
    """
    try:
        with path.open("rb") as packed, _opened(packed) as stream:
            head = stream.read(PIECE_BYTES)
            _check_text(head[:_EDGE_BYTES])
            yield head.removeprefix(_BOM)
            yield from iter(lambda: stream.read(PIECE_BYTES), b"")
    except EOFError as problem:
        raise ShoplaunchError("dump_truncated", "the compressed dump is cut short") from problem
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as problem:
        raise ShoplaunchError("dump_unreadable", f"the compressed dump is damaged: {problem}") from problem
    except OSError as problem:
        raise ShoplaunchError("dump_unreadable", f"{path}: {problem.strerror or problem}") from problem


@contextmanager
def _opened(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    head = packed.read(8)
    packed.seek(0)
    for sign, form in _OTHER_FORMS.items():
        if head.startswith(sign):
            raise ShoplaunchError("dump_unreadable", f"the dump is compressed as {form}")
    if head.startswith(_ZIP):
        with zipfile.ZipFile(packed) as archive, archive.open(_only_dump(archive)) as stream:
            yield stream
        return
    with ExitStack() as stack:
        for sign, reader in _READERS.items():
            if head.startswith(sign):
                packed = stack.enter_context(reader(packed))
        yield packed


def _only_dump(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the archive's dump: its one file, or its one file called `.sql`."""
    files = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    named = [one for one in files if one.filename.lower().endswith(".sql")]
    found = named or files
    if len(found) != 1:
        raise ShoplaunchError("dump_unreadable", f"the archive holds {len(found)} dumps; give one of them")
    if found[0].flag_bits & 1:
        raise ShoplaunchError("dump_unreadable", "the archive is encrypted")
    return found[0]


def _check_text(head: bytes) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ShoplaunchError("dump_unreadable", "the dump is UTF-16 text; export it as UTF-8")
    if b"\0" in head:
        raise ShoplaunchError("dump_unreadable", "the dump is no text")
