"""Long statements count as progress while the server works on them, up to a limit.

Building an index of a large table is a single statement of many minutes. The agent does nothing meanwhile, and without
a sign of life the next tick would consider this process hung and kill it, only to run the same statement again.
"""

import threading

from agent.database import access
from agent.database.under_way import LONGEST_SECONDS, waiting

MYPY = False
if MYPY:
    from typing import Callable

    from agent.base.log import Log
    from agent.database.connection import OurConnection

#: Between two queries to the server; ten of them fit into lock.HUNG_SECONDS.
WATCH_SECONDS = 60.0
#: The commands SHOW PROCESSLIST shows for a thread that works on a statement.
WORKING = ("Query", "Execute")


class Watch:
    """Calls `touch()` as long as the server works on a long statement of this process.

    `connect()` returns a separate database connection for asking the server.
    """

    def __init__(
        self,
        connect: "Callable[[], OurConnection]",
        touch: "Callable[[], None]",
        log: "Log",
        every: float = WATCH_SECONDS,
        longest: float = LONGEST_SECONDS,
    ) -> None:
        self._connect = connect
        self._touch = touch
        self._log = log
        self._every = every
        self._longest = longest
        self._over = threading.Event()

    def start(self) -> None:
        """Start watching. Raises RuntimeError where no further thread can start; it may be called again later."""
        threading.Thread(target=self._run, name="statements", daemon=True).start()

    def stop(self) -> None:
        """Stop watching."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self.look(self._every)
            except Exception as error:  # noqa: BLE001 - a failed query only means no sign of life
                self._log.info("the server does not show what it works on: %s", type(error).__name__)

    def look(self, shortest: float) -> bool:
        """Return whether the server works on an agent's statement older than `shortest` seconds, after calling `touch`.

        Raises ShoplaunchError `db_*`, OSError.
        """
        numbers = waiting(shortest, self._longest)
        if not numbers:
            return False
        connection = self._connect()
        try:
            rows = access.run(connection, "SHOW PROCESSLIST")
        finally:
            access.close(connection)
        if not any(row[0] in numbers and row[4] in WORKING for row in rows):
            return False
        self._touch()
        return True
