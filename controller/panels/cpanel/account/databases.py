"""Databases, their users and privileges of one account, through UAPI's Mysql."""

from __future__ import annotations

import hashlib
from typing import Any

from controller.panels.base import DatabaseEndpoint
from controller.panels.cpanel import operations
from controller.panels.cpanel.account import database_door
from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api.answers import rows
from controller.panels.cpanel.api.whm import Whm
from controller.panels.cpanel.operations import Operation, Reasons
from controller.panels.cpanel.settings import CpanelSettings
from shared.errors import ShoplaunchError

FEATURE = "mysql"
#: Tried in turn until one fits; different from the users', because some servers refuse a user named like a database.
DATABASE_ENDINGS = ("shop", "sh", "s")
USER_ENDINGS = ("shopuser", "shopu", "su", "u")
#: Letters that keep accounts apart on a server without prefixes.
DIGEST_LETTERS = 6
LEAST_LIMIT = 16
#: Having these counts as having all.
NEEDED = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "INDEX", "DROP"))


class Databases:
    """The databases of the account `user`."""

    def __init__(self, whm: Whm, cache: AccountCache, reasons: Reasons, user: str) -> None:
        self._whm = whm
        self._cache = cache
        self._reasons = reasons
        self._user = user

    def names(self) -> tuple[str, str]:
        """Return (database, user), always the same for the account. Raises name_too_long."""
        rules = self._restrictions()
        most, most_user = _limit(rules, "max_database_name_length", 64), _limit(rules, "max_username_length", 16)
        prefix = self._prefix()
        if not prefix:
            return _without_prefix(self._user, most), _without_prefix(self._user + "_u", most_user)
        return _fitting(prefix, DATABASE_ENDINGS, most), _fitting(prefix, USER_ENDINGS, most_user, doubled=False)

    def endpoint(self, settings: CpanelSettings) -> DatabaseEndpoint:
        """Return the database address for the account's processes. Raises config_invalid."""
        return database_door.endpoint(settings, self._cache.see("server"))

    def databases(self) -> set[str]:
        """Return the names of the account's databases. Raises the error behind a refusal."""
        return self._names("databases", "database")

    def users(self) -> set[str]:
        """Return the names of the account's database users."""
        return self._names("users", "user")

    def ensure_database(self, name: str) -> None:
        """Ensure that the database exists. Raises panel_refused, database_limit, feature_missing, account_*."""
        self._check_prefix(name)
        operations.ensure(
            self._cache, ("databases",), lambda: name in self.databases(),
            lambda: self._whm.uapi(self._user, "Mysql", "create_database", name=name),
            lambda text: self._too_many() or self._why(f"the database {name}")(text),
        )  # fmt: skip

    def ensure_user(self, name: str, password: str) -> None:
        """Ensure that the user exists with this password: it is always set, as no call reports the current one."""
        self._check_prefix(name)
        why = self._why(f"the database user {name}")
        if name not in self.users():
            operation = Operation(
                lambda: self._whm.uapi(self._user, "Mysql", "create_user", name=name, password=password)
            )
            self._cache.forget("users")
            if operation.said_done and (self._cache.sharing or name in self.users()):
                return
            if name not in self.users():
                raise operation.silence or why(operation.answer.text)
        self._set_password(name, password)

    def _set_password(self, name: str, password: str) -> None:
        operation = Operation(lambda: self._whm.uapi(self._user, "Mysql", "set_password", user=name, password=password))
        failures = rows(operation.answer.data, "failures") if operation.said_done else []
        if failures:
            text = str(failures[0].get("error") or "the password was not set").replace(password, "•••")
            raise self._why(f"the password of {name}")(text)
        if not operation.said_done:
            # It is unknown whether it was set: the step sets it again when it is repeated
            raise operation.silence or self._why(f"the password of {name}")(operation.answer.text)

    def ensure_privileges(self, database: str, user: str) -> None:
        """Ensure that the user may do everything in the database: always set, as setting replaces what was there."""
        operation = Operation(
            lambda: self._whm.uapi(
                self._user, "Mysql", "set_privileges_on_database",
                database=database, user=user, privileges="ALL PRIVILEGES",
            )
        )  # fmt: skip
        if operation.said_done and self._cache.sharing:
            return
        if not self.may_do_all(database, user):
            raise operation.silence or self._why(f"the privileges of {user} on {database}")(operation.answer.text)

    def may_do_all(self, database: str, user: str) -> bool:
        """Return whether the user may do in the database what a shop needs."""
        answer = self._whm.uapi(
            self._user, "Mysql", "get_privileges_on_database", read_only=True, database=database, user=user
        )
        held = {str(one).upper() for one in answer.data} if answer.ok and isinstance(answer.data, list) else set()
        return any(one.startswith("ALL") and "ALTER" not in one for one in held) or held >= NEEDED

    def holds_tables(self, name: str) -> bool:
        """Return whether the database holds tables; True when it cannot be checked."""
        self._check_prefix(name)
        answer = self._whm.uapi(self._user, "Mysql", "check_database", read_only=True, name=name)
        return not (answer.ok and isinstance(answer.data, list) and not answer.data)

    def remove_database(self, name: str) -> None:
        """Remove the database if it exists. Raises RemovalUnanswered."""
        self._check_prefix(name)
        operations.ensure_gone(
            self._cache, ("databases",), lambda: name in self.databases(),
            lambda: self._whm.uapi(self._user, "Mysql", "delete_database", name=name),
            self._why(f"removing the database {name}"),
        )  # fmt: skip

    def remove_user(self, name: str) -> None:
        """Remove the database user if it exists. Raises RemovalUnanswered."""
        self._check_prefix(name)
        operations.ensure_gone(
            self._cache, ("users",), lambda: name in self.users(),
            lambda: self._whm.uapi(self._user, "Mysql", "delete_user", name=name),
            self._why(f"removing the database user {name}"),
        )  # fmt: skip

    def _why(self, what: str) -> operations.Failure:
        return self._reasons.of(what, FEATURE, files=True)

    def _names(self, what: str, key: str) -> set[str]:
        answer = self._cache.see(what)
        if not answer.ok:
            raise self._why(f"the list of {what}")(answer.text)
        listed = answer.data if isinstance(answer.data, list) else []
        return {str(one.get(key)) if isinstance(one, dict) else str(one) for one in listed}

    def _restrictions(self) -> dict[str, object]:
        answer = self._cache.see("restrictions")
        if not answer.ok or not isinstance(answer.data, dict):
            raise self._why("the rules for databases")(answer.text)
        return answer.data

    def _prefix(self) -> str:
        return str(self._restrictions().get("prefix") or "")

    def _check_prefix(self, name: str) -> None:
        prefix = self._prefix()
        if not name.startswith(prefix):
            message = f"the name {name} does not begin with {prefix}, as the panel asks of {self._user}"
            raise ShoplaunchError("panel_refused", message)

    def _too_many(self) -> ShoplaunchError | None:
        """Return the error of a package whose databases are used up, None when that is not the reason."""
        found = rows(self._cache.see("summary").data, "acct")
        most = operations.allowed(found[0], "maxsql") if found else None
        if most is None or len(self.databases()) < most:
            return None
        return ShoplaunchError("database_limit", f"the account {self._user} may have {most} databases and has them")


def _limit(rules: dict[str, Any], key: str, otherwise: int) -> int:
    try:
        return int(rules.get(key) or otherwise)
    except (TypeError, ValueError):
        return otherwise


def _fitting(prefix: str, endings: tuple[str, ...], most: int, *, doubled: bool = True) -> str:
    """Return prefix and the first ending that fits; in databases' names every underscore counts twice."""
    for ending in endings:
        name = prefix + ending
        if len(name) + (name.count("_") if doubled else 0) <= most:
            return name
    raise ShoplaunchError("name_too_long", f"nothing fits behind {prefix}: names may have {most} letters")


def _without_prefix(user: str, most: int) -> str:
    """Return a name that is unique to the account although there is no prefix."""
    name = f"{user}_shop"
    if len(name) + name.count("_") <= most:
        return name
    # Names of which only the beginning fits are distinguished by the digest of the whole
    digest = hashlib.sha256(user.encode("ascii")).hexdigest()[:DIGEST_LETTERS]
    return f"{user.replace('_', '')[: max(LEAST_LIMIT, most) - DIGEST_LETTERS - 2]}{digest}"[:most]
