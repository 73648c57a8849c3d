"""The only durable writer of progress: `state.json`, written as temp, fsync, rename, fsync of the folder."""

import json
import os
import threading
import time

from agent.base.plain_files import create, open_plain
from shared.errors import ShoplaunchError
from shared.job import STATE_FILE
from shared.schema import load_schema, validate

MYPY = False
if MYPY:
    from typing import Callable, Iterable, Mapping

    from agent.base.state_fields import Fields, Part, Reports, Unpack

FORMAT = 1
#: The agent writes no larger state file.
MAX_BYTES = 8 * 1024 * 1024
#: Statuses after which every start of the agent only cleans up.
FINAL = ("done", "cancelled")
#: Least time between two durable notes of shards.
SHARD_SECONDS = 0.25


def write_durably(path: str, data: bytes, mode: int = 0o600, temporary: "str | None" = None) -> None:
    """Replace the file at `path` by `data` (bytes): it holds either the old or the new content, never a part.

    The data is written to `temporary` first (default: `path` and ".tmp"), which only a killed process leaves behind.
    Raises OSError; the temporary file is removed in any case.
    """
    write_whole(path, data, mode, temporary, is_synced=True)
    sync_folder(os.path.dirname(path))


def write_whole(
    path: str, data: bytes, mode: int = 0o600, temporary: "str | None" = None, is_synced: bool = False
) -> None:
    """Replace the file like `write_durably`, safe against a kill only: a power cut may lose it or leave it empty."""
    temporary = temporary or path + ".tmp"
    descriptor = create(temporary, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            # The umask must not keep visitors from reading a page
            os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            if is_synced:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def sync_folder(path: str) -> None:
    """Make renames in the folder at `path` durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def boot_id() -> str:
    """Return an id that changes with every boot of this machine; "unknown" where the kernel does not provide it."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as stream:
            return stream.read().strip()
    except OSError:
        return "unknown"


class State:
    """The agent's progress. Every change is on disk before the call returns, unless the docstring calls it deferred;
    safe to use from several threads.

    `set_aside` is the path of an unreadable state file that was put aside when loading, else None.
    """

    def __init__(self, folder: str, clock: "Callable[[], float]" = time.time) -> None:
        self._path = os.path.join(folder, STATE_FILE)
        self._clock = clock
        self._guard = threading.RLock()
        self.boot = boot_id()
        self.set_aside: "str | None" = None
        self._closed = False
        self._check: "Callable[[], None] | None" = None
        self._saved_at = time.monotonic()
        self.data: "Fields" = self._load()
        self._settle_killed_runs()

    def _load(self) -> "Fields":
        try:
            descriptor = open_plain(self._path)
        except FileNotFoundError:
            return {"format": FORMAT}
        raw = b""
        if descriptor is not None:
            with os.fdopen(descriptor, "rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        try:
            document: "Fields | None" = json.loads(raw.decode("utf-8")) if len(raw) <= MAX_BYTES else None
            problem = self._problem(document)
        except (ValueError, RecursionError):
            problem = "not JSON"
        if problem:
            self.set_aside = "{}.unreadable".format(self._path)
            os.replace(self._path, self.set_aside)
            return {"format": FORMAT}
        return document or {}

    @staticmethod
    def _problem(document: object) -> "str | None":
        try:
            validate("state", document, "stale_state")
        except ShoplaunchError as error:
            return error.message
        return None

    def _settle_killed_runs(self) -> None:
        """Count the time of a killed run's stages up to its last sign of life, the last change of the state.

        Done once, by the first run after it: later changes come from other runs.
        """
        until = self.data.get("updated_at")
        for entry in self.data.get("stages", {}).values():
            started = entry.pop("started_at", None) if entry["state"] == "running" else None
            if started is not None and until is not None:
                entry["seconds"] = round(entry.get("seconds", 0.0) + max(0.0, until - started), 3)

    def only_while(self, check: "Callable[[], None]") -> None:
        """Write nothing from now on unless `check()` returns; it raises when another attempt owns the folder."""
        with self._guard:
            self._check = check

    def close(self) -> None:
        """Write nothing from now on: the folder is about to be removed."""
        with self._guard:
            self._closed = True

    def _save(self) -> None:
        if self._closed:
            return
        if self._check is not None:
            self._check()
        self._saved_at = time.monotonic()
        self.data["updated_at"] = self._clock()
        # On one line: indenting takes several times as long, and the state is written often
        text = json.dumps(self.data, sort_keys=True)
        write_durably(self._path, (text + "\n").encode("utf-8"))

    def update(self, **fields: "Unpack[Fields]") -> None:
        """Set `fields` of the state, durably."""
        with self._guard:
            self.data.update(fields)
            self._save()

    def settle(self) -> None:
        """Write all deferred changes to disk."""
        with self._guard:
            self._save()

    def note(self, **fields: "Unpack[Fields]") -> None:
        """Set `fields` of the state; deferred until the next durable change."""
        with self._guard:
            self.data.update(fields)

    def merge(self, name: "Part", **fields: "Unpack[Reports]") -> None:
        """Set `fields` of the dict that the state holds as `name`, durably."""
        with self._guard:
            self.note_in(name, **fields)
            self._save()

    def note_in(self, name: "Part", **fields: "Unpack[Reports]") -> None:
        """Set fields like `merge`; deferred until the next durable change."""
        with self._guard:
            known: "Reports" = self.data.get(name, {})
            known.update(fields)
            self.data[name] = known

    def add_counters(self, counters: "Mapping[str, int]") -> None:
        """Add `counters` (name -> int) to those of earlier runs, durably; "peak_*" keep the largest."""
        with self._guard:
            self._add(counters)
            self._save()

    def _add(self, counters: "Mapping[str, int]") -> None:
        known = self.data.setdefault("counters", {})
        for name, amount in counters.items():
            before = known.get(name, 0)
            known[name] = max(before, amount) if name.startswith("peak_") else before + amount

    def reset(self, **fields: "Unpack[Fields]") -> None:
        """Forget everything but `fields`, durably."""
        with self._guard:
            fields["format"] = FORMAT
            self.data = fields
            self._save()

    def stage_done(self, name: str) -> bool:
        """Return whether stage `name` has finished in this attempt."""
        with self._guard:
            stages = self.data.get("stages", {})
            return name in stages and stages[name]["state"] == "done"

    def start_stage(self, name: str) -> None:
        """Note that stage `name` runs now."""
        with self._guard:
            stages = self.data.setdefault("stages", {})
            # Time of earlier runs counts too, of killed ones as far as it is known
            seconds = stages[name].get("seconds", 0.0) if name in stages else 0.0
            stages[name] = {"state": "running", "started_at": self._clock(), "seconds": seconds}
            self.data["stage"] = name
            self._save()

    def end_stage(self, name: str, state: str, seconds: float, counters: "Mapping[str, int] | None" = None) -> float:
        """Note that stage `name` ended as `state` ("done" or "failed") after `seconds` more, and its counters; deferred
        until the next durable change.

        Return the stage's total seconds.
        """
        with self._guard:
            self._add(counters or {})
            entry = self.data.setdefault("stages", {}).setdefault(name, {"state": state})
            total: float = round(entry.get("seconds", 0.0) + seconds, 3)
            entry["state"], entry["seconds"], entry["finished_at"] = state, total, self._clock()
            return total

    def forget_stages(self, names: "Iterable[str]", shards: "Iterable[str]" = ()) -> None:
        """Require the stages `names` to run again, and the shards `shards` (names) to be unpacked again."""
        with self._guard:
            for name in names:
                self.data.get("stages", {}).pop(name, None)
            for name in shards:
                self.data.get("shards", {}).pop(name, None)
            self._save()

    def shard_done(self, member: str) -> bool:
        """Return whether the shard `member` (name) was unpacked since the last boot of this machine."""
        with self._guard:
            return bool(self.data.get("shards", {}).get(member) == self.boot)

    def mark_shard(self, member: str, counters: "Mapping[str, int]") -> None:
        """Note that the shard `member` (name) is completely unpacked, and its counters.

        Written with the next durable change, or once SHARD_SECONDS have passed since the last: a shard that is not
        on disk as done is unpacked again, but each write makes the work wait for the disk.
        """
        with self._guard:
            self.data.setdefault("shards", {})[member] = self.boot
            self._add(counters)
            if time.monotonic() - self._saved_at >= SHARD_SECONDS:
                self._save()

    def forget_shards(self, members: "Iterable[str]") -> None:
        """Require the shards `members` (names) to be unpacked again."""
        self.forget_stages((), members)

    def record(self, name: str, value: object) -> None:
        """Keep `value` (JSON-able) as `name` for the final event's evidence; deferred until the next durable change."""
        with self._guard:
            self.data.setdefault("evidence", {})[name] = value

    def evidence(self) -> "dict[str, object]":
        """Return the recorded evidence as a dict."""
        with self._guard:
            return dict(self.data.get("evidence", {}))


#: The schema is loaded at import: it stays available after the agent's own archive is gone.
load_schema("state")
