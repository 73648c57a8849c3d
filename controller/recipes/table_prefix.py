"""Finds which tables of a database belong to a tree when the configured prefix may be wrong or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from shared.errors import ShoplaunchError

_SHOWN = 4


def chosen(tables: Collection[str], configured: str, needed: Sequence[str]) -> str:
    """Return the prefix of the only set of tables that can be meant.

    The configured one takes precedence; if its tables are incomplete and exactly one other prefix has a complete set,
    it is that one: the configuration is written anew in any case.
    """
    others = complete(tables, needed)
    return others[0] if configured not in others and len(others) == 1 else configured


def found(tables: Collection[str], needed: Sequence[str], configured: str | None, said: str | None) -> str:
    """Return the prefix that the operator `said`, else the configured one or that of the only complete set of tables.

    `configured` is None where the tree does not say it. Raises ShoplaunchError `prefix_unknown`, `prefix_mismatch`.
    """
    if said is not None:
        require_tables(tables, said, needed, "--table-prefix")
        return said
    if configured is not None:
        return chosen(tables, configured, needed)
    others = complete(tables, needed)
    if len(others) == 1:
        return others[0]
    if others:
        there = f"the database has {len(others)} complete sets of tables, which begin with {_quoted(others)}"
        message = (
            f"{there}, and the files do not say which is theirs: say it, e.g. --table-prefix {others[0] or repr('')}"
        )
        raise ShoplaunchError("prefix_unknown", message)
    message = (
        f"the files do not say the prefix of their tables, and none has all of {', '.join(needed)}; the database's"
    )
    raise ShoplaunchError("prefix_unknown", f"{message} begin with {_common(tables)}: export it with all its tables")


def other_prefix(path: str, configured: str | None, found: str) -> list[str]:
    """Return a sentence for the operator if the tables' prefix is not the one in the file at `path`."""
    if configured == found:
        return []
    if configured is None:
        return [f"{path} takes the prefix of its tables from the environment: {found!r} is written, as in the database"]
    return [f"{path} says the tables begin with {configured!r}, the database's begin with {found!r}: that is written"]


def complete(tables: Collection[str], needed: Sequence[str]) -> list[str]:
    """Return the prefixes that have all tables of `needed`."""
    known = frozenset(tables)
    first = needed[0]
    prefixes = sorted({name[: -len(first)] for name in known if name.endswith(first)})
    return [prefix for prefix in prefixes if all(prefix + name in known for name in needed)]


def require_tables(
    tables: Collection[str], prefix: str, needed: Sequence[str], where: str = "the shop's configuration"
) -> None:
    """Raise ShoplaunchError `prefix_mismatch`, which lists the existing ones, if tables with `prefix` are missing.

    `where` says the prefix.
    """
    missing = [prefix + name for name in needed if prefix + name not in tables]
    if missing:
        others = complete(tables, needed)
        if len(missing) < len(needed) and not others:
            message = f"the database has tables with the prefix {prefix!r}, but lacks {', '.join(missing)}:"
            raise ShoplaunchError("prefix_mismatch", f"{message} export it again with all its tables")
        there = f"complete sets begin with {_listed(others)}" if others else f"its tables begin with {_common(tables)}"
        message = f"{where} says the prefix {prefix!r}, but the database lacks {', '.join(missing)};"
        raise ShoplaunchError("prefix_mismatch", f"{message} {there}")


def _common(tables: Collection[str]) -> str:
    found = Counter(name.partition("_")[0] + "_" if "_" in name else name for name in tables)
    return _listed([f"{prefix} ({count} tables)" for prefix, count in found.most_common(_SHOWN)]) or "nothing"


def _quoted(prefixes: Sequence[str]) -> str:
    return _listed([repr(prefix) for prefix in prefixes])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
