"""Which oddities an odd database and its dump really hold: chance may have passed over some."""

from tests.support.shops.databases.odd_databases import BITS, BROKEN, DATES, ENGINES, KINDS, NAMES, quoted

#: What a dump is made of besides statements: how its lines begin, as none does within a value.
_IN_DUMPS = {"DELIMITER": b"\nDELIMITER ;;\n", "a comment": b"\n-- ", "code in a comment": b"\n/*!50"}
#: Every oddity there is to be met: all that can be made up, and by name what must be among it.
ALL = {
    *(f"a {kind}" for kind in KINDS), *(f"the date {date}" for date in DATES), *(f"the text {bit!r}" for bit in BITS),
    *(f"the bytes {broken!r}" for broken in BROKEN), *(f"table {name}" for name in NAMES), *set(ENGINES), *_IN_DUMPS,
    *(f"column {name}" for name in NAMES), "a json", "a blob", "a bytes", "the date 0000-00-00", "a stored column",
    "a virtual column", "NULL", "bytes that are no UTF-8", "four bytes of utf8mb4", "a letter of latin1",
    "a table of latin1", "a table of bytes", "a table's comment", "a VIEW", "a TRIGGER", "a FUNCTION", "a PROCEDURE",
    "a routine's comment",
}  # fmt: skip
_TABLES = "SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_COMMENT FROM information_schema.TABLES WHERE"
_COLUMNS = "SELECT COLUMN_NAME, CHARACTER_SET_NAME, EXTRA FROM information_schema.COLUMNS WHERE"
_ROUTINES = "SELECT ROUTINE_TYPE, ROUTINE_COMMENT FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"


def oddities_of(server, database, dump):
    """Return those of ALL that are in `database` (name) of `server`, and in its `dump` (bytes)."""
    found = {name for name, mark in _IN_DUMPS.items() if mark in dump}
    tables = server.query(f"{_TABLES} TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE'", database=database)
    for table, engine, collation, comment in tables:
        charset = {"latin1": "a table of latin1", "binary": "a table of bytes"}.get(collation.partition("_")[0])
        found |= {f"table {table}", engine, charset} | ({"a table's comment"} if comment else set())
        found |= _of_columns(server, database, table)
    for made, comment in server.query(_ROUTINES, database=database):
        found |= {f"a {made}"} | ({"a routine's comment"} if comment else set())
    for made in ("TRIGGER", "VIEW"):
        listed = f"SELECT COUNT(*) FROM information_schema.{made}S WHERE {'TABLE' if made == 'VIEW' else made}_SCHEMA"
        if server.query(f"{listed} = DATABASE()", database=database)[0][0]:
            found.add(f"a {made}")
    return found & ALL


def _of_columns(server, database, table):
    found = set()
    listed = f"{_COLUMNS} TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
    for column, charset, extra in server.query(listed, table, database=database):
        found |= {f"a {kind} column" for kind in ("stored", "virtual") if kind.upper() in extra}
        kind, _, name = column.partition(" ")
        if kind in KINDS:
            found.add(f"column {name}")
            what = quoted(column) if charset else f"CAST({quoted(column)} AS BINARY)"
            rows = server.query(f"SELECT HEX({what}) FROM {quoted(table)}", database=database)
            for (value,) in rows:
                found |= {"NULL"} if value is None else {f"a {kind}"} | _of_value(kind, charset, bytes.fromhex(value))
    return found


def _of_value(kind, charset, value):
    """Return what is odd in one value: its bytes as the column holds them, in `charset` (None: bytes)."""
    if kind in ("blob", "bytes"):
        found = {f"the bytes {broken!r}" for broken in BROKEN if broken in value}
        return found | (set() if _is_utf8(value) else {"bytes that are no UTF-8"})
    if kind in ("date", "moment"):
        return {f"the date {value[:10].decode()}"}
    if kind not in ("text", "char"):
        return set()
    text = value.decode("cp1252" if charset == "latin1" else "utf-8", "replace")
    found = {f"the text {bit!r}" for bit in BITS if bit in text}
    if charset == "latin1" and not text.isascii():
        found.add("a letter of latin1")
    if charset == "utf8mb4" and any(ord(letter) > 0xFFFF for letter in text):
        found.add("four bytes of utf8mb4")
    return found


def _is_utf8(value):
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
