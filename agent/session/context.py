"""The context of every stage: job, paths, bundle, state, progress, and the check for newer attempts.

A stage is a module of `agent/stages/` with `NAME` and `run(ctx)`, safe to repeat from any point. It calls
`ctx.check_current()` before every chunk, shard and larger step, `ctx.progress(NAME, fraction)` after it,
`ctx.count("bytes_read", n)` for the bytes it moves, and `ctx.state.record(name, value)` for evidence. The helper
process only makes the new tree (the others call `ctx.wait_for_tree(work)` to wait for it); its `state` is a
replacement with `shard_done`, `mark_shard` and `record`, which passes them to the parent.
"""

import base64
import contextlib
import json
import os
import threading
import time

from agent.base.json_list import entries_of
from agent.base.log import printable
from agent.bundle.inflate import gunzip, pieces_of_member, unpack_member
from agent.session import follow_up_job
from agent.tree import staging
from agent.tree.flushing import Flushing
from shared.bundle import members_of, shards_of, variant_of
from shared.errors import ShoplaunchError
from shared.job import FOLDER, values_sha256
from shared.placeholders import Renderer

MYPY = False
if MYPY:
    from typing import Any, Callable, Iterator, TypeVar

    from agent.base.log import Log
    from agent.base.state import State
    from agent.bundle.contents import Cell, VariantContent
    from agent.bundle.reader import Bundle
    from agent.database.connection import OurConnection
    from agent.reporting.delivery import Delivery
    from agent.reporting.event_log import EventLog
    from agent.session.job_file import Guard
    from agent.session.lock import Lock
    from shared.documents import Job, Manifest, Member, Statement, Table, Variant

    Content = TypeVar("Content")
    Entry = TypeVar("Entry")

#: None until it is set; used only after that.
UNSET: "Any" = None


