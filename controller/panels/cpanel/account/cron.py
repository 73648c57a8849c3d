"""An account's crontab through API 2, the only interface to it; Shoplaunch's lines are known by their commands."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from controller.panels.base import RemovalMayRepeat
from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.api.whm import Whm
from controller.panels.cpanel.operations import Failure, Operation, Reasons
from shared.errors import ShoplaunchError

FEATURE = "cron"
#: Intervals in minutes, tried in turn where a host refuses lines that run more often.
COARSER = (5, 15)
#: The account's owner may change the times of our lines: no wait for a run is longer.
LONGEST_MINUTES = 60
#: So many lines are removed at once: each takes some calls, and the account may hold any number of copies.
MOST_AT_ONCE = 20
#: The text that every line of Shoplaunch contains.
CRON_MARK = "# shoplaunch:"
_NUMBER = re.compile(r"[0-9]{1,4}")
_TIMES = ("minute", "hour", "day", "month", "weekday")


@dataclass(frozen=True)
class Line:
    """A line of the crontab; `number` counts from 1 and changes when an earlier line is removed."""

    times: tuple[str, ...]
    command: str
    key: str
    number: str

    def __str__(self) -> str:
        # The panel strips what it adds, also the end of a line that another system wrote
        return " ".join((*self.times, self.command.strip()))

    def minutes(self) -> int:
        """Return the longest interval in minutes between two runs, on a day with any."""
        minutes, hours = _numbers(self.times[0], 59), _numbers(self.times[1], 23)
        runs = sorted(60 * hour + minute for hour in hours for minute in minutes)
        if not runs:
            return 60
        return max(later - earlier for earlier, later in pairwise([*runs, runs[0] + 24 * 60]))


class Crontab:
    """The crontab of the account `user`, run every `minutes` at best."""

    def __init__(self, whm: Whm, cache: AccountCache, reasons: Reasons, user: str, minutes: int) -> None:
        self._whm = whm
        self._cache = cache
        self._why: Failure = reasons.of("the crontab", FEATURE, files=True)
        self._user = user
        self._minutes = minutes

    def lines(self) -> list[Line]:
        """Return the lines. Raises feature_missing, account_*, cron_edit_failed."""
        answer = self._cache.see("crontab")
        if not answer.ok:
            raise self._why(answer.text)
        return self.read(answer)

    @staticmethod
    def read(answer: Answer) -> list[Line]:
        """Return the lines in an answer of listcron; its last row is only a count."""
        return [_line(row) for row in answer.data if row.get("command")]

    def ensure(self, line: str) -> None:
        """Ensure that the crontab holds the command of `line` once, as often as the host allows."""
        command = _parts(line, self._minutes)[1]
        # Somebody has changed the times of these
        self._take_all_out([one for one in self._of(command) if one.minutes() > self._slowest()])
        if not self._of(command):
            self._add(line, command)
            return
        self._take_all_out(self._of(command)[1:])

    def _slowest(self) -> int:
        """Return the longest interval in minutes of a line that was not changed after it was added."""
        return max(self._minutes, *COARSER)

    def _add(self, line: str, command: str) -> None:
        words = ""
        for minutes in (self._minutes, *(one for one in COARSER if one > self._minutes)):
            fields: dict[str, Any] = dict(zip(_TIMES, _parts(line, minutes)[0], strict=True))
            operation = Operation(lambda: self._whm.api2(self._user, "Cron", "add_line", command=command, **fields))  # noqa: B023
            self._cache.forget("crontab")
            if (operation.said_done and self._cache.sharing) or self._of(command):
                return
            if operation.silence is not None:
                raise operation.silence
            words = words or operation.answer.text
        raise self._why(words)

    def remove(self, marker: str) -> None:
        """Remove all lines that end with the comment `# <marker>`. Raises cron_edit_failed."""
        self._take_all_out(self._marked(marker))
        if self._marked(marker):
            raise ShoplaunchError("cron_edit_failed", f"the line of {marker} is still in the crontab of {self._user}")

    def seconds(self) -> int:
        """Return the smallest interval in seconds: as set for the host, or as last seen in our own lines."""
        answer = self._cache.last("crontab")
        known = self.read(answer) if answer is not None and answer.ok else []
        seen = (min(line.minutes(), LONGEST_MINUTES) for line in known if CRON_MARK in line.command)
        return 60 * max([self._minutes, *seen])

    def holds(self, line: str) -> bool:
        """Return whether the command of `line` is there exactly once."""
        return len(self._of(_parts(line, self._minutes)[1])) == 1

    def _of(self, command: str) -> list[Line]:
        return [line for line in self.lines() if line.command.strip() == command.strip()]

    def _marked(self, marker: str) -> list[Line]:
        return [line for line in self.lines() if line.command.rstrip().endswith(f"# {marker}")]

    def _take_all_out(self, lines: list[Line]) -> None:
        """Remove all of these. Raises cron_edit_failed where there are so many that some are left for the next try."""
        for line in lines[:MOST_AT_ONCE]:
            self._take_out(line)
        left = len(lines) - MOST_AT_ONCE
        if left > 0:
            raise ShoplaunchError("cron_edit_failed", f"the crontab of {self._user} holds {left} more such lines")

    def _take_out(self, line: Line) -> None:
        """Remove one line: by its key, or by its number if that fails.

        Raises RemovalUnanswered for a number: carried out late, it takes the line that has the number then; and
        RemovalMayRepeat where it was carried out and could be once more.
        """
        before = len(self._same(line))
        operation = Operation(lambda: self._whm.api2(self._user, "Cron", "remove_line", linekey=line.key))
        self._cache.forget("crontab")
        left = self._same_as_ever(line, before)
        if left and operation.silence is None:
            self._take_out_by_number(line, before, left[-1].number)
        elif left:
            raise operation.silence or self._why(operation.answer.text)

    def _take_out_by_number(self, line: Line, before: int, number: str) -> None:
        """Remove `line` by its number, and put a line back that went instead, or with it: the account's owner may have
        moved the lines meanwhile, or a proxy on the way have delivered the removal twice."""
        known = self.lines()
        operation = Operation(lambda: self._whm.api2(self._user, "Cron", "remove_line", line=number))
        self._cache.forget("crontab")
        left = operation.removed(lambda: self._same_as_ever(line, before))
        taken = went_with(known, self.lines(), line, number)
        if taken is not None:
            self._add_own(taken)
        if left:
            raise operation.silence or self._why(operation.answer.text)
        behind = next((str(one) for one in self.lines() if one.number == number), None)
        if behind is not None:
            raise RemovalMayRepeat(behind)

    def keep(self, text: str) -> None:
        """Put the account's own line `text` back where it is gone. Raises cron_edit_failed, panel_unreachable."""
        line = line_of(text)
        if not self._same(line):
            self._add_own(line)

    def _add_own(self, line: Line) -> None:
        """Put a line of the account's own back. Raises cron_edit_failed, panel_unreachable."""
        fields: dict[str, Any] = dict(zip(_TIMES, line.times, strict=True))
        operation = Operation(lambda: self._whm.api2(self._user, "Cron", "add_line", command=line.command, **fields))
        self._cache.forget("crontab")
        if not self._same(line):
            raise operation.silence or self._why(operation.answer.text)

    def _same_as_ever(self, line: Line, before: int) -> list[Line]:
        """Return the lines that are the same as `line`, [] where there are fewer than `before`."""
        found = self._same(line)
        return found if len(found) >= before else []

    def _same(self, line: Line) -> list[Line]:
        return [one for one in self.lines() if str(one) == str(line)]


