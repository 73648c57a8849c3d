"""What a shop's later jobs need of its bundle, kept with its job: the bundle of that name may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def of_manifest(manifest: Mapping[str, Any], admin_folder: str) -> dict[str, Any]:
    """Return {"nonce", "jobs", "checks", "admin_folder"}."""
    return {
        "nonce": manifest["nonce"],
        "jobs": manifest["jobs"],
        "checks": manifest["checks"],
        "admin_folder": admin_folder,
    }
