"""Opens a dump file, in any usual compression, as pieces of plain SQL text."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from controller.recipes.tree.archive_streams import (
    METHOD_NAMES,
    PIECE_BYTES,
    Tar,
    Xz,
    ZipStream,
    files_of,
    is_bounded,
)
from shared.errors import ShoplaunchError

_EDGE_BYTES = 4096
_ZIP = b"PK\x03\x04"
_READERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda packed: gzip.GzipFile(fileobj=packed),
    b"\xfd7zXZ\0": lambda packed: io.BufferedReader(Xz(packed)),
    b"BZh": bz2.BZ2File,
}
_OTHER_FORMS = {b"7z\xbc\xaf": "7z", b"\x28\xb5\x2f\xfd": "zstd", b"Rar!": "rar", b"\x04\x22\x4d\x18": "lz4"}
_TAR_SIGN = (257, b"ustar")
_BOM = b"\xef\xbb\xbf"
_WIDE_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
#: SQL begins in ASCII: in UTF-16 without a byte order mark every second byte is zero.
_WIDE_STARTS = (
    (re.compile(rb"(?:[\t-~]\0){8}"), "utf-16-le"),
    (re.compile(rb"(?:\0[\t-~]){8}"), "utf-16-be"),
)  # fmt: skip
#: A line of dashes without its first: the rest of a comment where a dump was cut out of a longer one.
_BROKEN_RULE = re.compile(rb"\A- ?-[- ]{8,}(?=\r?\n)")
_SHOWN_NAMES = 5


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the text of a dump that is plain or in gzip, zip, xz, bzip2 or tar, as UTF-8 without a byte order mark.

    Raises ShoplaunchError `dump_truncated` when a compressed one is cut short, `dump_unreadable` when it is damaged,
    not text, in another format, or an archive of several files.
    """
    if path.is_dir():
        raise ShoplaunchError("dump_unreadable", f"{path} is a folder{_of(sorted(_dumps_in(path)))}; give one file")
    try:
        with path.open("rb") as packed, _opened(packed) as stream:
            head = stream.read(PIECE_BYTES)
            decode = _decoder(head)
            head = decode(head).removeprefix(_BOM)
            _check_text(head[:_EDGE_BYTES])
            yield _BROKEN_RULE.sub(_as_comment, head, count=1)
            for piece in iter(lambda: stream.read(PIECE_BYTES), b""):
                yield decode(piece)
    except EOFError as problem:
        raise ShoplaunchError("dump_truncated", "the compressed dump is cut short") from problem
    except UnicodeDecodeError as problem:
        raise ShoplaunchError("dump_unreadable", "the dump begins as UTF-16 and goes on as something else") from problem
    except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError) as problem:
        raise ShoplaunchError("dump_unreadable", f"the compressed dump is damaged: {problem}") from problem
    except OSError as problem:
        raise ShoplaunchError("dump_unreadable", f"{path}: {problem.strerror or problem}") from problem


@contextmanager
def _opened(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    head = packed.read(8)
    packed.seek(0)
    for sign, form in _OTHER_FORMS.items():
        if head.startswith(sign):
            raise ShoplaunchError("dump_unreadable", f"the dump is compressed as {form}; unpack it first")
    if head.startswith(_ZIP):
        with _in_zip(packed) as stream:
            yield stream
        return
    reader = next((reader for sign, reader in _READERS.items() if head.startswith(sign)), None)
    with ExitStack() as stack:
        stream = packed if reader is None else stack.enter_context(reader(packed))
        is_tar = _is_tar(stream)
        packed.seek(0)
        stream = packed if reader is None else stack.enter_context(reader(packed))
        yield stack.enter_context(_in_tar(stream)) if is_tar else stream


def _is_tar(stream: IO[bytes]) -> bool:
    place, sign = _TAR_SIGN
    return stream.read(place + len(sign))[place:] == sign


@contextmanager
def _in_tar(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield the one dump of a tar archive; the archive is a stream and can be read only once."""
    with Tar(stream) as archive:
        named = files_of(archive, ".sql")
        _require_one([one.name for one in named])
        with archive.content(named[0]) as found:
            yield found


@contextmanager
def _in_zip(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield the one dump of a ZIP archive."""
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(cast(IO[bytes], ZipStream(packed))))
            stream = stack.enter_context(archive.open(_only_dump(archive)))
        except (NotImplementedError, RuntimeError, ValueError) as problem:
            # A version, a patch or an encryption that is not known here; a name that is no text
            raise zipfile.BadZipFile(str(problem)) from problem
        yield stream


def _only_dump(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the archive's dump: its only file, or its only `.sql` file."""
    files = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    found = [one for one in files if one.filename.lower().endswith(".sql")] or files
    _require_one([one.filename for one in found])
    if found[0].flag_bits & 1:
        raise ShoplaunchError("dump_unreadable", "the archive is encrypted")
    if not is_bounded(found[0]):
        form = METHOD_NAMES.get(found[0].compress_type, "something else")
        raise ShoplaunchError("dump_unreadable", f"in the archive the dump is compressed as {form}; unpack it first")
    return found[0]


def _require_one(names: Sequence[str]) -> None:
    if len(names) != 1:
        raise ShoplaunchError("dump_unreadable", f"the archive holds {len(names)} dumps{_of(names)}; give one of them")


def _of(names: Sequence[str]) -> str:
    """Return a clause with the first few names, "" for none."""
    if not names:
        return ""
    shown = ", ".join("".join(c if c.isprintable() else "?" for c in name[-60:]) for name in names[:_SHOWN_NAMES])
    return f" ({shown}{' …' if len(names) > _SHOWN_NAMES else ''})"


def _dumps_in(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        if ".sql" in entry.name.lower():
            yield entry.name


def _decoder(head: bytes) -> Callable[[bytes], bytes]:
    """Return the function that converts the dump's pieces, in order, to UTF-8."""
    wide = next((name for mark, name in _WIDE_BOMS.items() if head.startswith(mark)), None)
    wide = wide or next((name for start, name in _WIDE_STARTS if start.match(head)), None)
    if wide is None:
        return bytes
    decoder = codecs.getincrementaldecoder(wide)()
    # The byte order mark becomes that of UTF-8
    return lambda piece: decoder.decode(piece).encode("utf-8", "surrogatepass")


def _as_comment(rule: re.Match[bytes]) -> bytes:
    # The length is kept: places are reported in bytes
    return b"--".ljust(len(rule.group()))


def _check_text(head: bytes) -> None:
    if b"\0" in head:
        raise ShoplaunchError("dump_unreadable", "the dump is no text")
