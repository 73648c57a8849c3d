"""Describes a bundle file, checked member by member."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from controller.bundles.residue.bundle_reader import check_members, open_bundle

if TYPE_CHECKING:
    from shared.documents import Manifest


class Description(TypedDict):
    """A bundle file; `size` in bytes."""

    file: str
    size: int
    manifest_sha256: str
    manifest: Manifest


def describe(path: Path) -> Description:
    """Return what a bundle file holds, once every member matched its digest.

    Raises ShoplaunchError `bundle_missing`, `bundle_damaged`, `bundle_digest`, `manifest_invalid`.
    """
    with open_bundle(path) as bundle:
        check_members(bundle)
        return {
            "file": str(path),
            "size": bundle.size,
            "manifest_sha256": bundle.manifest_sha256,
            "manifest": bundle.manifest,
        }
