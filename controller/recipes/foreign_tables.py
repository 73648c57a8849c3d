"""Finds the tables of other applications in a template's database: they are nobody's business in a new shop."""

from __future__ import annotations

from collections.abc import Collection, Sequence

#: Tables (without prefix) that together tell an installation of its own that can be packed: PrestaShop, WordPress.
_PACKED = (
    ("configuration", "employee", "shop", "lang"),
    ("options", "posts", "users", "usermeta"),
)
#: And of others: Joomla, OpenCart, Dolibarr, Magento, Drupal, MediaWiki, Moodle, phpMyAdmin.
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
    """Return those of `tables` that belong to another installation in the same database than the one with `prefix`.

    A table belongs to the installation whose prefix is the longest that fits. Tables with no installation's prefix are
    not foreign: modules make such.
    """
    found = installations(tables) - {prefix}
    known = found | {prefix}
    return frozenset(table for table in tables if _owner(table, known) in found)


def installations(tables: Collection[str]) -> set[str]:
    """Return the prefixes with which there is an installation of its own among `tables`."""
    return _prefixes(tables, _SIGNS)


def holds_shop(tables: Collection[str]) -> bool:
    """Tell whether there is a shop or site among `tables` that can be packed."""
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
