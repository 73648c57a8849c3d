"""Opens the template's database: a live one, or a dump that is classified as a whole and then loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controller.bundles.source.database import collations, empty_choices
from controller.bundles.source.database.schema import as_innodb, mapped
from controller.bundles.source.database.snapshot import Source
from controller.bundles.source.dumps import dump, sql_judge
from controller.bundles.source.dumps.splitter import Statement
from controller.bundles.source.servers.connections import (
    SCRATCH,
    SOURCE,
    Connection,
    Refused,
    Work,
    connect,
    name,
    parse_url,
    text,
)
from controller.bundles.source.servers.scratch import LOADER, Scratch
from controller.bundles.source.servers.scratch_room import Room
from shared.errors import ShoplaunchError

_LAST_MOMENT = 2**31 - 1
_EVENTS = "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY EVENT_NAME"
_SHOWN_NAMES = 10
_UNKNOWN_COLLATION = 1273
_WRONG_VALUE = 1231
#: The last lines of a dump restore the settings that its first lines saved.
_GIVEN_BACK = re.compile(rb"=\s*@(?:OLD|saved)_", re.IGNORECASE)
_NAMED = re.compile(r"'(\w+)'")
#: Names of the three-byte character set in a definition, alone or as part of a collation.
_NARROW = re.compile(r"\b(CHARSET=|CHARACTER SET |COLLATE[= ])utf8(?:mb3)?(?=_|\b)")
#: The variables that `SET NAMES` sets.
_SPOKEN = ("character_set_client", "character_set_results", "collation_connection")
_NARROW_NAMES = re.compile(rb"\b(NAMES\s+['\"]?)utf8(?:mb3)?(?=\W|\Z)", re.IGNORECASE)


@contextmanager
def open_source(url: str | None, dump_path: Path | None, scratch: Scratch, work: Work) -> Iterator[Source]:
    """Yield the Source of a live database, or of a dump loaded into the scratch server.

    Raises ShoplaunchError `source_database`, `dump_*`.
    """
    if dump_path is not None:
        database, notes = load_dump(dump_path, scratch, work)
        with scratch.connection(database) as connection:
            yield Source(connection, notes)
        return
    address = parse_url(url or "", SOURCE)
    if address.database is None:
        raise ShoplaunchError(SOURCE, "the database URL names no database")
    work("source database")
    connection = connect(address, SOURCE)
    try:
        yield Source(connection, _events(connection))
    finally:
        connection.close()


def _events(connection: Connection) -> list[str]:
    """Return a sentence about the database's scheduled events: they are not packed."""
    names = ["".join(sign if sign.isprintable() else "?" for sign in one) for one in connection.names(_EVENTS)]
    shown = ", ".join(names[:_SHOWN_NAMES]) + (" …" if len(names) > _SHOWN_NAMES else "")
    return [f"events are not packed, and accounts run none: {shown}"] if names else []


def load_dump(path: Path, scratch: Scratch, work: Work) -> tuple[str, list[str]]:
    """Load a dump into a new scratch database, after all of it has been classified.

    Return (the database's name, sentences about changes on the way). Raises ShoplaunchError `dump_*`.
    """
    work("reading the dump")
    before = path.stat() if path.exists() else None
    facts = dump.examine(path, scratch.server())
    _require_unchanged(path, before)
    database = scratch.new_database(role=LOADER)
    work("loading the dump")
    with scratch.connection(database) as connection:
        limit = int(connection.one("SELECT @@max_allowed_packet")[0] or 0)
        if facts.largest + 1024 > limit:
            raise ShoplaunchError("dump_failed", f"the scratch server's max_allowed_packet is below {facts.largest}")
        loader = _Loader(connection, facts.wide)
        # No warning may be dropped: every lost value has to be examined
        connection.query("SET autocommit=0, max_error_count=65535")
        connection.query(f"SET timestamp={_moment(path)}")
        used = ""
        scratch.room.bound(facts.size)
        with dump.located(path):
            for statement in dump.read_statements(path, scratch.server()):
                kind, named = dump.classify(statement)
                used = dump.used_after(statement, kind, named, used)
                # A setting stays in effect after the database that was used for it
                if kind in dump.RUN and (facts.only is None or used == facts.only or kind == "set"):
                    with _named_statement(scratch.room, statement):
                        loader.run(statement, kind, named)
        connection.query("COMMIT")
    _require_unchanged(path, before)
    others = sorted(set(facts.databases) - {facts.only}) if facts.only is not None else []
    left = [f"of several databases only {facts.only} was read, not {', '.join(others)}"] if others else []
    return database, [*left, *loader.notes()]


@contextmanager
def _named_statement(room: Room, statement: Statement) -> Iterator[None]:
    """Name the statement at which the server was ended for taking too much of the disk."""
    try:
        yield
    except ShoplaunchError as problem:
        if problem.code == SCRATCH and room.reason:
            raise room.failure(f"at byte {statement.start}: ") from problem
        raise


