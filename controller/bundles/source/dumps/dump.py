"""Classifies every statement of a dump, so that nothing is executed before the whole dump is understood."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from controller.bundles.source.dumps import sql_judge
from controller.bundles.source.dumps.dump_file import pieces
from controller.bundles.source.dumps.splitter import Server, Splitter, Statement
from controller.recipes.foreign_tables import holds_shop
from shared.errors import ShoplaunchError

#: The part of a statement that is enough to determine its kind.
_HEAD_BYTES = 4096
_EDGE_BYTES = 4096
#: A statement is held in memory whole; servers accept twice as much at most, and hosts a fraction of it.
MAX_STATEMENT_BYTES = 512 * 1024 * 1024
#: Names of tables, each in its database, and of databases that are kept.
_MAX_NAMES = 100_000
_SHOWN_DATABASES = 20

_NAME = rb"(`(?:[^`]|``)+`|\"[^\"]+\"|[\w$\x80-\xff]+)"
_TARGET = _NAME + rb"(\s*\.\s*)?"
_ACCOUNT = rb"(?:`[^`]*`|'[^']*'|\"[^\"]*\"|[\w.%$-]+)"
_DEFINER = re.compile(rb"\bDEFINER\s*=\s*(?:CURRENT_USER(?:\s*\(\s*\))?|%b(?:\s*@\s*%b)?)" % (_ACCOUNT, _ACCOUNT), re.I)
_CREATE = (
    rb"CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?(?:%b\s*)?(?:SQL\s+SECURITY\s+\w+\s+)?(?:AGGREGATE\s+)?"
    % _DEFINER.pattern
)
_EXISTS = rb"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?"


def _kind(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\s*(?:" + pattern + rb")", re.IGNORECASE)


#: The kinds of statements, in the order in which they are tried. A pattern's first group is the object's name.
KINDS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("insert", _kind(rb"(?:INSERT|REPLACE)\s+(?:(?:DELAYED|LOW_PRIORITY|IGNORE)\s+)*(?:INTO\s+)?" + _TARGET)),
    ("table", _kind(rb"CREATE\s+TABLE\s+" + _EXISTS + _TARGET)),
    ("view", _kind(_CREATE + rb"VIEW\s+" + _EXISTS + _TARGET)),
    ("trigger", _kind(_CREATE + rb"TRIGGER\s+" + _EXISTS + _TARGET)),
    ("routine", _kind(_CREATE + rb"(?:PROCEDURE|FUNCTION)\s+" + _EXISTS + _TARGET)),
    ("drop", _kind(rb"DROP\s+(?:TABLE|VIEW|TRIGGER|PROCEDURE|FUNCTION)\s+IF\s+EXISTS\s+" + _TARGET)),
    ("alter", _kind(rb"ALTER\s+TABLE\s+(?:ONLY\s+)?" + _TARGET)),
    ("begin", _kind(rb"(?:START\s+TRANSACTION|BEGIN(?:\s+WORK)?)\b")),
    ("commit", _kind(rb"COMMIT\b")),
    ("lock", _kind(rb"LOCK\s+TABLES?\b")),
    ("unlock", _kind(rb"UNLOCK\s+TABLES?\b")),
    ("database", _kind(rb"(?:(?:CREATE|DROP)\s+(?:DATABASE|SCHEMA)\s+" + _EXISTS + rb"|USE\s+)" + _NAME)),
    ("clear", _kind(rb"(?:TRUNCATE\s+(?:TABLE\s+)?|DELETE\s+FROM\s+)" + _TARGET + rb"(?(2)|\s*\Z)")),
    ("skip", _kind(rb"ALTER\s+(?:DATABASE|SCHEMA)\b")),
    ("skip", _kind(rb"SET\s+(?:AUTOCOMMIT\b|@\w+\s*=\s*@@(?:SESSION\.)?(?:AUTOCOMMIT|SQL_LOG_BIN)\b)")),
    ("skip", _kind(rb"SET\s+@@(?:GLOBAL\.GTID_PURGED|SESSION\.SQL_LOG_BIN)\b")),
    ("refuse", _kind(rb"SET\s+(?:GLOBAL|PERSIST(?:_ONLY)?|PASSWORD|ROLE|DEFAULT|STATEMENT|@@GLOBAL|@@PERSIST)\b")),
    ("set", _kind(rb"SET\s+[@\w]")),
    ("empty", _kind(rb"\Z")),
)
#: Server settings; and the one that makes backslashes literal, with which strings would end elsewhere than we read.
_REFUSED_IN_SET = re.compile(rb",\s*(?:@@)?(?:GLOBAL|PERSIST)\b", re.IGNORECASE)
_NO_ESCAPES = re.compile(rb"\bNO_BACKSLASH_ESCAPES\b", re.IGNORECASE)
_USE = re.compile(rb"\s*USE\s", re.IGNORECASE)
#: Four-byte characters, which a column of the character set `utf8` cannot hold.
_WIDE = re.compile(rb"[\xf0-\xf4][\x80-\xbf]{3}")
_CHARSET = re.compile(rb"\bNAMES\s+['\"]?(\w+)", re.IGNORECASE)
#: Kinds that are sent to the scratch server.
RUN = frozenset({"insert", "table", "view", "trigger", "routine", "drop", "alter", "clear", "set"})
#: First lines of a tool's dump, its last line, and that line's name: a dump without its last line is truncated.
_ENDS = tuple(
    (re.compile(begin, re.MULTILINE), re.compile(end, re.MULTILINE), shown)
    for begin, end, shown in (
        (rb"^-- (?:MySQL|MariaDB) dump ", rb"^-- Dump completed", "its line `-- Dump completed`"),
        (rb"^-- Adminer ", rb"^-- [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "its closing date"),
        (rb"^-- HeidiSQL Version", rb"SET SQL_MODE=IFNULL\(@OLD_SQL_MODE", "it gives the settings back"),
    )
)
_MARK = re.compile(rb"/\*M?![0-9]*")
_AT_BYTE = re.compile(r"at byte (\d+)")
_WITHOUT_DEFINER = frozenset({"view", "trigger", "routine"})


@dataclass
class DumpFacts:
    """Facts about a classified dump: the tables it creates, the largest statement in bytes, statements per kind.

    `databases` are those it names, `wide` the tables with a four-byte character. `only` is the wanted one of several
    databases, None for all.
    """

    tables: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    wide: set[str] = field(default_factory=set)
    only: str | None = None
    largest: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    size: int = 0


def classify(statement: Statement) -> tuple[str, str | None]:
    """Return (kind, name of the object or None).

    Raises ShoplaunchError `dump_names_database` and `dump_statement_unknown`.
    """
    head = statement.text[:_HEAD_BYTES]
    for kind, pattern in KINDS:
        found = pattern.match(head)
        if found is None:
            continue
        named = found.re.groups >= 2
        if named and found.group(found.re.groups):
            raise ShoplaunchError("dump_names_database", f"at byte {statement.start}: {_shown(head)}")
        if kind == "set" and _NO_ESCAPES.search(head):
            raise ShoplaunchError("dump_statement_unknown", f"at byte {statement.start}: SET of NO_BACKSLASH_ESCAPES")
        if kind == "refuse" or (kind == "set" and _REFUSED_IN_SET.search(head)):
            break
        return kind, _unquoted(found.group(max(1, found.re.groups - 1))) if found.re.groups else None
    raise ShoplaunchError("dump_statement_unknown", f"at byte {statement.start}: {_shown(head)}")


def runnable(text: bytes, kind: str) -> bytes:
    """Return the statement as it is sent to the scratch server: without its definer and its directories."""
    if kind in _WITHOUT_DEFINER:
        return without_definer(text)
    return sql_judge.without_directories(text) if kind in ("table", "alter") else text


def without_definer(text: bytes) -> bytes:
    """Return a CREATE statement (bytes) without its DEFINER clause: the account that runs it becomes the definer."""
    head = _DEFINER.sub(b"", text[:_HEAD_BYTES], count=1)
    return head + text[_HEAD_BYTES:]


def read_statements(path: Path, server: Server = Server()) -> Iterator[Statement]:  # noqa: B008 - it never changes
    """Yield the dump's statements as `server` reads them.

    Raises ShoplaunchError `dump_truncated` when it ends inside a statement or before its own closing line,
    `dump_unreadable` when it is not SQL text (controller.bundles.source.dumps.dump_file), `dump_failed` for one too
    large.
    """
    splitter = Splitter(server)
    head = tail = b""
    for piece in pieces(path):
        head = head or piece[:_EDGE_BYTES]
        tail = (tail + piece)[-_EDGE_BYTES:]
        yield from splitter.feed(piece)
        if splitter.held() > MAX_STATEMENT_BYTES:
            start, _ = splitter.opened()
            raise ShoplaunchError(
                "dump_failed", f"at byte {start}: a statement of more than {MAX_STATEMENT_BYTES} bytes"
            )
    yield from splitter.finish()
    if splitter.open_statement:
        start, begun = splitter.opened()
        shown = _shown(_MARK.sub(b"", begun))
        raise ShoplaunchError(
            "dump_truncated", f"the dump ends in the middle of the statement at byte {start}: {shown}"
        )
    if not head:
        raise ShoplaunchError("dump_truncated", "the dump is empty")
    for begin, end, shown in _ENDS:
        if begin.search(head) and not end.search(tail):
            raise ShoplaunchError("dump_truncated", f"the dump ends before {shown}")


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Add the line number to a refusal that names a byte of the dump."""
    try:
        yield
    except ShoplaunchError as problem:
        found = _AT_BYTE.search(problem.message)
        if found is None:
            raise
        line, column = _line(path, int(found.group(1)))
        # At the beginning of a statement the line is enough
        where = f"line {line}, column {column}" if problem.code == sql_judge.REFUSED else f"line {line}"
        message = problem.message.replace(found.group(), f"at {where} (byte {found.group(1)})", 1)
        raise ShoplaunchError(problem.code, message, problem.retryable, **problem.details) from problem


