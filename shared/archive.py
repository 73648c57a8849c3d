"""The directory of a bundle's ZIP, read within bounds: plainly stored members with safe names, side by side."""

import errno
import struct
import zipfile
import zlib

from shared.bundle import check_path
from shared.errors import ShoplaunchError

#: Some sixty thousand members, a hundred times what a large shop has. What claims more is not even read.
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
#: What the library raises over bytes that were altered; RuntimeError: it takes a member for an encrypted one.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, LookupError, RuntimeError, ValueError,
    OverflowError,
)  # fmt: skip


class _Bounded:
    """What zipfile needs of a stream, no piece of it larger than a directory may be."""

    def __init__(self, stream):
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, size=-1):
        if size > MAX_DIRECTORY_BYTES:
            raise ShoplaunchError("bundle_damaged", "the bundle claims a directory of {} bytes".format(size))
        return self._stream.read(MAX_DIRECTORY_BYTES if size < 0 else size)


def directory(stream):
    """Return name -> zipfile.ZipInfo of the bundle open for reading as `stream` (binary, seekable).

    Raises ShoplaunchError `bundle_damaged` (no complete ZIP of plainly stored members that lie side by side, each
    name once), `unsafe_path`; OSError.
    """
    try:
        with zipfile.ZipFile(_Bounded(stream)) as archive:
            infos = archive.infolist()
    except DAMAGE:
        raise ShoplaunchError("bundle_damaged", "the bundle is not a complete ZIP file") from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # A position before the beginning of the file
        raise ShoplaunchError("bundle_damaged", "the bundle's directory is damaged") from None
    size = stream.seek(0, 2)
    entries = {}
    for info in infos:
        _check(info, size)
        if info.filename in entries:
            raise ShoplaunchError("bundle_damaged", "{} is there twice".format(info.filename))
        entries[info.filename] = info
    # What is packed once and listed a thousand times would be read a thousand times
    if sum(info.file_size for info in infos) > size:
        raise ShoplaunchError("bundle_damaged", "the bundle's members lie over one another")
    return entries


def _check(info, size):
    check_path(info.filename.encode("utf-8", "surrogateescape"))
    if not 0 <= info.header_offset < size:
        raise ShoplaunchError("bundle_damaged", "{} lies outside the file".format(info.filename))
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.compress_size != info.file_size:
        raise ShoplaunchError("bundle_damaged", "{} is not stored plainly".format(info.filename))
