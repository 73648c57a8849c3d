"""Packs the document root in its own process, in parallel with the work on the database."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.bundles.pack.file_packer import FileFacts, Templates, pack_files
from controller.bundles.pack.forked_task import ForkedTask, start_forked
from controller.bundles.pack.plan import Plan
from controller.bundles.pack.progress import Progress
from controller.bundles.pack.writer import BundleWriter, Member
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.tree.walk import Tree

#: The part of the bundle's members that this process makes.
PART = "files"


@dataclass(frozen=True)
class _Packed:
    """The result: facts, members in the spool, names of the values used, and what the plan collected."""

    facts: FileFacts
    members: list[Member]
    used: set[str]
    seen: object


class FileWork:
    """A document root that is being packed."""

    def __init__(self, work: ForkedTask[_Packed]) -> None:
        self._work = work

    def finish(
        self, plan: Plan, names: Names, bundle: BundleWriter, progress: Progress, meanwhile: Callable[[], bool]
    ) -> FileFacts:
        """Wait for the shards; add them to `bundle`, and the collected results to `plan` and `names`.

        `meanwhile` does other work (see `ForkedTask.outcome`). Raises ShoplaunchError as `pack_files` does.
        """
        packed = self._work.outcome(progress, meanwhile)
        bundle.members += packed.members
        names.used |= packed.used
        plan.absorb(packed.seen)
        return packed.facts


@contextmanager
def start_packing_files(tree: Tree, plan: Plan, bundle: BundleWriter, replaced: Container[bytes]) -> Iterator[FileWork]:
    """Begin to pack the files of `tree`; record the kinds of the paths in `replaced`."""

    def work(progress: Progress) -> _Packed:
        own, names, part = plan.branch(), Names(plan.nonce), bundle.part(PART)
        facts = pack_files(Templates(tree, own, names), part, replaced, progress)
        return _Packed(facts, part.members, names.used, own.seen())

    with start_forked(work) as started:
        yield FileWork(started)
