"""Faults of the database: the server restarted, connections dropped, locks held by somebody else."""

import threading

import pymysql

from agent.database.ledger import UNKNOWN_THREAD
from tests.resume.conftest import chunks_in_ledger
from tests.resume.faults.model import Fault

#: When statements are on their way, or connections open.
CONNECTED = ("preflight", "unpack", "chunk", "index", "configure", "prove", "cleanup")


class Restarted(Fault):
    name = "database server restarted"
    moments = CONNECTED
    how = "SIGKILL to the server, which is started again"
    what = "what was under way is rolled back and sent again, nothing else"
    breaks = 1

    def begin(self, world):
        world.server.stop(hard=True)

    def end(self, world):
        world.server.start()
        world.shop.chunks.look_after_crash()


class Dropped(Fault):
    name = "database connections dropped"
    usual = ("preflight", "chunk", "index", "configure", "cleanup")
    moments = CONNECTED
    how = "`KILL` for every connection of the account"
    what = "as above; the lock is taken again before anything is written"
    breaks = 1

    def begin(self, world):
        found = world.connections()
        assert found
        for number in found:
            try:
                world.server.query(f"KILL {number}")
            except pymysql.err.OperationalError as error:
                # One of those at work has come to its end meanwhile
                if error.args[0] != UNKNOWN_THREAD:
                    raise


class _Holder(Fault):
    """Somebody else, whose transaction is open."""

    def begin(self, world):
        self._connection = world.server.root_connection(world.shop.database)
        self._connection.begin()
        if world.moment == "chunk":
            # All others are there: what is missing now is what the waiting chunk brings
            world.wait_for(lambda: chunks_in_ledger(world.shop) == len(world.bundle.texts) - 1)
            there = {row[0] for row in world.shop.query("SELECT id FROM ps_product")}
            self.missing = [number for number in range(1, max(there) + 80) if number not in there][:40]
        self.hold(world)

    def hold(self, world):
        raise NotImplementedError

    def hold_images(self):
        """Hold the rows that the waiting chunk's next statement brings."""
        self.execute("INSERT INTO ps_image VALUES " + ",".join(f"({number},{number})" for number in self.missing))

    def execute(self, statement):
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def end(self, world):
        self._connection.rollback()
        self._connection.close()


class LockWait(_Holder):
    name = "lock wait time-out"
    moments = ("chunk", "index")
    how = "somebody holds the table for longer than the server lets anybody wait (1 s)"
    what = "the chunk begins anew; the index is made once it can be"
    breaks = None

    def hold(self, world):
        self.execute("LOCK TABLES ps_image WRITE" if world.moment == "chunk" else "SELECT * FROM ps_product")

    def wait_until_met(self, world):
        text = "INSERT INTO `ps_image`%" if world.moment == "chunk" else "ALTER TABLE%"
        waiting = "SELECT id, query_id FROM information_schema.PROCESSLIST WHERE user = %s AND info LIKE %s"
        seen = set()

        def tried_again():
            seen.update(world.server.query(waiting, world.shop.db_user, text))
            return len(seen) > 1

        world.wait_for(tried_again)


class RowLockWait(LockWait):
    name = "lock wait time-out for rows"
    moments = ("chunk",)
    how = "another transaction holds the rows for longer than a chunk waits (30 s)"
    what = "the chunk begins anew"
    is_long = True

    def hold(self, world):
        self.hold_images()


class Deadlock(_Holder):
    name = "deadlock inside a chunk"
    moments = ("chunk",)
    who = ("nobody", "helper")
    how = "the chunk and a transaction that has changed more wait for each other"
    what = "the server rolls the chunk back, and it begins anew"
    breaks = 1

    def hold(self, world):
        self._before = deadlocks(world)
        # In a table of its own, which nobody else sees
        world.server.query("CREATE DATABASE IF NOT EXISTS others")
        world.server.query("CREATE TABLE IF NOT EXISTS others.heavy (n INT) ENGINE=InnoDB")
        self.execute("INSERT INTO others.heavy VALUES " + ",".join(f"({number})" for number in range(5000)))
        self.hold_images()
        wanted = f"SELECT name FROM ps_product WHERE id = {self.missing[0]} FOR UPDATE"
        self._waiting = threading.Thread(target=self.execute, args=(wanted,))
        self._waiting.start()
        asked = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT' AND trx_query = %s"
        # InnoDB's tables stay as they were for who asks again within a tenth of a second
        world.wait_for(lambda: world.server.query(asked, wanted), pause=0.3)

    def wait_until_met(self, world):
        world.wait_for(lambda: deadlocks(world) > self._before)

    def end(self, world):
        self._waiting.join()
        super().end(world)


def deadlocks(world):
    """Return how many deadlocks the server has met."""
    return int(world.server.query("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")[0][1])


FAULTS = [Restarted(), Dropped(), LockWait(), RowLockWait(), Deadlock()]
