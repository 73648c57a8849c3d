"""Stage prove: the database holds exactly what the packer saw, filled cells read back, no trace of the template."""

import base64
import itertools
import os
from functools import partial

from agent.database import ledger, parallel
from agent.database.access import close, raw
from agent.database.access import run as execute
from agent.database.patience import of_stage
from agent.tree.residue import Residue
from shared.bundle import LEDGER_TABLE, members_of
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Iterator

    from agent.bundle.contents import Cell
    from agent.database.connection import OurConnection
    from agent.session.context import Context
    from shared.documents import Table

NAME = "prove"
#: Larger values are compared by their digests.
LARGE_BYTES = 64 * 1024
#: Beginning of every query for digests.
SELECT = "SELECT "


class Disproved(ShoplaunchError):
    """The database is wrong in a way that only a new import can repair."""


def run(ctx: "Context") -> None:
    """Prove the import and record the evidence. Raises ShoplaunchError `proof_*`, `residue_found`, `db_*`.

    A failed proof makes the next attempt import again.
    """
    of_stage(ctx).run(partial(prove_database, ctx))
    prove_files(ctx, ctx.wait_for_tree(partial(entries_below, ctx.staging)))
    ctx.progress(NAME, 1.0)


def prove_files(ctx: "Context", found: int) -> None:
    """Prove that the new tree, which has `found` entries, holds every entry of the shards.

    Raises ShoplaunchError `file_error`; unpacking then starts from the beginning.
    """
    shards = ctx.shards()
    wanted = sum(member.get("entries", 0) for member in shards if member["kind"] == "files")
    # Of a variant's own entries, those that replace others are not counted
    variant = ctx.variant
    wanted += 0 if variant is None else variant.get("entries", 0)
    # `found` may be larger: folders above an entry have no entry of their own
    if found < wanted:
        ctx.state.forget_stages(["unpack"], [member["name"] for member in shards])
        raise ShoplaunchError("file_error", "the new tree holds {} of {} entries".format(found, wanted))
    ctx.state.record("files", wanted)


def entries_below(folder: str) -> int:
    """Return the number of files, links and folders below `folder`, 0 where it does not exist."""
    # os.walk would take three times as long, while everything else waits
    found, folders = 0, [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    found += 1
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:
            # Removed meanwhile, or not accessible: the count will show that something is missing
            continue
    return found


def tables_of(ctx: "Context") -> "list[Table]":
    """Return the expected tables: as the chosen variant defines those it changes, else as in the manifest."""
    changed = {table["name"]: table for table in ctx.variant_tables()}
    return [changed.get(table["name"], table) for table in ctx.manifest["tables"]]


def cells_of(ctx: "Context") -> "Iterator[Cell]":
    """Return an iterator over the filled cells to read back; the chosen variant defines those of its own tables."""
    changed = {table["name"] for table in ctx.variant_tables()}
    # Cells already yielded are not kept in memory, except a variant's
    unchanged = filter(lambda cell: cell["table"] not in changed, ctx.read_cells())
    return itertools.chain(unchanged, ctx.variant_cells())


def prove_database(ctx: "Context") -> None:
    """Prove the database, over two connections."""
    connection = ledger.kept(ctx) or ctx.connect()
    try:
        prove_chunks(ctx, connection)
        # The largest tables first, so that the wait for the last one is short
        tables = sorted(tables_of(ctx), key=lambda table: -table["rows"])
        residue = Residue(ctx.manifest, ctx.values)
        tasks = [partial(prove_cells, ctx)] + [partial(prove_table, residue, table) for table in tables]
        found = parallel.run(ctx, connection, tasks, partial(ctx.progress, NAME))[1:]
        ctx.state.record("tables", {table["name"]: table["rows"] for table in tables})
        ctx.state.record("digests", sum(digests for digests, _ in found))
        ctx.state.record("residue_columns", sum(columns for _, columns in found))
    except Disproved:
        ledger.void(connection)
        ctx.state.forget_stages(["preflight", "import", "configure", "prove"])
        raise
    finally:
        close(connection)


def prove_chunks(ctx: "Context", connection: "OurConnection") -> None:
    """Prove that the ledger holds every chunk of the bundle once, and no other."""
    rows = execute(connection, "SELECT chunk, affected FROM `{}`".format(LEDGER_TABLE))
    wanted = {member["name"]: member["rows"] for member in members_of(ctx.manifest, "data")}
    found = {name: affected for name, affected in rows if name in wanted}
    if found != wanted or len(rows) > len(wanted) + 1:
        raise Disproved("proof_rows", "the ledger holds {} of {} chunks".format(len(found), len(wanted)))
    ctx.state.record("chunks", len(found))


def prove_table(residue: "Residue", table: "Table", connection: "OurConnection") -> "tuple[int, int]":
    """Prove that rows and digests of `table` are as the packer saw them, and that no text column of it holds the
    template's domain or paths; return (number of digests, number of columns searched)."""
    name = table["name"]
    columns = table.get("text_columns", []) if table["rows"] and residue.needles else []
    statement = table.get("digest_sql") or "SELECT COUNT(*) FROM `{}`".format(name.replace("`", "``"))
    if columns:
        # Searched in the same pass as the digests
        terms = "COUNT(IF({}, 1, NULL)), ".format(residue.condition(columns))
        statement = SELECT + terms + statement[len(SELECT) :]
    found = ["NULL" if value is None else value.decode("ascii") for value in raw(connection, statement)[0]]
    traces = int(found.pop(0)) if columns else 0
    if int(found[0]) != table["rows"]:
        raise Disproved("proof_rows", "{}: {} rows instead of {}".format(name, found[0], table["rows"]))
    if "digest" in table and found != table["digest"]:
        raise Disproved("proof_digest", "{} differs".format(name))
    if traces:
        raise Disproved("residue_found", "{} rows of {} name the template".format(traces, name))
    return len(table["digest"]) - 1 if "digest" in table else 0, len(columns)


def prove_cells(ctx: "Context", connection: "OurConnection") -> None:
    """Prove that every filled cell reads back as expected."""
    count = 0
    for cell in cells_of(ctx):
        # A copy: compared values are removed from it, so that a large value is not held longer than necessary
        table, statement, texts = cell["table"], cell["sql"], list(cell["expect"])
        del cell
        wanted = [_wanted(ctx, texts, place) for place in range(len(texts))]
        found = [_short(row[0]) for row in raw(connection, statement)]
        if found != wanted:
            raise Disproved("proof_cell", "a value in {} is not as written".format(table))
        count += len(wanted)
    ctx.state.record("cells", count)


def _wanted(ctx: "Context", texts: "list[str | None]", place: int) -> "bytes | tuple[int, str] | None":
    """Return the expected value of the cell at `place` of `texts`, shortened, and remove its text there."""
    text, texts[place] = texts[place], None
    if text is None:
        return None
    # Allocated at once: a growing one would be copied, and take more memory
    data: "Any" = bytearray(len(text) // 4 * 3)
    filled = 0
    for start in range(0, len(text), LARGE_BYTES):
        piece = base64.b64decode(text[start : start + LARGE_BYTES])
        data[filled : filled + len(piece)] = piece
        filled += len(piece)
    del text, data[filled:]
    return _short(ctx.renderer.render(data))


def _short(value: "bytes | None") -> "bytes | tuple[int, str] | None":
    """Return `value` (bytes or None), or (size, digest) of a large one."""
    return (len(value), sha256_hex(value)) if value is not None and len(value) > LARGE_BYTES else value