def _require_unchanged(path: Path, before: os.stat_result | None) -> None:
    after = path.stat()
    if before is None or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ShoplaunchError("tree_changed", f"{path} changed while it was read")


def _moment(path: Path) -> int:
    """Return the clock for loading a dump: the dump's own time, so that it always gives the same rows."""
    return min(max(int(path.stat().st_mtime), 1), _LAST_MOMENT)


class _Loader:
    """Runs a dump's statements; adapts, and reports, what the scratch server could not hold as it is."""

    def __init__(self, connection: Connection, wide: set[str]) -> None:
        self._connection = connection
        self._wide = wide
        self._replaced: dict[str, str] = {}
        self._widened: list[str] = []
        self._headless = False

    def notes(self) -> list[str]:
        """Return the changes, as sentences."""
        collated = [f"{old} is unknown to the scratch server: {new}" for old, new in sorted(self._replaced.items())]
        widened = [f"{table} holds letters of four bytes in utf8: made utf8mb4" for table in sorted(self._widened)]
        lost = ["the dump's beginning is missing: it gives back settings it never kept"] if self._headless else []
        return lost + collated + widened

    def run(self, statement: Statement, kind: str, named: str | None) -> None:
        """Send one statement. Raises ShoplaunchError `dump_failed` when it is refused or would lose data."""
        sql = dump.runnable(statement.text, kind)
        if kind == "set" and self._wide:
            sql = _NARROW_NAMES.sub(rb"\1utf8mb4", sql)
        lost: list[str] = []
        try:
            self._send(sql, kind)
            if kind == "table" and named in self._wide:
                self._widen(named)
            self._look(statement, kind)
            lost = self._connection.warnings() if kind == "insert" and self._connection.warning_count else []
        except Refused as problem:
            if kind == "set" and problem.number == _WRONG_VALUE and _GIVEN_BACK.search(sql):
                self._headless = True
                return
            raise ShoplaunchError("dump_failed", f"at byte {statement.start}: {problem.message}"[:500]) from problem
        if lost and not empty_choices.is_all_lost(self._connection, named or "", sql):
            raise ShoplaunchError("dump_failed", f"at byte {statement.start}: {lost[0]}"[:500])

    def _look(self, statement: Statement, kind: str) -> None:
        """Raise ShoplaunchError `dump_statement_refused` if strings would now end elsewhere than was judged."""
        if kind != "set":
            return
        # A setting may be assembled from parts
        mode, charset = map(text, self._connection.one("SELECT @@sql_mode, @@character_set_client"))
        if "NO_BACKSLASH_ESCAPES" in mode.split(",") or charset in sql_judge.UNSAFE_CHARSETS:
            message = f"at byte {statement.start}: from here on a string would end elsewhere ({charset}, {mode})"
            raise ShoplaunchError(sql_judge.REFUSED, message[:500])

    def _send(self, sql: bytes, kind: str) -> None:
        if kind == "insert":
            self._connection.query(sql)
            return
        for old, new in self._replaced.items():
            sql = _with_collation(sql, old, new)
        while True:
            try:
                self._connection.query(sql)
            except Refused as problem:
                found = _NAMED.search(problem.message)
                if problem.number != _UNKNOWN_COLLATION or found is None or found.group(1) in self._replaced:
                    raise
                old = found.group(1)
                self._replaced[old] = new = self._known_for(old, problem)
                sql = _with_collation(sql, old, new)
            else:
                return

    def _known_for(self, collation: str, problem: Refused) -> str:
        for candidate in collations.candidates(collation):
            with suppress(Refused):
                self._connection.query(f"SELECT CONVERT('' USING {candidate.partition('_')[0]}) COLLATE {candidate}")
                return candidate
        raise problem

    def _widen(self, table: str) -> None:
        # The dump may use another character set, in which the definition could not be read
        self._connection.query(f"SET {', '.join(f'@shoplaunch_{one}=@@{one}' for one in _SPOKEN)}")
        self._connection.query("SET NAMES utf8mb4")
        self._make_wide(table)
        self._connection.query(f"SET {', '.join(f'{one}=@shoplaunch_{one}' for one in _SPOKEN)}")

    def _make_wide(self, table: str) -> None:
        create = text(self._connection.one(f"SHOW CREATE TABLE {name(table)}")[1])
        wide = _NARROW.sub(r"\1utf8mb4", create)
        if wide == create:
            return
        # Before any rows exist; as InnoDB, whose keys have room for the fourth byte
        self._connection.query(f"DROP TABLE {name(table)}")
        self._connection.query(as_innodb(wide, keep_counter=True)[0])
        self._widened.append(table)


def _with_collation(sql: bytes, old: str, new: str) -> bytes:
    return mapped(sql.decode("utf-8", "surrogateescape"), old, new).encode("utf-8", "surrogateescape")
