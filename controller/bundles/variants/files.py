"""Packs the files of variants into their own shards, unpacked after the template's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.bundles.pack.file_packer import FileFacts, Templates, count
from controller.bundles.pack.plan import Plan
from controller.bundles.pack.shards import Shard, ShardWriter
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.tree.walk import Entry, Tree
from controller.bundles.variants.declaration import Variant, wrong


def pack_variant_files(
    variants: Sequence[Variant], template: FileFacts, plan: Plan, names: Names, bundle: BundleWriter
) -> dict[str, FileFacts]:
    """Add each variant's shards to `bundle`; return by name what each adds to the `template`'s tree.

    Raises ShoplaunchError `variant_invalid`, `tree_*`, `template_occupied`, `disk_full`.
    """
    return {variant.name: _pack(variant, template, plan, names, bundle) for variant in variants}


def replaced_paths(variants: Sequence[Variant]) -> set[bytes]:
    """Return the paths of all files and folders of variants. Raises ShoplaunchError `tree_*`."""
    return {entry.path for one in variants if one.files is not None for entry in _entries(Tree(one.files))}


def _entries(tree: Tree) -> list[Entry]:
    return list(tree.entries(lambda path, is_directory: None))


def _pack(variant: Variant, template: FileFacts, plan: Plan, names: Names, bundle: BundleWriter) -> FileFacts:
    facts = FileFacts()
    if variant.files is None:
        return facts
    tree = Tree(variant.files)
    entries, templates = _entries(tree), Templates(tree, plan, names)
    plain = ShardWriter(lambda shard: _add(bundle, variant, shard, False))
    filled = ShardWriter(lambda shard: _add(bundle, variant, shard, True))
    for entry in entries:
        _check(variant, entry, template.kinds, plan)
        if entry.kind == "directory" and entry.path in template.kinds:
            continue
        header, content, has_placeholders = templates.packed(entry)
        (filled if has_placeholders else plain).add(header, content)
        before = facts.inodes
        count(facts, entry, content, has_placeholders)
        facts.added += facts.inodes - before if entry.path not in template.kinds else 0
    plain.finish()
    filled.finish()
    tree.check_unchanged(entries)
    return facts


def _check(variant: Variant, entry: Entry, kinds: Mapping[bytes, str], plan: Plan) -> None:
    shown = entry.path.decode("utf-8")
    if entry.kind == "link":
        raise wrong(variant.name, f"files: {shown} is a link; put the file itself there")
    if kinds.get(entry.path, entry.kind) != entry.kind:
        raise wrong(variant.name, f"files: {shown} is a {entry.kind} here and a {kinds[entry.path]} in the template")
    if plan.left_out(entry.path, entry.kind == "directory"):
        raise wrong(
            variant.name, f"files: {shown} is nothing a bundle may hold (caches, archives, what is the panel's)"
        )
    if plan.owns(entry.path):
        raise wrong(variant.name, f"files: {shown} is made anew for every shop")


def _add(bundle: BundleWriter, variant: Variant, shard: Shard, placeholders: bool) -> None:
    bundle.add_pieces(
        "variant_files", shard.packed, placeholders, shard.unpacked, entries=shard.entries, variant=variant.name
    )
