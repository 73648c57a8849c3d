"""A shop that tests may change one after the other: each has it as it was installed."""

import os
import shutil
import stat
from collections import defaultdict

_MODE = "SET foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO'"


class RestoredShop:
    """The tree `root` and a `database` of `server` as they are now; `restore` makes them so again.

    Copies of both are kept: the tree's in the new folder `copy`, the database's on the same server.
    """

    def __init__(self, server, root, database, copy):
        self._root, self._copy = root, copy
        shutil.copytree(root, copy, symlinks=True)
        self._files = _files(root)
        self._database, self._rows = database, server.new_database()[0]
        self._connection = server.root_connection(database)
        self._run(_MODE)
        self._known = self._look()
        for table in self._tables():
            self._run(f"CREATE TABLE `{self._rows}`.`{table}` LIKE `{table}`")
            self._run(f"INSERT INTO `{self._rows}`.`{table}` SELECT * FROM `{table}`")

    def restore(self):
        """What differs is as before."""
        found = self._look()
        other = {name for name in found.keys() | self._known.keys() if found.get(name) != self._known.get(name)}
        for name in other & found.keys():
            self._run(f"DROP {found[name][0]} `{name}`")
        for table in other & self._tables():
            self._run(self._known[table][1])
            self._run(f"INSERT INTO `{table}` SELECT * FROM `{self._rows}`.`{table}`")
        for view in other & self._known.keys() - self._tables():
            self._run(self._known[view][1])
        for trigger in (one for table in other & self._tables() for one in self._known[table][3]):
            self._run(trigger)
        if _files(self._root) != self._files:
            shutil.rmtree(self._root)
            shutil.copytree(self._copy, self._root, symlinks=True)
            self._files = _files(self._root)

    def close(self):
        """End the connection; the copies go with folder and server."""
        self._connection.close()

    def _tables(self):
        return {name for name, (kind, *_) in self._known.items() if kind == "TABLE"}

    def _look(self):
        """Return name -> (TABLE or VIEW, definition, checksum of its rows, its triggers)."""
        kinds = {name: "VIEW" if kind == "VIEW" else "TABLE" for name, kind in self._run("SHOW FULL TABLES")}
        listed = ", ".join(f"`{name}`" for name, kind in kinds.items() if kind == "TABLE")
        sums = {full.partition(".")[2]: checksum for full, checksum in self._run(f"CHECKSUM TABLE {listed}")}
        triggers = defaultdict(list)
        for name, _event, table, *_ in self._run("SHOW TRIGGERS"):
            triggers[table].append(self._run(f"SHOW CREATE TRIGGER `{name}`")[0][2])
        return {
            name: (kind, self._run(f"SHOW CREATE {kind} `{name}`")[0][1], sums.get(name), triggers[name])
            for name, kind in kinds.items()
        }

    def _run(self, sql):
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()


def _files(root):
    """Return path -> what changes with every change of a file, which no program can set."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            status = os.lstat(os.path.join(folder, name))
            # Reading makes no difference, nor does a folder's change: its files' do
            changed = 0 if stat.S_ISDIR(status.st_mode) else status.st_ctime_ns
            found[os.path.join(folder, name)] = (status.st_mode, status.st_uid, changed)
    return found
