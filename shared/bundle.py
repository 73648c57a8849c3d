"""The bundle format: names and limits for both sides, member paths, the manifest."""

import json
import re

from shared.encoding import is_text
from shared.errors import ShoplaunchError
from shared.schema import validate

MYPY = False
if MYPY:
    from shared.documents import Manifest, Member, Variant

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
#: Limit for names and row counts of all tables in the agent's final report; `state.json` holds them too.
MAX_TABLES_BYTES = 512 * 1024
SHARD_PACKED_BYTES = 8 * 1024 * 1024
SHARD_UNPACKED_BYTES = 16 * 1024 * 1024
#: Kinds of members that hold files.
SHARDS = ("files", "variant_files")
CHUNK_UNPACKED_BYTES = 1024 * 1024
#: The largest file of a template: one with placeholders is held in memory.
MAX_FILE_BYTES = 1024 * 1024 * 1024
#: The largest unpacked member: a file of that size and its headers.
MAX_MEMBER_BYTES = MAX_FILE_BYTES + 64 * 1024
#: Response header of the controller: the least bytes per second it sends to a downloading agent, where that is little.
LEAST_RATE_HEADER = "X-Shoplaunch-Least-Rate"
#: Path limits of Linux file systems, in bytes.
MAX_PATH_BYTES = 4095
MAX_NAME_BYTES = 255
#: Most parts of a path: folders are entered one after the other, and each is open meanwhile. No shop has a tenth of it.
MAX_PATH_PARTS = 200

#: Our own tables in the target database; a template must not have them.
LEDGER_TABLE = "shoplaunch_ledger"
ATTEMPT_TABLE = "shoplaunch_attempt"

#: The session that the packer's scratch server and the agent use, so that the same bytes mean the same rows.
#: Strict, but zero dates, which old shops have, are stored without a warning.
SQL_MODE = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
SESSION = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode='{}', time_zone='+00:00', foreign_key_checks=0, unique_checks=1".format(SQL_MODE),
)

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_SAFE_NAME = rb"(?!\.\.?(?:/|\Z))[^/\\\x00-\x1f\x7f]{1,%d}" % MAX_NAME_BYTES
#: One expression, because it is matched against every member.
_SAFE_PATH = re.compile(rb"%b(?:/%b)*\Z" % (_SAFE_NAME, _SAFE_NAME))


def check_path(path: bytes) -> bytes:
    """Return `path` (bytes, relative, `/` between parts) when it is safe below any root.

    Raises ShoplaunchError `unsafe_path` for absolute paths, empty, `.` or `..` parts, control characters, names longer
    than Linux allows and more than MAX_PATH_PARTS parts.
    """
    if len(path) > MAX_PATH_BYTES or path.count(b"/") >= MAX_PATH_PARTS or not _SAFE_PATH.match(path):
        raise ShoplaunchError("unsafe_path", "a member's path is not safe: {!r}".format(path[:120]))
    return path


def check_link(path: bytes, target: bytes) -> bytes:
    """Return `target` (bytes) when the symbolic link `path` -> `target` stays inside the tree.

    Raises ShoplaunchError `unsafe_path` for absolute targets, targets that climb above the root, and targets with
    `..` after a name: that name may be a link, and the resulting location is unknown.
    """
    if not target or target.startswith(b"/") or len(target) > MAX_PATH_BYTES or _CONTROL.search(target):
        raise ShoplaunchError("unsafe_path", "a link's target is not safe: {!r}".format(target[:120]))
    depth = path.count(b"/")
    named = False
    for part in target.split(b"/"):
        if part == b"..":
            depth -= 1
        elif part not in (b"", b"."):
            named = True
        if part == b".." and (named or depth < 0):
            raise ShoplaunchError("unsafe_path", "a link may leave the tree: {!r}".format(path[:120]))
    return target


def load_manifest(data: bytes) -> "Manifest":
    """Return the manifest in `data` (bytes) as a dict.

    Raises ShoplaunchError `manifest_invalid` when it is not JSON of our schema, `bundle_format` for a newer format.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise ShoplaunchError("manifest_invalid", "the manifest is larger than {} bytes".format(MAX_MANIFEST_BYTES))
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ShoplaunchError("manifest_invalid", "the manifest is not JSON") from None
    if isinstance(found, dict) and found.get("format") != FORMAT:
        raise ShoplaunchError("bundle_format", "the bundle's format is {!r}".format(found.get("format")))
    manifest: "Manifest" = validate("manifest", found, "manifest_invalid")
    if not is_text(manifest):
        raise ShoplaunchError("manifest_invalid", "the manifest holds what is not text")
    names = [member["name"] for member in manifest["members"]]
    if len(set(names)) != len(names):
        raise ShoplaunchError("manifest_invalid", "a member is listed twice")
    return manifest


def members_of(manifest: "Manifest", kind: str) -> "list[Member]":
    """Return the manifest's members of `kind` in the order of use."""
    return [member for member in manifest["members"] if member["kind"] == kind]


def variant_of(manifest: "Manifest", name: "str | None") -> "Variant | None":
    """Return the manifest's entry of the variant `name`; None for None, the unchanged template.

    Raises ShoplaunchError `variant_unknown`.
    """
    if name is None:
        return None
    for entry in manifest["variants"]:
        if entry["name"] == name:
            return entry
    raise ShoplaunchError("variant_unknown", "the bundle has no variant {!r}".format(name[:80]))


def shards_of(manifest: "Manifest", variant: "str | None") -> "list[Member]":
    """Return the shards of a shop with the variant named `variant` (or None): common ones first, then the variant's."""
    own = [member for member in members_of(manifest, "variant_files") if member.get("variant") == variant]
    return members_of(manifest, "files") + own
