"""The port of an engine: what moves jobs. What it passes on is a server's name, never a job and never state.

Each kind of engine implements it (controller.jobs.engine.registry); rows of the database remain the truth.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

import sqlalchemy as sa

from controller.db.connection.clock import Moment


class Hints(Protocol):
    """Passes hints on to workers, of any process."""

    def hint(self, server: str) -> None:
        """Let a worker look at the server's jobs soon. Call it after the commit that made one due.

        A hint may be lost, doubled, or late, and raises nothing: workers look by themselves as well.
        """


class Slot(Protocol):
    """One of a server's slots: a lease in the database, renewed until the `with` block of `Engine.slot` ends."""

    #: Which of the server's slots it is, None before `take`.
    number: int | None

    @property
    def is_held(self) -> bool:
        """Return whether it is still this holder's, as far as this process knows."""

    def lock(self, connection: sa.Connection) -> None:
        """Lock the server's slots within a transaction: who claims its jobs at the same time waits for its end."""

    def numbers(self, moment: Moment) -> Collection[int]:
        """Return the numbers of the locked slots that are free; the one that is held, alone, where one is."""

    def take(self, connection: sa.Connection, number: int, moment: Moment) -> None:
        """Take the slot of that number, one of `numbers`, unless it is held.

        Call `confirm` once the transaction is committed.
        """

    def give_back(self, connection: sa.Connection) -> None:
        """Give back the slot within a transaction, if one is held; the end of the `with` block does so otherwise.

        Call `confirm` once the transaction is committed.
        """

    def confirm(self) -> None:
        """What `take` took, or `give_back` gave, is committed."""


class Engine(Hints, Protocol):
    """Moves due jobs of servers until it is asked to stop."""

    @property
    def name(self) -> str:
        """The worker's name in leases and signs of life."""

    def slot(self, server: str) -> AbstractContextManager[Slot]:
        """Yield a slot of the server to be taken; it is given back at the end."""

    def run(self) -> None:
        """Move due jobs until `ask_to_stop`."""

    def start(self) -> None:
        """Run in threads of their own."""

    def ask_to_stop(self) -> None:
        """Begin nothing new from now on."""

    def stop(self, seconds: float = 60.0) -> bool:
        """Ask to stop, and wait for what is under way; return whether all of it ended within `seconds`."""
