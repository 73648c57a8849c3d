"""Judges statements of a foreign database: rows must be literals, and nothing may read or write files. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from controller.bundles.source.dumps.splitter import Server, Statement, without_comments
from shared.errors import ShoplaunchError

REFUSED = "dump_statement_refused"
#: Character sets in which a character's second byte may be a backslash or a quote: strings would end elsewhere.
UNSAFE_CHARSETS = frozenset({"big5", "cp932", "gb18030", "gbk", "sjis"})

_STRING = rb"'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|\"[^\"\\]*+(?:(?:\\.|\"\")[^\"\\]*+)*+\""
_NAME = rb"(?:`(?:[^`]|``)++`|\"[^\"]++\"|[\w$\x80-\xff]++)"
_PLAIN_NUMBER = rb"[+-]?+\s*+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"
_NUMBER = rb"%b(?:\s*+[-+*/]\s*+%b)*+" % (_PLAIN_NUMBER, _PLAIN_NUMBER)
_BITS = rb"0x[0-9A-Fa-f]*+|[xX]'[0-9A-Fa-f]*+'|0b[01]++|[bB]'[01]*+'"
_TEXT = rb"(?:(?:_\w++|[nN])\s*+)?+(?:%b|(?:%b)(?:\s*+(?:%b))*+)(?:\s*+(?i:COLLATE)\s++\w++)?+" % (
    _BITS,
    _STRING,
    _STRING,
)
#: Functions of the clock, which shows the dump's own time during loading.
_CLOCK = (
    rb"(?:CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIME|LOCALTIMESTAMP)(?:\s*+\(\s*+[0-6]?+\s*+\))?+"
    rb"|(?:NOW|SYSDATE|CURDATE|CURTIME|UTC_TIMESTAMP|UTC_DATE|UTC_TIME)\s*+\(\s*+[0-6]?+\s*+\)"
)
_WORD = rb"(?i:NULL|TRUE|FALSE|DEFAULT|" + _CLOCK + rb"|(?:DATE|TIME|TIMESTAMP)\s*+(?:" + _STRING + rb"))"
#: A letter or digit after it would make another word.
_LITERAL = rb"(?:%b|(?:%b|%b)(?![\w$\x80-\xff]))" % (_TEXT, _NUMBER, _WORD)
_SHAPE = rb"(?:GEOM|GEOMETRY|POINT|LINE|LINESTRING|POLY|POLYGON|MPOINT|MULTIPOINT|MLINE|MULTILINESTRING|MPOLY"
_SHAPE += rb"|MULTIPOLYGON|GEOMCOLL|GEOMETRYCOLLECTION)FROM(?:TEXT|WKB)"
#: Functions that give the same result for the same literals on every server, without side effects.
_PURE = rb"(?i:(?:ST_)?+" + _SHAPE + rb"|ST_GEOMFROMGEOJSON|POINT|UNHEX|FROM_BASE64|CONVERT|CAST)"
_AS_TYPE = rb"(?:\s++(?i:USING|AS)\s++\w++(?:\s*+\([0-9, ]*+\))?+(?:\s++(?i:CHARACTER\s+SET|CHARSET)\s++\w++)?+)?+"


def _called(argument: bytes) -> bytes:
    return rb"%b\s*+\(\s*+(?:%b(?:\s*+,\s*+%b)*+)?+%b\s*+\)" % (_PURE, argument, argument, _AS_TYPE)


_INNER = rb"(?:%b|%b|\(\s*+%b\s*+\))" % (_called(_LITERAL), _LITERAL, _LITERAL)
_VALUE = rb"(?:%b|%b|\(\s*+%b\s*+\))" % (_LITERAL, _called(_INNER), _LITERAL)
#: The usual values of dumps, tried first: the general form takes three times as long.
_USUAL = rb"(?:'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|-?+[0-9]++(?:\.[0-9]++)?+|NULL)"
_USUAL_ROW = rb"\(%b(?:, ?+%b)*+\)" % (_USUAL, _USUAL)
_ROW = rb"(?:%b|\(\s*+(?:%b(?:\s*+,\s*+%b)*+)?+\s*+\))" % (_USUAL_ROW, _VALUE, _VALUE)
_HEAD = (
    rb"(?i:(?:INSERT|REPLACE)\s++(?:(?:DELAYED|LOW_PRIORITY|HIGH_PRIORITY|IGNORE)\s++)*+(?:INTO\s++)?+)%b\s*+" % _NAME
)
_COLUMNS = rb"(?:\(\s*+(?:%b(?:\s*+,\s*+%b)*+)?+\s*+\)\s*+)?+" % (_NAME, _NAME)
_NEW_VALUE = rb"(?i:VALUES?)\s*+\(\s*+%b\s*+\)(?:\s*+[-+*/]\s*+%b)*+" % (_NAME, _PLAIN_NUMBER)
_SET = rb"%b\s*+=\s*+(?:%b|%b|%b)" % (_NAME, _NEW_VALUE, _VALUE, _NAME)
_SETS = rb"%b(?:\s*+,\s*+%b)*+" % (_SET, _SET)
_ON_DUPLICATE = rb"(?:\s*+(?i:ON\s++DUPLICATE\s++KEY\s++UPDATE)\s++%b)?+" % _SETS
_ROWS = rb"%b(?:\s*+,\s*+%b)*+" % (_ROW, _ROW)
_INSERT = rb"%b(?:%b(?i:VALUES?)\s*+%b|(?i:SET)\s++%b)%b\s*+" % (_HEAD, _COLUMNS, _ROWS, _SETS, _ON_DUPLICATE)
#: The readable part of a refused statement: up to the row, and in it up to the value.
_AS_FAR = (
    rb"%b%b(?i:VALUES?)\s*+(?:%b\s*+,\s*+)*+" % (_HEAD, _COLUMNS, _ROW),
    rb"\(\s*+(?:%b\s*+,\s*+)*+(?:%b(?=\s*+\)))?+" % (_VALUE, _VALUE),
)
_QUOTED = re.compile(rb"%b|`(?:[^`]|``)*+`" % _STRING, re.DOTALL)

_DROP = re.compile(
    rb"DROP\s+\w+\s+IF\s+EXISTS\s+%b(?:\s*+,\s*+%b)*+(?:\s+(?:CASCADE|RESTRICT))?\s*" % (_NAME, _NAME), re.I
)
#: What a SET may hold outside of strings: names, variables, numbers and functions that assemble texts.
_SETTING = re.compile(
    rb"(?:[\s,=:]|@@?+[\w.$]*+|''(?!\s*\()|[+-]?[0-9.]++|\w++(?!\s*\()"
    rb"|(?:IFNULL|CONCAT|CONCAT_WS|REPLACE|COALESCE|IF|NULLIF|CAST)\s*(?=\()|[()])*+",
    re.IGNORECASE,
)
_NOT_SET = re.compile(rb"\b(?:SELECT|TABLE|VALUES|WITH|GLOBAL|PERSIST|PERSIST_ONLY|NO_BACKSLASH_ESCAPES)\b", re.I)
_CHARSETS = re.compile(
    rb"(?<![a-z0-9])(?:%b)(?![a-z0-9])" % b"|".join(c.encode() for c in sorted(UNSAFE_CHARSETS)), re.I
)

_FUNCTIONS = "it calls a function that reads files, runs programs or waits"
_FILES = "it reads or writes files"
_SERVER = "it is about the server, its users or other databases"
_FOREIGN = "its rows are kept elsewhere than in this database"
_COMMENT = "a letter stands behind two dashes, which begin a comment there in some character sets"
#: Some character sets have blanks among these: to the server they part words, or begin a comment behind two dashes.
_BEYOND_ASCII = bytes(range(0x80, 0x100))
_AS_BLANKS = bytes.maketrans(_BEYOND_ASCII, b" " * len(_BEYOND_ASCII))
#: What no definition may hold: in its full text, and in its text without quoted parts.
_IN_ALL = re.compile(
    rb"\b(?:load_file|sys_exec|sys_eval|sys_get|sys_set|sleep|benchmark|get_lock)[`\"]?\s*\(", re.IGNORECASE
)
_IN_BARE: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), why)
    for pattern, why in (
        (rb"\bINTO\s+(?:OUT|DUMP)FILE\b|\bLOAD\s+(?:DATA|XML)\b|\bINFILE\b", _FILES),
        (rb"\b(?:IMPORT|DISCARD)\s+TABLESPACE\b", _FILES),
        (rb"--\s", _COMMENT),
        (rb"\bSONAME\b|\bINSTALL\s+(?:PLUGIN|COMPONENT)\b", _FUNCTIONS),
        (rb"\bSET\s+(?:GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD)\b|@@(?:GLOBAL|PERSIST)\w*\s*\.\s*\w+\s*:?=", _SERVER),
        # From the last of several on: searching from each of them to the end would take quadratic time
        (rb"\b(?:GRANT|REVOKE)\s(?:(?!\b(?:GRANT|REVOKE)\s)[^;])*?\sON\s", _SERVER),
        (rb"\b(?:CREATE|DROP|ALTER)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|SERVER|DATABASE|SCHEMA|EVENT)\b", _SERVER),
    )
)  # fmt: skip
_IN_TABLES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), why)
    for pattern, why in (
        (rb"\bSELECT\b", "it takes rows from a query"),
        (rb"\bENGINE\s*+(?:=\s*+)?+(?:FEDERATEDX?|CONNECT|SPIDER|S3|OQGRAPH)\b", _FOREIGN),
    )
)
#: Directories of a table's files: they have a meaning only on the template's own disk.
_SPACE = rb"[\s\x80-\xff]"
_DIRECTORY = re.compile(
    rb"\b(?:DATA|INDEX)%b+DIRECTORY%b*+(?:=%b*+)?+(?:%b)" % (_SPACE, _SPACE, _SPACE, _STRING), re.IGNORECASE | re.DOTALL
)
#: Together they open every conditional comment.
_READERS = (Server(True, 999999), Server(False, 999999))
_TABLES = frozenset({"table", "alter"})
_OBJECTS = frozenset({"view", "trigger", "routine"})


def judge(statement: Statement, kind: str) -> None:
    """Raise ShoplaunchError `dump_statement_refused` for a statement that must not run; `kind` as in `dump.KINDS`."""
    examine = _EXAMINERS.get(kind)
    found = examine(statement.text) if examine is not None else None
    if found is not None:
        place, why = found
        raise ShoplaunchError(REFUSED, f"at byte {statement.byte_of(place)}: {why}")


def judge_definition(kind: str, name: str, text: bytes) -> None:
    """Raise ShoplaunchError `dump_statement_refused` for a table or other object that no server may make.

    `text` is its CREATE statement as a server reports it, with comments that another server may execute.
    """
    for server in _READERS:
        try:
            found = _definition(without_comments(text, server), kind)
        except EOFError as problem:
            raise ShoplaunchError(REFUSED, f"the {kind} {name}: {problem}") from problem
        if found is not None:
            raise ShoplaunchError(REFUSED, f"the {kind} {name}: {found[1]}")


def without_directories(text: bytes) -> bytes:
    """Return the text of a CREATE or ALTER TABLE without its directories."""
    return _DIRECTORY.sub(b"", text)


@cache
def _compiled(pattern: bytes) -> re.Pattern[bytes]:
    # At first use: compiling takes a tenth of a second each, and a live database has no statements to judge
    return re.compile(pattern, re.DOTALL)


def _rows(text: bytes) -> tuple[int, str] | None:
    if _compiled(_INSERT).fullmatch(text):
        return None
    place = 0
    for pattern in _AS_FAR:
        found = _compiled(pattern).match(text, place)
        place = found.end() if found else place
    return place, "rows of a dump hold nothing but literals: no function, query, variable or column stands for a value"


def _setting(text: bytes) -> tuple[int, str] | None:
    bare = _QUOTED.sub(b"''", text)
    found = _NOT_SET.search(bare) or _CHARSETS.search(text)
    if found is not None:
        return 0, f"a setting must not say {found.group().decode('ascii')}"
    return None if _SETTING.fullmatch(bare) else (0, "settings of a dump hold literals and variables alone")


def _dropped(text: bytes) -> tuple[int, str] | None:
    return None if _DROP.fullmatch(text) else (0, _SERVER)


def _definition(text: bytes, kind: str) -> tuple[int, str] | None:
    # Of the same length, so that places stay valid
    shown = text.translate(_AS_BLANKS)
    called = _IN_ALL.search(shown)
    if called is not None:
        return called.start(), _FUNCTIONS
    bare = _QUOTED.sub(lambda quoted: b"'" * len(quoted.group()), shown)
    for pattern, why in (*_IN_BARE, *(_IN_TABLES if kind in _TABLES else ())):
        found = pattern.search(bare)
        if found is not None:
            return found.start(), why
    return None


def _of_kind(kind: str) -> Callable[[bytes], tuple[int, str] | None]:
    return lambda text: _definition(text, kind)


_EXAMINERS: dict[str, Callable[[bytes], tuple[int, str] | None]] = {
    "insert": _rows,
    "set": _setting,
    "drop": _dropped,
    **{kind: _of_kind(kind) for kind in (*_TABLES, *_OBJECTS)},
}
