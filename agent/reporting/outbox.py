"""The outbox: events that wait for the controller, one file each in `outbox/`, in order, until acknowledged."""

import json
import os

from agent.base.plain_files import open_plain
from agent.base.state import write_durably, write_whole
from shared.events import ESSENTIAL

MYPY = False
if MYPY:
    from agent.base.log import Log
    from shared.documents import Event

FOLDER = "outbox"
#: No event is larger; a longer file is cut off and then no valid JSON.
MAX_BYTES = 1024 * 1024


class Outbox:
    """The waiting events of one attempt, oldest first. Not thread-safe: EventLog calls it under a lock.

    Events that cannot be written (full disk) wait in memory.
    """

    def __init__(self, folder: str, job: str, attempt: int, log: "Log") -> None:
        self._folder = os.path.join(folder, FOLDER)
        self._job = job
        self._attempt = attempt
        self._log = log
        self._waiting = self._load()
        #: Numbers of events that exist in memory only.
        self._unkept: "set[int]" = set()

    def _load(self) -> "list[tuple[str, Event]]":
        waiting: "list[tuple[str, Event]]" = []
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
        except OSError as error:
            self._log.info("events wait in memory only: %s", error.strerror)
            return waiting
        for name in sorted(os.listdir(self._folder)):
            path = os.path.join(self._folder, name)
            event = _read(path)
            # Events of an earlier attempt are dropped: its token is no longer valid
            if event is None or event.get("job") != self._job or event.get("attempt") != self._attempt:
                self._remove(path)
            else:
                waiting.append((path, event))
        return waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def last_seq(self) -> int:
        """Return the highest sequence number that waits, 0 when none waits."""
        return max([event["seq"] for _, event in self._waiting] or [0])

    def has(self, name: str) -> bool:
        """Return whether an event `name` waits."""
        return any(event["event"] == name for _, event in self._waiting)

    def append(self, event: "Event") -> None:
        """Add `event` (dict with `seq`), durably when essential: a power cut may lose the events of a stage."""
        path = os.path.join(self._folder, "{:08d}.json".format(event["seq"]))
        write = write_durably if event["event"] in ESSENTIAL else write_whole
        try:
            if not os.path.isdir(self._folder):
                os.mkdir(self._folder, 0o700)
            write(path, json.dumps(event, sort_keys=True).encode("utf-8"))
        except OSError as error:
            self._unkept.add(event["seq"])
            self._log.info("event %d waits in memory only: %s", event["seq"], error.strerror)
        self._waiting.append((path, event))

    def is_kept(self, seq: int) -> bool:
        """Return whether the event with the number `seq`, added here, is stored for the next run."""
        return seq not in self._unkept

    def first(self) -> "Event | None":
        """Return the oldest waiting event, None when none waits."""
        return self._waiting[0][1] if self._waiting else None

    def waits_up_to(self, seq: int) -> bool:
        """Return whether an event with a number up to `seq` waits."""
        return bool(self._waiting) and self._waiting[0][1]["seq"] <= seq

    def settle(self, seq: int) -> None:
        """Remove the events up to number `seq`, which are acknowledged."""
        while self.waits_up_to(seq):
            # The next run sends a file that stays again, and the controller ignores the repetition
            self._remove(self._waiting.pop(0)[0])

    def _remove(self, path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            self._log.info("%s stays in the outbox: %s", os.path.basename(path), error.strerror)


def _read(path: str) -> "Event | None":
    descriptor = open_plain(path)
    if descriptor is None:
        return None
    try:
        with os.fdopen(descriptor, "rb") as stream:
            event: "Event" = json.loads(stream.read(MAX_BYTES).decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    return event if isinstance(event.get("seq"), int) else None