def line_of(text: str) -> Line:
    """Return the line that `text`, made by str, was."""
    # Blanks within the command are its own
    *times, command = text.split(" ", 5)
    return Line(tuple(times), command, "", "")


def went_with(known: Sequence[Line], now: Sequence[Line], line: Line, number: str) -> Line | None:
    """Return the line, of those `known` before, that a removal of `line` by its `number` took with it or instead; None
    where none is missing, or its owner has changed more than that."""
    left = Counter(str(one) for one in now)
    missing = [one for one in known if str(one) != str(line) and not left[str(one)]]
    behind = {str(one) for one in known[_place(known, number) :]}
    after = [one for one in missing if str(one) in behind]
    if after:
        return after[0]
    return missing[0] if len(missing) == 1 and left[str(line)] else None


def _place(known: Sequence[Line], number: str) -> int:
    return next((index for index, one in enumerate(known) if one.number == number), len(known))


def _line(row: dict[str, object]) -> Line:
    # Zero may come as a number
    times = tuple("*" if row.get(name) in (None, "") else str(row[name]) for name in _TIMES)
    command = str(row["command"])
    # The panel's own rule for keys, where it does not report them
    computed = hashlib.md5(" ".join((*times, command)).encode("utf-8"), usedforsecurity=False).hexdigest()
    return Line(times, command, str(row.get("linekey") or computed), str(row.get("count") or ""))


def _numbers(field: str, last: int) -> set[int]:
    """Return the numbers up to `last` in a field, none for an unreadable one."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, end = ("0", "", str(last)) if span == "*" else span.partition("-")
        if not all(_NUMBER.fullmatch(one) for one in (first, end or "0", step or "1")):
            return set()
        stop = int(end) if end else last if step else int(first)
        found.update(range(int(first), min(stop, last) + 1, max(1, int(step or 1))))
    return found


def _parts(line: str, minutes: int) -> tuple[tuple[str, ...], str]:
    """Return the five fields and the command of a crontab line."""
    if not line or "\n" in line or "%" in line or len(line.split(None, 5)) != 6:
        raise ShoplaunchError("cron_edit_failed", "a cron line is one line of five fields and a command without %")
    *times, command = line.split(None, 5)
    if times[0] == "*" and minutes > 1:
        times[0] = f"*/{minutes}"
    return tuple(times), command
