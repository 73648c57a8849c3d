"""Packs a document root: reads each file once, rewrites it and puts it into a shard of its kind."""

from __future__ import annotations

import os
import stat
from collections.abc import Container
from contextlib import ExitStack
from dataclasses import dataclass, field

from controller.bundles.pack.plan import Plan
from controller.bundles.pack.progress import Progress
from controller.bundles.pack.shards import Background, Shard, ShardWriter, header_of
from controller.bundles.pack.writer import BundleWriter, disk_errors
from controller.bundles.packing_report import LeftFiles
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.tree.entry_spool import EntrySpool
from controller.bundles.source.tree.left_out import LeftOut
from controller.bundles.source.tree.walk import Entry, Status, Tree

_DISK_BLOCK = 4096
#: `bytes` within FileFacts is a number.
PathBytes = bytes
#: First bytes of compressed files: gzip, ZIP, bzip2, xz, 7z, Zstandard, RAR.
_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd", b"Rar!")


@dataclass
class FileFacts:
    """Totals of the packed tree: files, directories and links, bytes on disk, files with placeholders."""

    files: int = 0
    directories: int = 0
    links: int = 0
    bytes: int = 0
    disk_bytes: int = 0
    filled: int = 0
    #: Paths of files whose content is not searched.
    compressed: list[str] = field(default_factory=list)
    #: Path -> kind of the entries that variants replace.
    kinds: dict[PathBytes, str] = field(default_factory=dict)
    #: Entries of a variant that do not replace an entry of the template.
    added: int = 0
    #: Entries left out, by reason (left_out.LeftOut.as_json).
    left_out: dict[str, LeftFiles] = field(default_factory=dict)
    #: The full list, as LeftOut.paths: too long for a manifest.
    left_out_paths: dict[str, list[str]] = field(default_factory=dict)

    @property
    def inodes(self) -> int:
        """The number of file system entries."""
        return self.files + self.directories + self.links


@dataclass(frozen=True)
class Templates:
    """The files of `tree` as templates: as `plan` rewrites them, with the `names` of the values they need."""

    tree: Tree
    plan: Plan
    names: Names

    def packed(self, entry: Entry) -> tuple[bytes, bytes, bool]:
        """Return (tar header, content, whether the content has placeholders). Raises as `pack_files` does."""
        shown = entry.path.decode("utf-8")
        self.names.check_free(entry.path, shown)
        path = self.plan.path(entry.path)
        self.names.take(path)
        if entry.kind == "link":
            target = self.plan.path(entry.target)
            self.names.take(target)
            return header_of(entry, path, 0, target), b"", False
        if entry.kind == "directory":
            return header_of(entry, path, 0), b"", False
        content = self.tree.read(entry)
        self.names.check_free(content, shown)
        template = self.plan.file(entry.path, content)
        has_placeholders = template is not content and self.names.take(template)
        return header_of(entry, path, len(template)), template, has_placeholders


def pack_files(templates: Templates, bundle: BundleWriter, replaced: Container[bytes], progress: Progress) -> FileFacts:
    """Add the tree's shards to `bundle`; record the kinds of the paths in `replaced`.

    Raises ShoplaunchError `tree_*`, `template_occupied`, `disk_full`.
    """
    tree = templates.tree
    left_out = LeftOut(os.fsencode(tree.held))
    with ExitStack() as stack:
        with disk_errors(bundle.target):
            entries = stack.enter_context(EntrySpool(tree.entries(templates.plan.left_out, left_out), bundle.spool))
        progress.phase("files", entries.bytes)
        facts = _pack(entries, templates, bundle, replaced, progress)
        tree.check_unchanged(entries)
        facts.left_out, facts.left_out_paths = left_out.as_json(), left_out.paths()
        return facts


def _pack(
    entries: EntrySpool, templates: Templates, bundle: BundleWriter, replaced: Container[bytes], progress: Progress
) -> FileFacts:
    facts = FileFacts()
    plain = Background(ShardWriter(lambda shard: _add(bundle, shard, False)))
    filled = ShardWriter(lambda shard: _add(bundle, shard, True))
    try:
        for entry in entries:
            plain.make_room(entry.size)
            header, content, has_placeholders = templates.packed(entry)
            count(facts, entry, content, has_placeholders)
            if entry.path in replaced:
                facts.kinds[entry.path] = entry.kind
            (filled if has_placeholders else plain).add(header, content)
            # Not kept while the next one is read
            del content
            progress.advance(entry.size)
        for path, template in sorted(templates.plan.added().items()):
            entry = _added(path, template)
            count(facts, entry, template, templates.names.take(template))
            if path in replaced:
                facts.kinds[path] = entry.kind
            filled.add(header_of(entry, path, len(template)), template)
    finally:
        plain.finish()
    filled.finish()
    return facts


def _added(path: bytes, content: bytes) -> Entry:
    # Without a time: the same template has to give the same bytes
    return Entry(path, "file", Status(0, stat.S_IFREG | 0o644, len(content), 0, 0))


def count(facts: FileFacts, entry: Entry, content: bytes, has_placeholders: bool) -> None:
    """Add one packed entry to `facts`."""
    if entry.kind == "file":
        facts.files += 1
        facts.bytes += len(content)
        facts.disk_bytes += -(-len(content) // _DISK_BLOCK) * _DISK_BLOCK
        if content.startswith(_COMPRESSED):
            facts.compressed.append(entry.path.decode("utf-8"))
        facts.filled += has_placeholders
    elif entry.kind == "directory":
        facts.directories += 1
        facts.disk_bytes += _DISK_BLOCK
    else:
        facts.links += 1


def _add(bundle: BundleWriter, shard: Shard, placeholders: bool) -> None:
    bundle.add_pieces("files", shard.packed, placeholders, shard.unpacked, entries=shard.entries)
