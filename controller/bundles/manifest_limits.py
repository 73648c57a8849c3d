"""Limits on what a manifest asks of the controller: secrets, keys, visits and texts; a bundle may be a stranger's.

Agents bound what they unpack by the account's own limits; here one bundle would hold up every job.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest

#: Many times what any application has. Keys of RSA take a third of a second each.
MOST_SECRETS, MOST_SECRET_CHARS, MOST_RSA = 500, 4096, 16
#: What is stored with every job for its follow-up jobs, and visited of its shop.
MOST_JOB_CHARS, MOST_CHECKS = 1024 * 1024, 200
MOST_NAMES, MOST_NAME_CHARS = 1000, 255
#: Of names that have a column of the database.
MOST_COLUMN_CHARS = 64
#: Persian is written with them, and Python counts them as not printable.
_JOINERS = {0x200C: None, 0x200D: None}
_PHP = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}\Z")


def require(manifest: Manifest) -> None:
    """Raise ShoplaunchError `manifest_invalid` for a manifest that asks for more than that."""
    for problem, is_one in _problems(manifest):
        if is_one:
            raise ShoplaunchError("manifest_invalid", f"manifest: {problem}")


def _problems(manifest: Manifest) -> Iterator[tuple[str, bool]]:
    """Yield (what is too much, whether it is)."""
    secrets: list[Any] = list(manifest["secrets"])
    yield f"more than {MOST_SECRETS} secrets", len(secrets) > MOST_SECRETS
    chars = (max(one.get("length") or 0, len(one.get("prefix", ""))) for one in secrets)
    yield f"a secret of more than {MOST_SECRET_CHARS} characters", max(chars, default=0) > MOST_SECRET_CHARS
    pairs = sum(one["format"] == "rsa_private" for one in secrets)
    yield f"more than {MOST_RSA} pairs of RSA keys", pairs > MOST_RSA
    php: Any = manifest["requirements"]["php"]
    versions = [php["min"], php.get("max"), php.get("preferred")]
    yield "a version of PHP that is none", not all(_PHP.match(one) for one in versions if one is not None)
    yield f"more than {MOST_CHECKS} checks", len(manifest["checks"]) > MOST_CHECKS
    stored = len(json.dumps([manifest["checks"], manifest["jobs"]]))
    yield f"more than {MOST_JOB_CHARS} characters of checks and follow-up jobs", stored > MOST_JOB_CHARS
    for what, names, most in _names(manifest, php):
        yield f"more than {MOST_NAMES} {what}", len(names) > MOST_NAMES
        yield f"names of {what} that nobody can read", not all(_is_readable(name, most) for name in names)


def _names(manifest: Manifest, php: Any) -> Iterator[tuple[str, list[Any], int]]:
    """Yield (what, its names, how long they may be) of what is stored, printed and compared by name."""
    application: Any = manifest["application"]
    yield "applications", [application["name"], application["version"]], MOST_COLUMN_CHARS
    yield "secrets", [one["name"] for one in manifest["secrets"]], MOST_COLUMN_CHARS
    variants: list[Any] = list(manifest["variants"])
    titles = [one.get("title", "") for one in variants]
    yield "variants", [*(one["name"] for one in variants), *titles], MOST_NAME_CHARS
    yield "extensions of PHP", list(php["extensions"]), MOST_NAME_CHARS
    yield "checks", [one["name"] for one in manifest["checks"]], MOST_NAME_CHARS
    report: Any = manifest.get("report", {})
    for key in ("languages", "currencies"):
        listed = report.get(key, [])
        # What is no list has no name that anybody can read
        yield key, listed if isinstance(listed, list) else [listed], MOST_NAME_CHARS


def _is_readable(name: object, most: int) -> bool:
    return isinstance(name, str) and len(name) <= most and name.translate(_JOINERS).isprintable()