class Context:
    """One run of the agent for one job.

    `job` is the checked payload; `home`, `folder` (~/.shoplaunch), `root` (the folder of the shop), `domain_root`
    (the folder the domain serves: the same, or one above it) and `staging` are absolute paths (str). `bundle` is None
    until the helper's start or stage verify has opened it, `manifest` until stage verify has; `events` (EventLog) and
    `delivery` (Delivery) until the attempt is reported, in the helper process for good.
    """

    def __init__(
        self,
        job: "Job",
        folder: str,
        state: "State",
        log: "Log",
        lock: "Lock" = UNSET,
        guard: "Guard" = UNSET,
    ) -> None:
        self.job = job
        self.job_id = job["job"]
        self.attempt = job["attempt"]
        self.kind = job["kind"]
        self.values = job["values"]
        self.values_sha256 = values_sha256(job["values"])
        self.folder = folder
        self.home = native(job["account"]["home"]).rstrip("/")
        self.root = native(job["account"]["root"]).rstrip("/")
        # The folder below the domain's root that holds the shop, as in addresses and files; "" for the root itself
        self.shop_folder = job.get("document_root", {}).get("folder", "")
        self.domain_root = self.root[: -len(self.shop_folder)].rstrip("/") if self.shop_folder else self.root
        self.staging = staging.in_home(self.home, self.job_id)
        self.state = state
        self.log = log
        self.lock = lock
        self.events: "EventLog" = UNSET
        self.delivery: "Delivery" = UNSET
        self.bundle: "Bundle" = UNSET
        self.manifest: "Manifest" = UNSET
        #: The connection a stage has kept for the next one (agent.database.ledger.locked).
        self.locked_connection: "OurConnection | None" = None
        #: Replacements for collations the server lacks, after the first query (agent.database.collations.of_job).
        self.collations: "dict[str, str] | None" = None
        self.counters: "dict[str, int]" = {}
        self._guard = guard
        self._renderer: "Renderer | None" = None
        self._variants: "dict[str, VariantContent] | None" = None
        self._flushing: "Flushing | None" = None
        self._counting = threading.Lock()
        self._listeners: "list[Callable[[], None]]" = []
        self._wait_for_tree: "Callable[[Callable[[], None]], None] | None" = None
        #: Shards whose unpacking has already begun (agent.bundle.shards.read_ahead).
        self.ahead: "dict[str, Iterator[bytes]]" = {}
        #: Reports of finished stages, kept until their end is on disk (agent.run.runner).
        self.unsent: "list[Callable[[], None]]" = []
        #: Seconds that stages waited for others instead of working.
        self.waited = 0.0

    @property
    def renderer(self) -> "Renderer":
        """The shared.placeholders.Renderer of this job's values and the bundle's fragments (one per process).

        A follow-up job has no bundle: the nonce comes from its own placeholders.
        """
        if self._renderer is None:
            if self.manifest is None:
                self._renderer = Renderer(follow_up_job.nonce_of(self.job), self.values)
                return self._renderer
            fragments: "dict[str, bytes]" = {}
            for member in members_of(self.manifest, "fragments"):
                document = json.loads(gunzip(self.bundle.read(member)).decode("utf-8"))
                fragments.update((name, base64.b64decode(text)) for name, text in document.items())
            self._renderer = Renderer(self.manifest["nonce"], self.values, fragments)
        return self._renderer

    @property
    def has_given_up(self) -> bool:
        """Whether this very attempt has already failed permanently."""
        known = self.state.data.get("given_up")
        return known is not None and (known.get("job"), known.get("attempt")) == (self.job_id, self.attempt)

    @property
    def variant(self) -> "Variant | None":
        """The manifest's entry of the job's variant, None without one. Raises ShoplaunchError `variant_unknown`."""
        return variant_of(self.manifest, self.job.get("variant"))

    def shards(self) -> "list[Member]":
        """Return the members this job's tree is unpacked from, in order: the variant's files replace earlier ones."""
        return shards_of(self.manifest, self.job.get("variant"))

    def variant_statements(self) -> "list[Statement]":
        """Return the statements of the chosen variant; [] without one. Raises ShoplaunchError `bundle_digest`,
        `bundle_damaged`, `variant_unknown`."""
        return self._of_variant(lambda content: content["statements"])

    def variant_tables(self) -> "list[Table]":
        """Return the tables that the chosen variant changes; [] without one. Raises as `variant_statements`."""
        return self._of_variant(lambda content: content["tables"])

    def variant_cells(self) -> "list[Cell]":
        """Return the filled cells of the tables that the chosen variant changes; [] without one. Raises as
        `variant_statements`."""
        return self._of_variant(lambda content: content["cells"])

    def _of_variant(self, part: "Callable[[VariantContent], list[Entry]]") -> "list[Entry]":
        chosen = self.variant
        if chosen is None:
            return []
        if self._variants is None:
            self._variants = self.read_json("variants", {})
        try:
            return part(self._variants[chosen["name"]])
        except (TypeError, KeyError):
            raise ShoplaunchError("bundle_damaged", "the bundle lacks variant {}".format(chosen["name"])) from None

    def read_json(self, kind: str, absent: "Content") -> "Content":
        """Return the parsed content of the only member of `kind` ("tables", "configure", ...); `absent` without one.

        Raises ShoplaunchError `bundle_digest`, `bundle_damaged`.
        """
        members = members_of(self.manifest, kind)
        if not members:
            return absent
        try:
            text = unpack_member(self.bundle.read(members[0]), members[0]).decode("utf-8")
            found: "Content" = json.loads(text)
            return found
        except ValueError:
            raise ShoplaunchError("bundle_damaged", "{} is not JSON".format(members[0]["name"])) from None

    def read_cells(self) -> "Iterator[Cell]":
        """Return an iterator over the filled cells of all tables; memory holds little more than one of them.

        Raises like `read_json`, on reaching the damage."""
        members = members_of(self.manifest, "cells")
        cells: "Any" = entries_of(pieces_of_member(self.bundle.read(members[0]), members[0])) if members else iter(())
        found: "Iterator[Cell]" = cells
        return found

    def connect(self) -> "OurConnection":
        """Return a new database connection (see agent.database.access.connect). Raises ShoplaunchError `db_*`."""
        # Imported here: not every job has to do with the database, and its library is slow to load
        from agent.database.access import connect

        return connect(self.values)

    def report_waiting(self, error: "ShoplaunchError") -> None:
        """Report that the work waits because of `error` (ShoplaunchError); it is displayed until the work continues."""
        message = printable(self.log.redact(error.message))[:4000]
        self.log.info("waiting: %s: %s", error.code, message)
        if self.events is not None:
            self.events.event("failed", error=dict(error.as_dict(), message=message))

    def check_current(self) -> None:
        """Raise ShoplaunchError `superseded` when the job file names another attempt, `cancelled` or
        `callback_refused` when the controller said so, and the helper process's error as soon as it is known."""
        self.check_job_file()
        if self.delivery is not None:
            self.delivery.check()
        for check in self._listeners:
            check()

    def check_job_file(self) -> None:
        """Raise ShoplaunchError `superseded` when the job file names another attempt."""
        if self._guard is not None:
            self._guard.check()

    @property
    def flushing(self) -> "Flushing":
        """The Flushing of the new tree; access it first before anything is written. Raises OSError."""
        if self._flushing is None:
            self._flushing = Flushing(self.staging, self.state.mark_shard, self.log)
        return self._flushing

    @flushing.setter
    def flushing(self, flushing: "Flushing") -> None:
        self._flushing = flushing

    @property
    def raw_job(self) -> bytes:
        """The job file's bytes from its last successful check."""
        return self._guard.raw

    @contextlib.contextmanager
    def also_checking(self, check: "Callable[[], None]") -> "Iterator[None]":
        """Make `check_current` call `check()` too within this context; it raises ShoplaunchError to stop the work."""
        self._listeners.append(check)
        try:
            yield
        finally:
            self._listeners.remove(check)

    @contextlib.contextmanager
    def tree_after(self, wait: "Callable[[Callable[[], None]], None]") -> "Iterator[None]":
        """Make `wait_for_tree` call `wait(work)` within this context, which returns when the new tree is complete;
        it may be called again, and may call `work()` earlier, once nothing more is written."""
        self._wait_for_tree = wait
        try:
            yield
        finally:
            self._wait_for_tree = None

    def wait_for_tree(self, work: "Callable[[], int]") -> int:
        """Wait until the new tree is complete; return the result of `work()`, which is called once the last file is
        written, possibly before it is flushed to disk. Raises ShoplaunchError, OSError."""
        found: "list[int]" = []

        def do() -> None:
            started = time.monotonic()
            found.append(work())
            # Called within a wait, but counted as work
            self.waited -= time.monotonic() - started

        if self._wait_for_tree is not None:
            self._wait_for_tree(do)
        return found[0] if found else work()

    def progress(self, stage: str, fraction: float) -> None:
        """Report that `fraction` (0..1) of stage `stage` is done: update percent, and progress in lock and state."""
        if self.events is not None:
            self.events.progress(stage, fraction)

    def count(self, name: str, amount: int) -> None:
        """Add `amount` to the counter `name` ("bytes_read", "bytes_written", ...)."""
        with self._counting:
            self.counters[name] = self.counters.get(name, 0) + amount

    def take_counters(self) -> "dict[str, int]":
        """Return the counters since the last call, name -> int."""
        with self._counting:
            taken, self.counters = self.counters, {}
        return taken


def native(path: str) -> str:
    """Return `path` (str of the job) in this interpreter's file name encoding; old ones without a locale use ASCII."""
    return os.fsdecode(path.encode("utf-8"))


def agent_folder(home: str) -> str:
    """Return ~/.shoplaunch below `home`."""
    return os.path.join(home, FOLDER)
