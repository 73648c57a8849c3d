"""Describes a bundle file, checked member by member."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.bundles.residue.bundle_reader import check_members, open_bundle


def describe(path: Path) -> dict[str, Any]:
    """Return {"file", "size", "manifest_sha256", "manifest"} of a bundle whose every member matched its digest.

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
