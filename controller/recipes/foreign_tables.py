"""Finds the tables of other applications in a template's database: a new shop must not get them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

#: Tables (without prefix) that together identify an installation that can be packed: PrestaShop, WordPress.
_PACKED = (
    ("configuration", "employee", "shop", "lang"),
    ("options", "posts", "users", "usermeta"),
)
#: The same for other applications: Joomla, OpenCart, Dolibarr, Magento, Drupal, MediaWiki, Moodle, phpMyAdmin.
_SIGNS = (
    *_PACKED,
    ("extensions", "content", "session", "users"),
    ("setting", "product", "customer", "session"),
    ("societe", "facture", "const", "user"),
    ("core_config_data", "eav_attribute", "catalog_product_entity"),
    ("node", "users", "watchdog", "semaphore"),
    ("recentchanges", "revision", "page", "site_stats"),
    ("course_modules", "config_plugins", "user_enrolments"),
    ("table_uiprefs", "column_info", "pdf_pages"),
)


def foreign_tables(tables: Collection[str], prefix: str) -> frozenset[str]:
    """Return those of `tables` that belong to another installation in the same database than that with `prefix`.

    A table belongs to the installation with the longest matching prefix. Tables without any installation's prefix are
    not foreign: modules make such.
    """
    found = installations(tables) - {prefix}
    known = found | {prefix}
    return frozenset(table for table in tables if _owner(table, known) in found)


def installations(tables: Collection[str]) -> set[str]:
    """Return the prefixes of the installations among `tables`."""
    return _prefixes(tables, _SIGNS)


def holds_shop(tables: Collection[str]) -> bool:
    """Return whether `tables` include a shop or site that can be packed."""
    return bool(_prefixes(tables, _PACKED))


def _prefixes(tables: Collection[str], signs: Sequence[Sequence[str]]) -> set[str]:
    known = frozenset(tables)
    return {
        table[: -len(first)]
        for first, *others in signs
        for table in known
        if table.endswith(first) and all(table[: -len(first)] + other in known for other in others)
    }


def _owner(table: str, prefixes: set[str]) -> str | None:
    return next((table[:end] for end in range(len(table), -1, -1) if table[:end] in prefixes), None)
