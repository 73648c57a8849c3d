"""Opens the bundle, fetches it if necessary: its manifest is pinned by the job, each member is read once and hashed."""

import hashlib
import os
import struct

from agent.base.openssl import sha256_hex
from agent.base.plain_files import is_there
from shared.archive import directory
from shared.bundle import MANIFEST, MAX_MANIFEST_BYTES, load_manifest
from shared.errors import ShoplaunchError
from shared.job import BUNDLE_FILE

MYPY = False
if MYPY:
    from typing import Callable, Iterator

    from agent.reporting.http import HttpClient
    from shared.documents import Job, Member, PinnedBundle

#: Errors after which the job's address is tried: another bundle in the skeleton, a damaged one, or none.
ELSEWHERE = ("bundle_missing", "bundle_damaged", "bundle_digest", "bundle_format")
#: Piece size for a member too large for memory.
PIECE_BYTES = 256 * 1024
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


class Bundle:
    """An open bundle whose manifest has the digest the job pins.

    `manifest` is the checked dict. Safe to use from several threads. Raises ShoplaunchError at construction:
    `bundle_damaged` (no complete ZIP of stored, listed, safely named members), `bundle_digest`, `manifest_invalid`,
    `bundle_format`; OSError.
    """

    def __init__(self, path: str, pinned: "PinnedBundle") -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if os.fstat(self._descriptor).st_size != pinned["size"]:
                raise ShoplaunchError("bundle_damaged", "the bundle is not {} bytes long".format(pinned["size"]))
            with os.fdopen(os.dup(self._descriptor), "rb") as stream:
                self._entries = directory(stream)
            raw = self._read_entry(MANIFEST, MAX_MANIFEST_BYTES)
            if sha256_hex(raw) != pinned["manifest_sha256"]:
                raise ShoplaunchError("bundle_digest", "this is not the bundle the job names")
            self.manifest = load_manifest(raw)
            self._check_members()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _check_members(self) -> None:
        listed = {member["name"]: member["size"] for member in self.manifest["members"]}
        listed[MANIFEST] = self._entries[MANIFEST].size
        found = {name: entry.size for name, entry in self._entries.items()}
        if listed != found:
            name = sorted(set(listed.items()) ^ set(found.items()))[0][0]
            raise ShoplaunchError("bundle_damaged", "{} is not as the manifest says".format(name))

    def read(self, member: "Member") -> bytes:
        """Return the packed bytes of `member` (entry of the manifest) after checking their digest.

        Raises ShoplaunchError `bundle_digest`, `bundle_damaged`.
        """
        data = self._read_entry(member["name"], member["size"])
        if sha256_hex(data) != member["sha256"]:
            raise ShoplaunchError("bundle_digest", "{} does not match its digest".format(member["name"]))
        return data

    def pieces(self, member: "Member") -> "Iterator[bytes]":
        """Yield the packed bytes of a `member` too large for memory.

        The digest is checked at the end: until then, nothing made of the bytes may be used. Raises like `read`.
        """
        start, size = self._place(member["name"], member["size"])
        end, digest = start + size, hashlib.sha256()
        while start < end:
            piece = os.pread(self._descriptor, min(PIECE_BYTES, end - start), start)
            if not piece:
                raise ShoplaunchError("bundle_damaged", "{} is cut short".format(member["name"]))
            start += len(piece)
            digest.update(piece)
            yield piece
        if digest.hexdigest() != member["sha256"]:
            raise ShoplaunchError("bundle_digest", "{} does not match its digest".format(member["name"]))

    def _read_entry(self, name: str, limit: int) -> bytes:
        start, size = self._place(name, limit)
        data = _pread_all(self._descriptor, size, start)
        if len(data) != size:
            raise ShoplaunchError("bundle_damaged", "{} is cut short".format(name))
        return data

    def _place(self, name: str, limit: int) -> "tuple[int, int]":
        """Return (start, size) of the bytes of member `name`, at most `limit` of them."""
        entry = self._entries.get(name)
        if entry is None or entry.size > limit:
            raise ShoplaunchError("bundle_damaged", "the bundle has no usable {}".format(name))
        header = os.pread(self._descriptor, _LOCAL_HEADER.size, entry.start)
        if len(header) != _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
            raise ShoplaunchError("bundle_damaged", "{} has no header".format(name))
        name_length, extra_length = _LOCAL_HEADER.unpack(header)[-2:]
        return entry.start + _LOCAL_HEADER.size + name_length + extra_length, entry.size

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _pread_all(descriptor: int, size: int, start: int) -> bytes:
    pieces = []
    while size > 0:
        piece = os.pread(descriptor, size, start)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
        start += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def open_bundle(
    job: "Job",
    folder: str,
    client: "HttpClient | None" = None,
    check: "Callable[[], None] | None" = None,
    progress: "Callable[[float], None] | None" = None,
) -> "Bundle":
    """Return the job's Bundle: from the path the job names, the account's own, or fetched from the job's address.

    Where the job names an address, the next place is tried after one without the right bundle. `client`
    (http.HttpClient) is needed to fetch; `check()` and `progress(fraction)` are called while fetching. Raises
    ShoplaunchError `bundle_missing` and those of Bundle; OSError.
    """
    pinned = job["bundle"]
    own = own_bundle_path(folder)
    places = [pinned["path"]] if "path" in pinned else []
    if "url" in pinned or not places:
        places.append(own)
    for place in places:
        try:
            return _open_at(place, pinned)
        except ShoplaunchError as error:
            if "url" not in pinned or error.code not in ELSEWHERE:
                raise
            problem = error
    if client is None:
        raise problem
    # Imported here: few accounts fetch their bundle
    from agent.bundle.fetch import fetch
    from agent.bundle.source import source_of

    fetch(source_of(job, client), own, check, progress)
    return Bundle(own, pinned)


def open_early(job: "Job", folder: str) -> "Bundle | None":
    """Return the Bundle like `open_bundle` when it is there already; None without one, or when opening fails: stage
    verify reports the reason."""
    try:
        return open_bundle(job, folder) if "bundle" in job else None
    except Exception:  # noqa: BLE001 - stage verify meets every error again
        return None


def _open_at(place: str, pinned: "PinnedBundle") -> "Bundle":
    if not os.path.isfile(place) or not os.access(place, os.R_OK):
        raise ShoplaunchError("bundle_missing", "{} is not there".format(place))
    return Bundle(place, pinned)


def forget_fetched(job: "Job", folder: str) -> None:
    """Remove a fetched bundle that proved damaged, so that the next attempt fetches it again."""
    if "url" in job.get("bundle", {}) and is_there(own_bundle_path(folder)):
        os.unlink(own_bundle_path(folder))


def own_bundle_path(folder: str) -> str:
    """Return the path of the account's own bundle in `folder` (~/.shoplaunch)."""
    return os.path.join(folder, BUNDLE_FILE)