def _line(path: Path, byte: int) -> tuple[int, int]:
    """Return the line of a byte of the dump, and its column in bytes, both from 1."""
    lines, begin, at = 1, 0, 0
    for piece in pieces(path):
        left = byte - at
        lines += piece.count(b"\n", 0, left)
        begin = max(begin, at + piece.rfind(b"\n", 0, left) + 1) if b"\n" in piece[:left] else begin
        at += len(piece)
        if at >= byte:
            break
    return lines, byte - begin + 1


def examine(path: Path, server: Server = Server()) -> DumpFacts:  # noqa: B008 - it never changes
    """Read, classify and judge a whole dump as `server` reads it; execute nothing. Raises ShoplaunchError `dump_*`."""
    with located(path):
        return _examine(path, server)


def _examine(path: Path, server: Server) -> DumpFacts:
    facts = DumpFacts()
    opened: dict[str, bool] = {}
    names = _Names()
    charset, used = "utf8", ""
    for statement in read_statements(path, server):
        kind, name = classify(statement)
        sql_judge.judge(statement, kind)
        facts.counts[kind] = facts.counts.get(kind, 0) + 1
        facts.largest = max(facts.largest, len(statement.text))
        facts.size = statement.end
        if kind == "set":
            charset = _charset(statement, charset)
        is_wide = kind == "insert" and charset.startswith("utf8") and _WIDE.search(statement.text) is not None
        used = used_after(statement, kind, name, used)
        if name is not None:
            names.note(statement, "wide" if is_wide else kind, name, used)
        if kind in ("lock", "unlock"):
            opened["LOCK TABLES"] = kind == "lock"
        if kind in ("begin", "commit"):
            opened["START TRANSACTION"] = kind == "begin"
    facts.tables, facts.databases, facts.wide = list(names.tables), list(names.databases), set(names.wide)
    _require_whole(facts, names.within, [name for name, is_open in opened.items() if is_open])
    return facts


