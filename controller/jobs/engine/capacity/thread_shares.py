"""How the worker's threads are shared among servers: one that hangs holds up its own jobs alone. Pure decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

#: Jobs moved at the same time, and those of one server.
THREADS = 16
PER_SERVER = 4
#: Visits of finished shops beside all other jobs, by threads of their own: no visit waits for new orders.
VISITS = THREADS // 2
#: The slot that visits leave to everything else; the one that orders leave to visits once agents work on the server.
FOR_ORDERS, FOR_VISITS = PER_SERVER, PER_SERVER - 1
#: Those of all servers together whose breaker is open.
OPENED = THREADS // 4
#: Jobs at the same time of a server's accounts that are known to hang; its last slots are left to the others.
HANGING = PER_SERVER // 2
#: Threads in calls that are not answered are no part of THREADS, up to this number.
SILENT = 3 * THREADS
#: A call without an answer for so long hangs, and a server that has answered no other one gets no further job.
SILENT_SECONDS = 5.0


def slot_for(numbers: Collection[int], *, is_visit: bool, in_order: bool = False) -> int | None:
    """Return in which of the free slots a job is moved, None where it has to wait; the first one `in_order`, else the
    one that is of no use to other kinds of jobs."""
    own, shared = (FOR_VISITS, ()) if is_visit else (FOR_ORDERS, (FOR_VISITS,))
    first = [number for number in range(1, PER_SERVER + 1) if number not in (FOR_ORDERS, FOR_VISITS)]
    chosen = [*first, own, *shared] if in_order else [own, *first, *shared]
    return next((number for number in chosen if number in numbers), None)


class Waiting(NamedTuple):
    """The calls without an answer: servers that leave one unanswered and answered no other, and those of them of which
    only accounts hang; for each server how many of its jobs wait for such an answer."""

    silent: Collection[str] = ()
    accounts_hang: Collection[str] = ()
    waiting: Mapping[str, int] = {}


ALL_ANSWERED = Waiting()


class ThreadShares:
    """The places of one round. `busy` are the servers of the jobs under way, one entry each; the last call to each of
    `failing` failed, and the breakers of `opened` are open."""

    def __init__(
        self,
        busy: Iterable[str],
        failing: Collection[str],
        opened: Collection[str],
        calls: Waiting = ALL_ANSWERED,
    ) -> None:
        self._busy = Counter(busy)
        self._failing = failing
        self._opened = opened
        self._calls = calls
        self._hung = set(calls.silent) - set(calls.accounts_hang)

    def take(self, server: str) -> None:
        """Count another job of `server` as begun."""
        self._busy[server] += 1

    @property
    def is_full(self) -> bool:
        """Return whether no server has room."""
        return self._under_way() >= THREADS

    def has_room(self, server: str) -> bool:
        """Return whether another job of `server` may begin: half of the threads are reserved for servers that have
        none, and one that fails or hangs gets one place; one of which only accounts hang is as any other."""
        busy, under_way = self._busy[server], self._under_way()
        if server in self._opened and self._sum(self._opened) >= OPENED:
            return False
        if server in self._failing or server in self._hung:
            return not busy and under_way < THREADS
        return under_way < (THREADS // 2 if busy else THREADS) and busy < PER_SERVER

    def has_room_to_visit(self, server: str, visiting: Sequence[str]) -> bool:
        """Return whether a finished shop of `server` may be visited beside all other jobs, while visits to the servers
        `visiting` are under way: one of the server's slots is left to everything else."""
        if server in self._hung or server in self._failing:
            return False
        return len(visiting) < VISITS and visiting.count(server) < PER_SERVER - 1

    def _under_way(self) -> int:
        waiting = {**self._calls.waiting, **dict.fromkeys(self._calls.silent, self._busy.total())}
        idle = sum(min(number, self._busy[server]) for server, number in waiting.items())
        return self._busy.total() - min(idle, SILENT)

    def _sum(self, names: Collection[str]) -> int:
        return sum(self._busy[name] for name in names)
