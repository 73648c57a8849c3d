"""The slots that this process holds: taken for a drain, renewed by one thread, given back; their rows are the judge."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from controller.db.connection.clock import Clock, Moment, at
from controller.db.connection.engine import transact
from controller.db.machines import slots
from controller.db.machines.slots import SlotRow
from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from controller.jobs.lifecycle import lease
from controller.jobs.lifecycle.emergency_log import report
from controller.jobs.lifecycle.lease import LONGEST_SECONDS, counted
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: As long as a job's lease, and renewed as often.
SECONDS, RENEW_SECONDS = lease.SECONDS, lease.SECONDS / lease.RENEWALS
#: Pause before the next try of a renewal that failed.
HURRIED_SECONDS = 1.0


class HeldSlot:
    """A slot of a server (controller.jobs.engine.port.Slot); `owner` names this period of holding alone."""

    def __init__(self, keeper: Slots, server: str, worker: str) -> None:
        self.server = server
        self.owner = f"{worker}:{secrets.token_hex(4)}"
        self.number: int | None = None
        self.is_lost = False
        self._keeper = keeper
        self._rows: Sequence[SlotRow] = ()
        self._taken: int | None = None
        self.is_given_back = False
        self._locked_at = self._taken_at = self.renewed_at = 0.0

    @property
    def is_held(self) -> bool:
        """Return whether it is held; a slot that was not renewed in time, whatever kept its process, counts as lost."""
        return self.number is not None and not self.is_lost and counted() - self.renewed_at < SECONDS

    @property
    def to_give_back(self) -> int | None:
        """Return the number of the slot that may be this holder's, also when its commit was not answered."""
        return None if self.is_lost else self._taken

    def lock(self, connection: sa.Connection) -> None:
        """Lock the server's slots within a transaction: who claims its jobs at the same time waits, and finds none that
        is claimed here."""
        self.is_given_back = False
        if self.number is None:
            # Slots taken by a transaction that is repeated were rolled back
            self._taken = None
        self._rows = slots.of_server(connection, self.server, lock=True)
        # An unknown server's name, as a stranger may send, gets no slot
        if len(self._rows) < PER_SERVER and slots.is_known(connection, self.server):
            slots.make(connection, self.server, PER_SERVER)
            self._rows = slots.of_server(connection, self.server, lock=True)
        self._locked_at = counted()

    def numbers(self, moment: Moment) -> Collection[int]:
        """Return the numbers of the locked slots that are free; the one that is held, alone, where one is."""
        if self.number is not None:
            return [row.number for row in self._rows if row.owner == self.owner and self.is_held]
        return [row.number for row in self._rows if row.number <= PER_SERVER and row.is_free(moment)]

    def take(self, connection: sa.Connection, number: int, moment: Moment) -> None:
        """Take the slot of that number, one of `numbers`, within the same transaction. Raises database_busy."""
        if self.number is not None:
            return
        self._taken, self._taken_at = number, self._locked_at
        row = next(row for row in self._rows if row.number == number)
        slots.hold_locked(connection, row, self.owner, moment.now + self._keeper.seconds)

    def give_back(self, connection: sa.Connection) -> None:
        """Give back the slot within a transaction, if one is held."""
        if self.to_give_back is not None:
            slots.free(connection, self.server, self.to_give_back, self.owner)
            self.is_given_back = True

    def confirm(self) -> None:
        """What `take` took is committed: it is renewed from now on; or what `give_back` gave: it is another's."""
        if self.is_given_back:
            self.number = self._taken = None
            self._keeper.release(self)
        elif self.number is None and self._taken is not None:
            self.number, self.renewed_at = self._taken, self._taken_at
            self._keeper.keep(self)


class Slots:
    """The slots of one worker; `worker` is its name."""

    def __init__(self, engine: sa.Engine, worker: str, clock: Clock) -> None:
        self._engine = engine
        self._worker = worker
        self._clock = clock
        self._guard = threading.Lock()
        self._held: list[HeldSlot] = []
        self._renewer: threading.Thread | None = None
        self._renew_now = threading.Event()
        self._is_last = False

    @property
    def seconds(self) -> float:
        """For how long a slot is taken and renewed."""
        return LONGEST_SECONDS if self._is_last else SECONDS

    @contextmanager
    def slot(self, server: str) -> Iterator[HeldSlot]:
        """Yield a slot of the server to be taken; it is given back at the end."""
        slot = HeldSlot(self, server, self._worker)
        try:
            yield slot
        finally:
            self._give_back(slot)

    def keep(self, slot: HeldSlot) -> None:
        """Renew the slot from now on. Raises RuntimeError when there is no thread for it."""
        with self._guard:
            self._held.append(slot)
            if self._renewer is None or not self._renewer.is_alive():
                self._renewer = threading.Thread(target=self._renew_all, name="slots", daemon=True)
                self._renewer.start()

    def release(self, slot: HeldSlot) -> None:
        """Renew the slot no more."""
        with self._guard:
            if slot in self._held:
                self._held.remove(slot)

    def outlive(self) -> None:
        """This process is about to end: hold the slots as long as calls under way may go on without it."""
        self._is_last = True
        self._renew_now.set()

    def _give_back(self, slot: HeldSlot) -> None:
        self.release(slot)
        number = slot.to_give_back
        if number is None:
            return
        try:
            transact(self._engine, lambda connection: slots.free(connection, slot.server, number, slot.owner))
        except ShoplaunchError as error:
            LOG.warning("a slot of %s is free only when its lease is over: %s", slot.server, error.message)

    def _renew_all(self) -> None:
        """Renew what is held, until nothing is."""
        has_failed = False
        while True:
            self._renew_now.wait(min(HURRIED_SECONDS, RENEW_SECONDS) if has_failed else RENEW_SECONDS)
            self._renew_now.clear()
            has_failed = False
            with self._guard:
                held = list(self._held)
                if not held:
                    self._renewer = None
                    return
            try:
                self._renew(held)
            except ShoplaunchError as error:
                has_failed = True
                LOG.warning("slots of %s are not renewed: %s", _servers(held), error.message)
            except BaseException as problem:  # noqa: BLE001 - without renewals another one takes them
                has_failed = True
                report(f"slots of {_servers(held)} are not renewed", problem)

    def _renew(self, held: Sequence[HeldSlot]) -> None:
        """Renew all of them at once: one by one each would cost a transaction."""
        began, holders = counted(), {slot.owner: slot.server for slot in held}

        def work(connection: sa.Connection) -> Collection[str]:
            return slots.renew(connection, holders, at(self._clock, connection).now + self.seconds)

        kept = transact(self._engine, work)
        for slot in held:
            if slot.owner in kept:
                slot.renewed_at = began
            elif slot in self._held and not slot.is_given_back:
                slot.is_lost = True
                LOG.warning("a slot of %s is lost; another worker has it", slot.server)


def _servers(held: Iterable[HeldSlot]) -> str:
    return ", ".join(sorted({slot.server for slot in held}))
