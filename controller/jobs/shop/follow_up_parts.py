"""What a shop's follow-up jobs need of its bundle, stored with its job: the bundle of that name may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.db.documents import FollowUpParts
from controller.jobs.shop import password_formats

if TYPE_CHECKING:
    from shared.documents import Manifest


def of_manifest(manifest: Manifest, admin_folder: str) -> FollowUpParts:
    """Return the parts of a restored shop's bundle."""
    return {
        "nonce": manifest["nonce"],
        "jobs": manifest["jobs"],
        "checks": manifest["checks"],
        "admin_folder": admin_folder,
        "password_format": password_formats.format_of(manifest),
    }
