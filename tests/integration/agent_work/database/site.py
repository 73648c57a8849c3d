"""A database with contexts of attempts that work on it, and statements that wait for as long as a test likes."""

import types

from agent.database import ledger
from agent.database.access import close, run
from agent.session.context import Context
from tests.support.shops.handmade import NONCE, packed

MANY = "CREATE TABLE `many` (`id` int NOT NULL, `name` varchar(50) NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB"


class Log:
    def info(self, *values):
        pass


class State:
    def add_counters(self, counters):
        pass


class Bundle:
    """Members in memory."""

    def __init__(self):
        self.members = {}

    def read(self, member):
        return self.members[member["name"]]


class Site:
    """A database and contexts of attempts that work on it."""

    def __init__(self, server):
        self.server = server
        self.name, self.user, self.password = server.new_database()
        self.bundle = Bundle()
        self.manifest = {"nonce": NONCE, "members": [], "collations": {}, "tables": []}
        self.made = []

    def member(self, name, kind, data, **more):
        self.bundle.members[name] = packed(data)
        entry = {"name": name, "kind": kind, "sha256": "0" * 64, "size": len(self.bundle.members[name])}
        entry.update(more)
        self.manifest["members"].append(entry)
        return entry

    def chunk(self, number, text, rows):
        data = text.encode()
        return self.member(f"db/data/{number:04d}.sql.gz", "data", data, unpacked=len(data), rows=rows)

    def tables(self, *creates):
        entries = [
            {"name": create.split("`")[1], "create": create, "late": [], "late_index": [], "foreign_keys": []}
            for create in creates
        ]
        self.member("db/tables.json.gz", "tables", entries)

    def attempt(self, number, job="job1234", pin="a" * 64, reliable=True, **values):
        known = {"domain": "shop.example.com", "db.host": "localhost", "db.port": "", "db.socket": self.server.socket,
                 "db.name": self.name, "db.user": self.user, "db.password": self.password}  # fmt: skip
        known.update(values)
        payload = {
            "job": job, "attempt": number, "kind": "restore", "values": known, "lock_name": "lock_" + self.name,
            "account": {"user": "x", "home": "/home/x", "root": "/home/x/www"}, "bundle": {"manifest_sha256": pin},
        }  # fmt: skip
        ctx = Context(payload, "/nonexistent", State(), Log(), lock=types.SimpleNamespace(reliable=reliable))
        ctx.bundle, ctx.manifest = self.bundle, self.manifest
        return ctx

    def take(self, *arguments, **more):
        """Return a connection that holds the lock for an attempt."""
        connection = ledger.open_locked(self.attempt(*arguments, **more))
        self.made.append(connection)
        return connection

    def query(self, sql):
        return self.server.query(sql, database=self.name)

    def names(self):
        return {row[0] for row in self.query("SHOW TABLES")}

    def close(self):
        for connection in self.made:
            close(connection)
        self.server.drop_database(self.name)
        self.server.query(f"DROP USER `{self.user}`@localhost")


class Barrier:
    """Statements that wait for as long as the test likes: nothing depends on how fast the machine is."""

    def __init__(self, site):
        self._site = site
        self._name = "gate_" + site.name
        self._holder = site.server.root_connection(site.name)
        # A test that fails leaves nobody waiting
        site.made.append(self._holder)
        run(self._holder, "SELECT GET_LOCK(%s, 0)", (self._name,))

    def chunk(self, number):
        self._site.chunk(number, f"INSERT INTO `many` SELECT {number}, GET_LOCK('{self._name}', 600);\n", 1)

    def waiting(self):
        """Return the server's numbers of the connections that wait."""
        pattern = f"%GET_LOCK%{self._name}%"
        rows = self._site.server.query(
            "SELECT id FROM information_schema.processlist WHERE info LIKE %s AND id != CONNECTION_ID()", pattern
        )
        return [row[0] for row in rows]

    def open(self):
        close(self._holder)
