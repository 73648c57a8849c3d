"""Maps collations the server lacks to fallbacks that the packer tested."""

import re

from agent.database.access import run
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Mapping, Sequence

    from agent.database.connection import OurConnection
    from agent.database.work import Work


def of_job(ctx: "Work", connection: "OurConnection") -> "dict[str, str]":
    """Return `choose` for the job's bundle; the server is queried once. Raises like `choose`."""
    if ctx.collations is None:
        ctx.collations = choose(connection, ctx.manifest["collations"])
    return ctx.collations


def choose(connection: "OurConnection", wanted: "Mapping[str, Sequence[str]]") -> "dict[str, str]":
    """Return {collation: replacement} for those of `wanted` (manifest.collations) that the server does not know.

    The first fallback the server knows is used. Raises ShoplaunchError `db_collation` when it knows none.
    """
    known = _listed(connection, sorted(set(wanted).union(*wanted.values())))
    chosen = {}
    for name, fallbacks in sorted(wanted.items()):
        if name in known or _accepted(connection, name):
            continue
        usable = [fallback for fallback in fallbacks if fallback in known]
        if not usable:
            raise ShoplaunchError("db_collation", "the server has neither {} nor a safe fallback".format(name))
        chosen[name] = usable[0]
    return chosen


def _listed(connection: "OurConnection", names: "Sequence[str]") -> "set[str]":
    """Return those of `names` that the server lists under exactly these names."""
    if not names:
        return set()
    marks = ", ".join(["%s"] * len(names))
    statement = "SELECT collation_name FROM information_schema.collations WHERE collation_name IN ({})"
    rows = run(connection, statement.format(marks), names)
    # MariaDB lists uca1400 collations without their character set
    rows += run(connection, "SHOW COLLATION WHERE `Collation` IN ({})".format(marks), names)
    return {row[0] for row in rows}


def _accepted(connection: "OurConnection", name: str) -> bool:
    """Return whether the server accepts `name` though it does not list it (MariaDB accepts MySQL's 0900 names)."""
    charset = name.split("_")[0]
    try:
        run(connection, "SELECT CONVERT('' USING {}) COLLATE {}".format(charset, name))
    except ShoplaunchError as error:
        if error.retryable:
            raise
        return False
    return True


def mapper(chosen: "Mapping[str, str]") -> "Callable[[str], str]":
    """Return a function that replaces the collations of `chosen` in a statement (str -> str)."""
    if not chosen:
        return lambda statement: statement
    pattern = re.compile(r"\b({})\b".format("|".join(re.escape(name) for name in sorted(chosen))))
    return lambda statement: pattern.sub(lambda match: chosen[match.group()], statement)
