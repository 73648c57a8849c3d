"""A worker's visits of finished shops in parallel with its other jobs: they wait for neither threads nor new orders."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from controller.db import due
from controller.db.connection.clock import Moment
from controller.db.due import DueServer
from controller.db.machines import slots
from controller.jobs.engine.capacity.thread_shares import FOR_ORDERS, FOR_VISITS, PER_SERVER, ThreadShares
from controller.jobs.lifecycle import due_hint

#: Between two looks for finished shops without a hint, while a worker has no room; those of a server that another
#: worker was hinted at are left to that one for so long.
LOOK_SECONDS = 0.5
#: The slots in which shops are visited.
SLOTS = frozenset(range(1, PER_SERVER + 1)) - {FOR_ORDERS}


class Visits:
    """The visits of one worker that are under way in parallel with its other jobs."""

    def __init__(self) -> None:
        self._under_way: dict[object, tuple[str, threading.Thread]] = {}
        self._hints, self._look_at = -1, 0.0

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads of the visits under way."""
        return [thread for _server, thread in list(self._under_way.values())]

    def has_room(self, server: str, places: ThreadShares) -> bool:
        """Return whether a finished shop of the server may be visited in addition to all other jobs."""
        return places.has_room_to_visit(server, [name for name, _thread in list(self._under_way.values())])

    def start(self, server: str, visit: Callable[[], object]) -> None:
        """Visit in a thread of its own. Raises RuntimeError when the machine has no thread left."""
        key = object()

        def run() -> None:
            try:
                visit()
            finally:
                self._under_way.pop(key, None)

        thread = threading.Thread(target=run, name="visit", daemon=True)
        self._under_way[key] = server, thread
        try:
            thread.start()
        except BaseException:
            del self._under_way[key]
            raise

    def is_look_due(self) -> bool:
        """Return whether a worker without room looks for finished shops now: after a hint, else now and then."""
        hints, now = due_hint.given(), time.monotonic()
        if hints == self._hints and now < self._look_at:
            return False
        self._hints, self._look_at = hints, now + LOOK_SECONDS
        return True


def is_waiting(connection: sa.Connection, server: str, moment: Moment) -> bool:
    """Return whether a finished shop of the server is due and has no slot."""
    waiting = due.candidates(connection, server, moment, len(SLOTS), which=due.VISITS)
    return bool(waiting) and len(waiting) > len(SLOTS - slots.taken_numbers(connection, moment).get(server, set()))


def look(connection: sa.Connection, moment: Moment, is_mine: Callable[[str], bool]) -> dict[str, int]:
    """Return server -> how many of its finished shops are due and have a slot, the longest due first. Those of servers
    that are not mine are left to others for a while."""
    latest = moment.now - LOOK_SECONDS
    due_here = {
        server: number
        for server, (number, since) in due.visits(connection, moment).items()
        if since <= latest or is_mine(server)
    }
    taken = slots.taken_numbers(connection, moment) if due_here else {}
    return {server: min(number, len(SLOTS - taken.get(server, set()))) for server, number in due_here.items()}


def with_slots(connection: sa.Connection, moment: Moment, found: Sequence[DueServer]) -> list[DueServer]:
    """Return the servers with as many due jobs as have a slot: a drain without one would ask for nothing."""
    taken = slots.taken_numbers(connection, moment) if found else {}
    free = {one.server: set(range(1, PER_SERVER + 1)) - taken.get(one.server, set()) for one in found}
    last = [one.server for one in found if free[one.server] == {FOR_VISITS} and not one.visits]
    kept = due.with_agents(connection, last) if last else set()
    return [
        one.at_most(0 if one.server in kept else len(free[one.server]), len(free[one.server] & SLOTS)) for one in found
    ]
