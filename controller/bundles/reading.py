"""Reads a finished bundle: its manifest, its members checked against their digests."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.bundle import MANIFEST, MAX_MANIFEST_BYTES, load_manifest
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

Manifest = dict[str, Any]


class BundleFile:
    """An open bundle; `manifest` is checked, `manifest_sha256` and `size` are what a job pins."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = archive.namelist()
        if len(set(names)) != len(names) or MANIFEST not in names:
            raise ShoplaunchError("bundle_damaged", "the bundle has no manifest, or a member twice")
        if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
            raise ShoplaunchError("manifest_invalid", "the manifest is too large")
        data = archive.read(MANIFEST)
        self.manifest: Manifest = load_manifest(data)
        self.manifest_sha256: str = sha256_hex(data)
        self.size = path.stat().st_size
        expected = {member["name"] for member in self.manifest["members"]} | {MANIFEST}
        if set(names) != expected:
            raise ShoplaunchError("bundle_damaged", "the bundle's members are not those of its manifest")

    def members(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Yield (manifest entry, packed bytes) of every member. Raises ShoplaunchError `bundle_digest`."""
        for member in self.manifest["members"]:
            yield member, self.read(member)

    def read(self, member: dict[str, Any]) -> bytes:
        """Return a member's packed bytes. Raises ShoplaunchError `bundle_digest`, `bundle_damaged`."""
        with damage():
            data = self._archive.read(member["name"])
        if len(data) != member["size"] or sha256_hex(data) != member["sha256"]:
            raise ShoplaunchError("bundle_digest", f"{member['name']} does not match its digest")
        return data


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleFile]:
    """Give the bundle at `path`. Raises ShoplaunchError `bundle_missing`, `bundle_damaged`, `manifest_invalid`."""
    if not path.is_file():
        raise ShoplaunchError("bundle_missing", f"there is no file {path}")
    with damage(), zipfile.ZipFile(path) as archive:
        yield BundleFile(path, archive)


def check_members(bundle: BundleFile) -> None:
    """Read every member and compare its digest. Raises ShoplaunchError `bundle_digest`."""
    for _ in bundle.members():
        pass


@contextmanager
def damage() -> Iterator[None]:
    """Turn what a cut or altered file makes of a ZIP into ShoplaunchError `bundle_damaged`."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError) as problem:
        raise ShoplaunchError("bundle_damaged", f"the bundle cannot be read: {problem}"[:300]) from problem
