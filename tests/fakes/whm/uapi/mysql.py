"""UAPI Mysql: databases, users and privileges of an account on the real server; the prefix is never added."""

import re

import pymysql

from tests.fakes.whm.functions.passwords import strength
from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.protocol.texts import Refusal

MAX_DATABASE_NAME = 64
GRANTABLE = (
    *("ALTER", "ALTER ROUTINE", "CREATE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "CREATE VIEW", "DELETE"),
    *("DROP", "EVENT", "EXECUTE", "INDEX", "INSERT", "LOCK TABLES", "REFERENCES", "SELECT", "SHOW VIEW", "TRIGGER"),
    "UPDATE",
)
ALL = "ALL PRIVILEGES"
_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_EXISTS = (1007, 1396)


def _mysql(name, required=(), optional=(), changes=False):
    def keep(handler):
        def guarded(double, account, args):
            if not double.quirks.mysql_role:
                raise Refusal("mysql_role")
            try:
                return handler(double, account, args)
            except pymysql.MySQLError as error:
                raise Refusal("system", error=error.args[1]) from None

        return uapi("Mysql", name, required, optional, changes=changes, feature="mysql")(guarded)

    return keep


def prefix(double, account):
    """Return what every name of the account must begin with, None where nothing is demanded."""
    rules = {"account": account.user, "sixteen": account.user[:16], "short": account.user[:8]}
    stem = rules.get(double.quirks.prefix)
    return None if stem is None else f"{stem}_"


def _check_name(double, account, name, limit, length):
    begins = prefix(double, account)
    if begins is not None and (not name.startswith(begins) or name == begins):
        raise Refusal("prefix", name=name, prefix=begins)
    if not _NAME.match(name):
        raise Refusal("name_invalid", name=name)
    if length > limit:
        raise Refusal("name_too_long", name=name, limit=limit)


@_mysql("get_restrictions")
def get_restrictions(double, account, _args):
    """Return prefix and lengths."""
    quirks = double.quirks
    return {
        "prefix": prefix(double, account),
        "max_database_name_length": quirks.number(MAX_DATABASE_NAME),
        "max_username_length": quirks.number(quirks.max_username_length),
    }


@_mysql("create_database", ("name",), ("prefix-size",), changes=True)
def create_database(double, account, args):
    """Make a database."""
    name = args["name"]
    # Every underscore counts twice.
    _check_name(double, account, name, MAX_DATABASE_NAME, len(name) + name.count("_"))
    with account.guard:
        if double.engine.sql("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", name):
            raise Refusal("database_exists", name=name)
        limit = double.state.database_limit(account)
        if limit is not None and len(account.databases) >= limit:
            raise Refusal("database_limit", limit=limit)
        if account.quota_full:
            raise Refusal("quota", name=name)
        double.engine.sql(f"CREATE DATABASE `{name}`")
        account.databases.add(name)


@_mysql("create_user", ("name", "password"), ("prefix-size",), changes=True)
def create_user(double, account, args):
    """Make a database user."""
    name = args["name"]
    _check_name(double, account, name, double.quirks.max_username_length, len(name))
    _check_password(double, args["password"])
    try:
        double.engine.sql("CREATE USER %s@'localhost' IDENTIFIED BY %s", name, args["password"])
    except pymysql.MySQLError as error:
        if error.args[0] in _EXISTS:
            raise Refusal("database_user_exists", name=name) from None
        raise
    with account.guard:
        account.database_users.add(name)


def _check_password(double, password):
    needed = double.quirks.mysql_strength
    if strength(password) < needed:
        raise Refusal("weak_mysql", count=needed)


@_mysql("set_password", ("user", "password"), changes=True)
def set_password(double, account, args):
    """Change a database user's password."""
    _check_user(account, args["user"])
    _check_password(double, args["password"])
    double.engine.sql("ALTER USER %s@'localhost' IDENTIFIED BY %s", args["user"], args["password"])
    return {"failures": []}


def _check_user(account, name):
    if name not in account.database_users:
        raise Refusal("database_user_missing", name=name)


def _check_database(account, name):
    if name not in account.databases:
        raise Refusal("database_missing", name=name)


@_mysql("set_privileges_on_database", ("database", "user", "privileges"), changes=True)
def set_privileges_on_database(double, account, args):
    """Replace what a user may do in a database."""
    database, user = args["database"], args["user"]
    _check_database(account, database)
    _check_user(account, user)
    wanted = [one.strip().upper() for one in args["privileges"].split(",")]
    names = list(GRANTABLE) if wanted in ([ALL], ["ALL"]) else wanted
    for name in names:
        if name not in GRANTABLE:
            raise Refusal("privilege", name=name)
    with account.guard:
        _revoke(double, account, database, user)
        double.engine.sql(f"GRANT {', '.join(names)} ON {_pattern(database)} TO %s@'localhost'", user)
        account.grants[database, user] = sorted(names)


def _revoke(double, account, database, user):
    if account.grants.pop((database, user), None) is not None:
        double.engine.sql(f"REVOKE ALL PRIVILEGES ON {_pattern(database)} FROM %s@'localhost'", user)


def _pattern(database):
    """Return a database as GRANT wants it: an underscore is a wildcard there."""
    escaped = database.replace("_", "\\_")
    return f"`{escaped}`.*"


@_mysql("get_privileges_on_database", ("database", "user"))
def get_privileges_on_database(double, account, args):
    """Return the names of what a user may do in a database."""
    _check_database(account, args["database"])
    _check_user(account, args["user"])
    names = account.grants.get((args["database"], args["user"]), [])
    return [ALL] if double.quirks.privileges_listed == "summary" and names == sorted(GRANTABLE) else names


@_mysql("revoke_access_to_database", ("database", "user"), changes=True)
def revoke_access_to_database(double, account, args):
    """A user may do nothing in a database any more."""
    _check_database(account, args["database"])
    _check_user(account, args["user"])
    with account.guard:
        _revoke(double, account, args["database"], args["user"])


@_mysql("list_databases")
def list_databases(double, account, _args):
    """Return the databases with their users."""
    return [
        {
            "database": name,
            "disk_usage": double.quirks.number(0),
            "users": sorted({user for database, user in list(account.grants) if database == name}),
        }
        for name in sorted(account.databases)
    ]


@_mysql("list_users")
def list_users(double, account, _args):
    """Return the database users with their databases."""
    begins = prefix(double, account) or ""
    return [
        {
            "user": name,
            "shortuser": name.removeprefix(begins),
            "databases": sorted({database for database, user in list(account.grants) if user == name}),
        }
        for name in sorted(account.database_users)
    ]


@_mysql("delete_database", ("name",), changes=True)
def delete_database(double, account, args):
    """Remove a database."""
    name = args["name"]
    with account.guard:
        _check_database(account, name)
        for database, user in list(account.grants):
            if database == name:
                _revoke(double, account, database, user)
        double.engine.sql(f"DROP DATABASE IF EXISTS `{name}`")
        account.databases.discard(name)


@_mysql("delete_user", ("name",), changes=True)
def delete_user(double, account, args):
    """Remove a database user."""
    name = args["name"]
    with account.guard:
        _check_user(account, name)
        double.engine.sql("DROP USER IF EXISTS %s@'localhost'", name)
        account.database_users.discard(name)
        account.grants = {key: value for key, value in account.grants.items() if key[1] != name}


@_mysql("get_server_information")
def get_server_information(double, _account, _args):
    """Return where the database server is."""
    ((version,),) = double.engine.sql("SELECT VERSION()")
    return {"host": "localhost", "is_remote": double.quirks.number(0), "version": version.partition("-")[0]}


@_mysql("locate_server")
def locate_server(double, _account, _args):
    """Return the database server's host."""
    return {"remote_host": "localhost", "is_remote": double.quirks.number(0)}


@_mysql("check_database", ("name",))
def check_database(double, account, args):
    """Return what CHECK TABLE says about every table."""
    _check_database(account, args["name"])
    rows = double.engine.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", args["name"])
    return [{"table": name, "msg_type": "status", "msg_text": "OK"} for (name,) in rows]
