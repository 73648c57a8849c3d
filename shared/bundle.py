"""The bundle format: names and limits both sides keep to, member paths, the manifest."""

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
#: Names and rows of all tables in the agent's last report: its state, which holds them too, is read through panels.
MAX_TABLES_BYTES = 512 * 1024
SHARD_PACKED_BYTES = 8 * 1024 * 1024
SHARD_UNPACKED_BYTES = 16 * 1024 * 1024
#: Kinds of members that hold files.
SHARDS = ("files", "variant_files")
CHUNK_UNPACKED_BYTES = 1024 * 1024
#: The largest file of a template: one with placeholders is held in memory.
MAX_FILE_BYTES = 1024 * 1024 * 1024
#: A member with such a file in it, unpacked: its headers come to that.
MAX_MEMBER_BYTES = MAX_FILE_BYTES + 64 * 1024
#: Of the controller's answer to who fetches a bundle: the bytes a second it sends at least, where that is little.
LEAST_RATE_HEADER = "X-Shoplaunch-Least-Rate"
#: Path limits of Linux file systems, in bytes.
MAX_PATH_BYTES = 4095
MAX_NAME_BYTES = 255

#: Tables of ours in the target database; a template must not have them.
LEDGER_TABLE = "shoplaunch_ledger"
ATTEMPT_TABLE = "shoplaunch_attempt"

#: The session both the packer's scratch server and the agent use, so that the same bytes mean the same rows.
#: Strict, but zero dates as old shops have them are stored without a warning.
SQL_MODE = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION"
SESSION = (
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode='{}', time_zone='+00:00', foreign_key_checks=0, unique_checks=1".format(SQL_MODE),
)

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_SAFE_NAME = rb"(?!\.\.?(?:/|\Z))[^/\\\x00-\x1f\x7f]{1,%d}" % MAX_NAME_BYTES
#: One expression for all of it: it is asked of every member.
_SAFE_PATH = re.compile(rb"%b(?:/%b)*\Z" % (_SAFE_NAME, _SAFE_NAME))


def check_path(path: bytes) -> bytes:
    """Return `path` (bytes, relative, `/` between parts) when it is safe below any root.

    Raises ShoplaunchError `unsafe_path` for absolute paths, empty, `.` or `..` parts, control characters and
    names longer than Linux allows.
    """
    if len(path) > MAX_PATH_BYTES or not _SAFE_PATH.match(path):
        raise ShoplaunchError("unsafe_path", "a member's path is not safe: {!r}".format(path[:120]))
    return path


def check_link(path: bytes, target: bytes) -> bytes:
    """Return `target` (bytes) when the symbolic link `path` -> `target` stays inside the tree.

    Raises ShoplaunchError `unsafe_path` for absolute targets, those that climb above the root, and those that climb
    behind a name: that may be a link itself, and nobody knows from where they climb.
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
    """Return the manifest's members of `kind` in the order in which they are to be used."""
    return [member for member in manifest["members"] if member["kind"] == kind]


def variant_of(manifest: "Manifest", name: "str | None") -> "Variant | None":
    """Return the manifest's entry of the variant `name`; None for None, the template as it is.

    Raises ShoplaunchError `variant_unknown`.
    """
    if name is None:
        return None
    for entry in manifest["variants"]:
        if entry["name"] == name:
            return entry
    raise ShoplaunchError("variant_unknown", "the bundle has no variant {!r}".format(name[:80]))


def shards_of(manifest: "Manifest", variant: "str | None") -> "list[Member]":
    """Return the shards of a shop of the variant named `variant` (or None), its own behind those of all."""
    own = [member for member in members_of(manifest, "variant_files") if member.get("variant") == variant]
    return members_of(manifest, "files") + own
