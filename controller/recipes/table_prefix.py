"""Finds which tables of a database belong to a tree when the configured prefix may be wrong."""

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


def other_prefix(path: str, configured: str, found: str) -> list[str]:
    """Return a sentence for the operator if the tables' prefix is not the one in the file at `path`."""
    if configured == found:
        return []
    return [f"{path} says the tables begin with {configured!r}, the database's begin with {found!r}: that is written"]


def complete(tables: Collection[str], needed: Sequence[str]) -> list[str]:
    """Return the prefixes that have all tables of `needed`."""
    known = frozenset(tables)
    first = needed[0]
    prefixes = sorted({name[: -len(first)] for name in known if name.endswith(first)})
    return [prefix for prefix in prefixes if all(prefix + name in known for name in needed)]


def require_tables(tables: Collection[str], prefix: str, needed: Sequence[str]) -> None:
    """Raise ShoplaunchError `prefix_mismatch`, which lists the existing ones, if tables with `prefix` are missing."""
    missing = [prefix + name for name in needed if prefix + name not in tables]
    if missing:
        others = complete(tables, needed)
        if len(missing) < len(needed) and not others:
            message = f"the database has tables with the prefix {prefix!r}, but lacks {', '.join(missing)}:"
            raise ShoplaunchError("prefix_mismatch", f"{message} export it again with all its tables")
        there = f"complete sets begin with {_listed(others)}" if others else f"its tables begin with {_common(tables)}"
        message = f"the shop's configuration says the prefix {prefix!r}, but the database lacks {', '.join(missing)};"
        raise ShoplaunchError("prefix_mismatch", f"{message} {there}")


def _common(tables: Collection[str]) -> str:
    found = Counter(name.partition("_")[0] + "_" if "_" in name else name for name in tables)
    return _listed([f"{prefix} ({count} tables)" for prefix, count in found.most_common(_SHOWN)]) or "nothing"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
