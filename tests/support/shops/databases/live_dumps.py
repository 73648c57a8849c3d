"""A live database as several tools would write its dump: their statements differ, what they hold is the same."""

import os
import re
import subprocess

from tests.support.shops.databases.dump_styles import PHPMYADMIN_END, PHPMYADMIN_START

_KEY = re.compile(r"\s*(?:(?:PRIMARY|UNIQUE|FULLTEXT|SPATIAL) )?KEY |\s*CONSTRAINT ")


class Dumps:
    """Writes dumps of one database; `door` are options of the client's tools that lead to it, without its password.

    `query` runs one statement there and returns its rows.
    """

    def __init__(self, door, password, database, query):
        self._door, self._password, self._database = door, password, database
        self._query = query

    def of(self, style):
        """Return the dump (bytes) in one of the STYLES."""
        return STYLES[style](self)

    def tool(self, *options):
        """Return what mariadb-dump writes with `options`."""
        command = ["mariadb-dump", "--no-defaults", *self._door, *options, self._database]
        environment = {**os.environ, "MYSQL_PWD": self._password}
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    def by_phpmyadmin(self):
        """Tables without their keys, rows with the names of their columns, then keys, then what counts by itself."""
        rows = self.tool("--compact", "--no-create-info", "--skip-triggers", "--complete-insert", "--hex-blob")
        before, behind, last = [], [], []
        for name, *_ in self._query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'"):
            create, keys, numbered = _taken_apart(self._query(f"SHOW CREATE TABLE `{name}`")[0][1])
            before.append(f"{create};\n")
            alter = f"ALTER TABLE `{name}`\n  "
            behind += [alter + ",\n  ".join(f"ADD {key}" for key in keys) + ";\n"] if keys else []
            last += [f"{alter}MODIFY {numbered};\n"] if numbered else []
        parts = [PHPMYADMIN_START, *before], [*behind, *last, PHPMYADMIN_END]
        return "\n".join(parts[0]).encode() + rows.partition(b"\n")[2] + "\n".join(parts[1]).encode()


def _taken_apart(create):
    """Return a CREATE TABLE as (without keys and counters, its keys, its column that counts with where it stands)."""
    first, *body, end = create.split("\n")
    body = [line.strip().removesuffix(",") for line in body]
    keys = [line for line in body if _KEY.match(line)]
    columns = [line for line in body if not _KEY.match(line)]
    numbered = next((line for line in columns if " AUTO_INCREMENT" in line), None)
    counter = re.search(r" AUTO_INCREMENT=\d+", end)
    columns = [line.replace(" AUTO_INCREMENT", "") for line in columns]
    plain = f"{first}\n  " + ",\n  ".join(columns) + "\n" + end.replace(counter[0] if counter else "\0", "")
    return plain, keys, numbered + (f",{counter[0]}" if counter else "") if numbered else None


#: Tool -> how its dump is made.
STYLES = {
    "mariadb-dump": lambda dumps: dumps.tool(),
    "an INSERT per row": lambda dumps: dumps.tool("--skip-extended-insert", "--complete-insert"),
    "phpMyAdmin": Dumps.by_phpmyadmin,
}
