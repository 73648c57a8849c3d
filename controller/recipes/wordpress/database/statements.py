"""Builds WordPress's parametrised statements and edits: those that configure a new site, and follow-up jobs'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.follow_up_kinds import HTTPS_ON, REMOVE, SET_ADMIN_PASSWORD
from controller.recipes.own_tables import Administrator
from controller.recipes.php import guard
from controller.recipes.wordpress.database.options import FROM_JOB, NEEDED
from controller.recipes.wordpress.database.queries import Database
from controller.recipes.wordpress.files import config
from controller.recipes.wordpress.languages import time_zones
from shared.placeholders import token

if TYPE_CHECKING:
    from shared.documents import Edit, FollowUp, Statement

_ADDRESS = ("siteurl", "home")
#: WordPress itself then serves http addresses in its texts with https (wp_replace_insecure_home_url, since 5.7).
_MIGRATED = "https_migration_required"


class Statements:
    """Builds the statements of one template; `languages` is code -> locale."""

    def __init__(
        self,
        database: Database,
        admin: Administrator,
        configuration: config.Configuration,
        languages: Mapping[str, str],
        nonce: str,
    ) -> None:
        self._admin = admin
        self._configuration = configuration
        self._languages = languages
        self._nonce = nonce
        self._known = frozenset(database.options())
        self._names = {name: f"`{full}`" for name, full in database.tables.items()}
        self._options = database.tables["options"]

    def configure(self) -> list[Statement]:
        """Return the statements after the data: add missing options, set language and time zone."""
        missing = [name for name in (*NEEDED, _MIGRATED, "timezone_string") if name not in self._known]
        made = [self._added(name, self._first_value(name)) for name in missing]
        language = _among(self._languages, "''")
        made.append(self._becomes("WPLANG", language, "shop.language"))
        zone = f"IF(%s <> '', %s, {_among(time_zones(), 'option_value')})"
        made.append(self._becomes("timezone_string", zone, "shop.time_zone", "shop.time_zone", "shop.country"))
        if "woocommerce_currency" in self._known:
            currency = "IF(%s <> '', %s, option_value)"
            made.append(self._becomes("woocommerce_currency", currency, "shop.currency", "shop.currency"))
        return made

    def setting(self, name: str, value: str) -> list[tuple[str, Statement]]:
        """Return the (table, statement) pairs that set an option to a value, whether it exists or not."""
        made = [] if name in self._known else [self._added(name, value)]
        return [(self._options, statement) for statement in [*made, self._set(name, value)]]

    def jobs(self) -> dict[str, FollowUp]:
        """Return {kind: {"statements", "edits"}}."""
        secure = "https://" + self._value("domain_ssl") + self._value("base_path")
        on = [self._set(name, secure) for name in _ADDRESS] + [self._set(_MIGRATED, "1")]
        off = [self._set(_MIGRATED, "")] + [self._set(name, self._value("shop.url")) for name in _ADDRESS]
        return {
            HTTPS_ON: {"statements": on, "edits": self._https_edits(), "back": off},
            SET_ADMIN_PASSWORD: {"statements": self._password(), "edits": []},
            REMOVE: {"statements": [], "edits": [guard.closed(config.CONFIG)]},
        }

    def _https_edits(self) -> list[Edit]:
        made = [guard.https_only(config.CONFIG, self._nonce)]
        if any(self._configuration.has(name) for name in config.ADDRESSES):
            plain = config.address(self._nonce, "http", "domain")
            secure = config.address(self._nonce, "https", "domain_ssl")
            made.append(guard.edit(config.CONFIG, plain, secure, 0))
        return made

    def _sql(self, text: str) -> str:
        return text.format_map(self._names)

    def _value(self, name: str, steps: str = "raw") -> str:
        filled: bytes = token(self._nonce, name, steps)
        return filled.decode("ascii")

    def _first_value(self, name: str) -> str:
        return self._value(*FROM_JOB[name]) if name in FROM_JOB else ""

    def _added(self, name: str, value: str) -> Statement:
        # The next number by query: it must be the same wherever the statement runs
        sql = self._sql(
            "INSERT INTO {options} (option_id, option_name, option_value, autoload)"
            " SELECT next.id, %s, %s, 'yes' FROM (SELECT COALESCE(MAX(option_id), 0) + 1 AS id FROM {options}) AS next"
            " WHERE NOT EXISTS (SELECT 1 FROM {options} WHERE option_name = %s)"
        )
        return {"sql": sql, "params": [name, value, name], "min_rows": 0, "max_rows": 1}

    def _set(self, name: str, value: str) -> Statement:
        read = self._sql("SELECT option_value FROM {options} WHERE option_name = %s")
        return {
            "sql": self._sql("UPDATE {options} SET option_value = %s WHERE option_name = %s"),
            "params": [value, name],
            "min_rows": 0,
            "max_rows": 1,
            "check": {"sql": read, "params": [name], "expect": [value]},
        }

    def _becomes(self, name: str, expression: str, *values: str) -> Statement:
        """Return the statement that sets an option to an SQL expression over values of the job."""
        params = [self._value(value) for value in values]
        same = f"SELECT COUNT(*) FROM {{options}} WHERE option_name = '{name}' AND option_value = {expression}"
        return {
            "sql": self._sql(f"UPDATE {{options}} SET option_value = {expression} WHERE option_name = '{name}'"),
            "params": params,
            "min_rows": 0,
            "max_rows": 1,
            "check": {"sql": self._sql(same), "params": params, "expect": ["1"]},
        }

    def _password(self) -> list[Statement]:
        number = str(self._admin.number)
        hashed = self._value("admin.password_hash")
        read = self._sql("SELECT user_pass FROM {users} WHERE ID = %s")
        changed: Statement = {
            "sql": self._sql("UPDATE {users} SET user_pass = %s, user_activation_key = '' WHERE ID = %s"),
            "params": [hashed, number],
            "min_rows": 0,
            "max_rows": 1,
            "check": {"sql": read, "params": [number], "expect": [hashed]},
        }
        # All sessions end: users have to log in again
        ended = self._sql("DELETE FROM {usermeta} WHERE user_id = %s AND meta_key = 'session_tokens'")
        return [changed, {"sql": ended, "params": [number], "min_rows": 0}]


def _among(known: Mapping[str, str], otherwise: str) -> str:
    """Return the SQL expression that maps a parameter to its value in `known`."""
    cases = " ".join(f"WHEN '{code}' THEN '{chosen}'" for code, chosen in sorted(known.items()))
    return f"CASE %s {cases} ELSE {otherwise} END"
