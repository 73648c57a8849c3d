"""The dump as the `mariadb` client loads it, and the tables of two databases read row by row."""

import bz2
import contextlib
import gzip
import lzma
import shutil
import subprocess
import zipfile
from pathlib import Path

import pymysql

SECONDS = 900
#: As lax as servers were when such dumps were made.
BEFORE = b"SET SESSION sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', foreign_key_checks=0, unique_checks=0;\n"
CUT_COMMENT = b"- -----"
OWN_TABLES = "shoplaunch_"
#: Of one table: with more rows than these the rest is not compared, and the result says so.
MOST_ROWS = 200_000


@contextlib.contextmanager
def opened(dump):
    """Yield the dump at `dump` as a stream of its statements, whatever it is compressed by."""
    path = Path(dump)
    with contextlib.ExitStack() as stack:
        if path.suffix == ".zip":
            archive = stack.enter_context(zipfile.ZipFile(path))
            yield stack.enter_context(archive.open(archive.namelist()[0]))
        else:
            how = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}.get(path.suffix, open)
            yield stack.enter_context(how(path, "rb"))


class Server:
    """The private server of a world, used as its root."""

    def __init__(self, socket):
        self.socket = str(socket)

    def connect(self, database=None, **options):
        """Return a connection that reads everything as the bytes it is."""
        return pymysql.connect(
            unix_socket=self.socket, user="root", database=database, charset="utf8mb4", use_unicode=False, conv={},
            ssl_disabled=True, autocommit=True, **options,
        )  # fmt: skip

    def rows(self, statement, *values, database=None):
        """Return the rows of one statement, texts as bytes."""
        with self.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall()

    def databases(self):
        """Return the names of the databases there are."""
        return {row[0].decode() for row in self.rows("SHOW DATABASES")}

    def load(self, dump, name):
        """Load `dump` with the client into `name`; return (the database it went into, the complaints)."""
        before = self.databases()
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "--user=root", "--force", "--binary-mode",
                   "--default-character-set=utf8mb4", name]  # fmt: skip
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
            with contextlib.suppress(BrokenPipeError), opened(dump) as stream:
                run.stdin.write(BEFORE)
                begins = stream.read(len(CUT_COMMENT))
                # Without its first sign a comment is an error, and takes the first statement with it
                run.stdin.write(b"-" * (begins == CUT_COMMENT) + begins)
                shutil.copyfileobj(stream, run.stdin)
            said = run.communicate(timeout=SECONDS)[1].decode("utf-8", "replace")
        # A dump may name a database of its own
        made = [name, *sorted(self.databases() - before - {name})]
        return max(made, key=lambda one: len(self.tables(one))), said

    def tables(self, database):
        """Return the names of the tables of `database`, without those of an agent."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type = 'BASE TABLE'"
        found = (row[0].decode() for row in self.rows(query, database))
        return sorted(name for name in found if not name.startswith(OWN_TABLES))

    def columns(self, database, table):
        """Return column -> (type, may be NULL) of `table`, in order."""
        query = ("SELECT column_name, column_type, is_nullable FROM information_schema.columns"
                 " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position")  # fmt: skip
        return {name.decode(): (kind.decode(), null.decode()) for name, kind, null in self.rows(query, database, table)}

    def key(self, database, table):
        """Return the columns of the table's primary key, [] where it has none."""
        query = ("SELECT column_name FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s"
                 " AND index_name = 'PRIMARY' ORDER BY seq_in_index")  # fmt: skip
        return [row[0].decode() for row in self.rows(query, database, table)]

    def content(self, database, table, columns):
        """Return the rows of `table`, a list of tuples of bytes or None; at most MOST_ROWS of them."""
        listed = ", ".join(f"`{name}`" for name in columns)
        return self.rows(f"SELECT {listed} FROM `{table}` LIMIT {MOST_ROWS}", database=database)

    def count(self, database, table):
        """Return how many rows `table` has."""
        return int(self.rows(f"SELECT COUNT(*) FROM `{table}`", database=database)[0][0])

    def drop(self, *names):
        """These databases are not there."""
        with self.connect() as connection, connection.cursor() as cursor:
            for name in names:
                cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
