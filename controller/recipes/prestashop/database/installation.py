"""Reads from a PrestaShop's database what its installer knew: release, engine, language and day."""

from __future__ import annotations

from dataclasses import dataclass

from controller.recipes.prestashop.database.queries import Database, row_number

#: The language of the releases themselves.
_LOCALE = "en-US"
_ENGINE = "InnoDB"


@dataclass(frozen=True)
class Installation:
    """How a shop was installed. `created` is a day such as 2024-01-31, "" when it is unknown."""

    version: str
    prefix: str
    engine: str
    locale: str
    created: str


def release_in(database: Database) -> str:
    """Return the release that last changed the tables, "" when they do not say it."""
    return database.settings().get("PS_VERSION_DB", "")


def installation_of(database: Database, version: str) -> Installation:
    """Return how the shop of `version` with these tables was installed."""
    return Installation(version, database.prefix, _engine(database), _locale(database), _created(database))


def _engine(database: Database) -> str:
    rows = database.template.query(
        "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        (database.tables["configuration"],),
    )
    named = (rows[0][0] or b"").decode("ascii", "replace") if rows else ""
    return named if named.isalnum() else _ENGINE


def _locale(database: Database) -> str:
    number = row_number(database.settings().get("PS_LANG_DEFAULT", ""))
    if "locale" not in database.columns("lang") or number is None:
        return _LOCALE
    rows = database.rows(f"SELECT locale FROM {{lang}} WHERE id_lang = {number}")
    return rows[0][0] or _LOCALE if rows else _LOCALE


def _created(database: Database) -> str:
    if "date_add" not in database.columns("configuration"):
        return ""
    # The installer writes the first settings; rows of others may have a date of zeros
    return database.rows("SELECT LEFT(MIN(date_add), 10) FROM {configuration} WHERE date_add > '2005-01-01'")[0][0]