class _Names:
    """The different names in a dump, in its order, up to a number."""

    def __init__(self) -> None:
        self.tables: dict[str, None] = {}
        self.databases: dict[str, None] = {}
        self.wide: dict[str, None] = {}
        self.within: dict[str, dict[str, None]] = {}
        self._count = 0

    def note(self, statement: Statement, kind: str, name: str, used: str) -> None:
        """Keep the name of a table in the database `used`, of a database, or of a table with wide characters.

        Raises ShoplaunchError `dump_failed`.
        """
        if kind == "table":
            self.tables[name] = None
            kept = self.within.setdefault(used, {})
        elif kind == "database":
            kept = self.databases
        elif kind == "wide":
            kept = self.wide
        else:
            return
        self._count += name not in kept
        kept[name] = None
        if self._count > _MAX_NAMES:
            text = f"more than {_MAX_NAMES} tables and databases"
            raise ShoplaunchError("dump_failed", f"at byte {statement.start}: {text}")


def used_after(statement: Statement, kind: str, name: str | None, used: str) -> str:
    """Return the current database after a statement, given `used` before it; "" is the one connected to."""
    if kind == "database" and name is not None and _USE.match(statement.text):
        return name
    return used


def _require_whole(facts: DumpFacts, within: Mapping[str, Collection[str]], left: list[str]) -> None:
    if left:
        raise ShoplaunchError("dump_truncated", f"the dump ends before {left[0]} is closed")
    if len(facts.databases) > 1:
        meant = [database for database, tables in within.items() if holds_shop(tables)]
        if len(meant) != 1:
            several = f"{len(meant)} of them with a shop or site" if meant else "none of them with a shop or site"
            shown = ", ".join(facts.databases[:_SHOWN_DATABASES])
            more = ", …" if len(facts.databases) > _SHOWN_DATABASES else ""
            raise ShoplaunchError("dump_names_database", f"it holds several, {several}: {shown}{more}")
        facts.only, facts.tables = meant[0], list(within[meant[0]])
    if not facts.tables:
        raise ShoplaunchError("dump_unreadable", "the dump creates no table")


def _charset(statement: Statement, before: str) -> str:
    found = _CHARSET.search(statement.text)
    return found.group(1).decode("ascii", "replace").lower() if found else before


def _unquoted(name: bytes) -> str:
    text = name.decode("utf-8", "replace")
    if text[:1] in ('"', "`"):
        return text[1:-1].replace(text[0] * 2, text[0])
    return text


def _shown(head: bytes) -> str:
    # Up to the first value only: a statement may contain secrets
    words = re.split(rb"['\"(]", head.strip(), maxsplit=1)[0]
    shown = words[:80].decode("utf-8", "replace").strip()
    return "".join(letter if letter.isprintable() else " " for letter in shown) or "(a value)"
