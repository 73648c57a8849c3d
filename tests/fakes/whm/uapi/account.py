"""UAPI about the account itself: Variables, Quota, StatsBar, ResourceUsage, PasswdStrength."""

import pwd

from tests.fakes.whm.protocol.registry import uapi
from tests.fakes.whm.protocol.texts import Refusal

STATS = ("mysqldatabases", "diskusage", "fileusage", "mysqlversion", "phpversion", "hostingpackage", "operatingsystem")


@uapi("Variables", "get_user_information")
def get_user_information(double, account, _args):
    """Return most of what is known about an account."""
    entry = pwd.getpwnam(account.user)
    limit = double.state.database_limit(account)
    number = double.quirks.number
    return {
        "user": account.user,
        "home": account.home,
        "shell": "/usr/local/cpanel/bin/noshell",
        "plan": account.plan,
        "feature_list": "default",
        "maximum_databases": "unlimited" if limit is None else number(limit),
        "locale": double.quirks.language,
        "uid": number(entry.pw_uid),
        "gid": number(entry.pw_gid),
        "ip": account.ip,
        "owner": account.owner,
        "domain": account.domain,
    }


@uapi("Quota", "get_quota_info")
def get_quota_info(double, account, _args):
    """Return limits and use; a limit of 0 is none."""
    used, inodes = double.engine.disk_used(account)
    package = double.state.packages.get(account.plan)
    limit = used if account.quota_full else package.quota if package else 0
    number = double.quirks.number
    return {
        "inode_limit": number(0),
        "inodes_used": number(inodes),
        "inodes_remain": number(0),
        "megabyte_limit": number(limit),
        "megabytes_used": number(used),
        "megabytes_remain": number(max(0, limit - used)),
        "under_inode_limit": number(1),
        "under_megabyte_limit": number(0 if account.quota_full else 1),
        "under_quota_overall": number(0 if account.quota_full else 1),
    }


@uapi("Quota", "get_local_quota_info")
def get_local_quota_info(double, account, _args):
    """Return the same in bytes."""
    used, _ = double.engine.disk_used(account)
    package = double.state.packages.get(account.plan)
    limit = used if account.quota_full else package.quota if package else 0
    return {"byte_limit": limit * 1024**2, "bytes_used": used * 1024**2}


@uapi("StatsBar", "get_stats", ("display",))
def get_stats(double, account, args):
    """Return counters for a panel's page."""
    rows = []
    for name in args["display"].split("|"):
        if name not in STATS:
            raise Refusal("name_invalid", name=name)
        rows.append({"id": name, **_stat(double, account, name)})
    return rows


def _stat(double, account, name):
    if name == "mysqldatabases":
        limit = double.state.database_limit(account)
        count = len(account.databases)
        maximum = "unlimited" if limit is None else limit
        full = limit is not None and count >= limit
        return {"count": count, "_count": count, "max": maximum, "_max": maximum, "is_maxed": 1 if full else 0}
    if name == "diskusage":
        used, _ = double.engine.disk_used(account)
        return {"count": f"{used} MB", "_count": used, "max": "unlimited", "_max": "unlimited", "is_maxed": 0}
    if name == "fileusage":
        _, inodes = double.engine.disk_used(account)
        return {"count": inodes, "_count": inodes, "max": "unlimited", "_max": "unlimited", "is_maxed": 0}
    values = {"phpversion": account.php, "hostingpackage": account.plan, "operatingsystem": "linux"}
    if name == "mysqlversion":
        values[name] = double.engine.sql("SELECT VERSION()")[0][0]
    return {"value": values[name]}


@uapi("ResourceUsage", "get_usages")
def get_usages(double, account, _args):
    """Return what is used of what; no maximum is unlimited."""
    used, _ = double.engine.disk_used(account)
    row = {"formatter": None, "error": None}
    limit = double.state.database_limit(account)
    return [
        {**row, "id": "disk_usage", "description": "Disk Usage", "usage": used * 1024**2, "maximum": None},
        {**row, "id": "mysql_databases", "description": "Databases", "usage": len(account.databases), "maximum": limit},
    ]


@uapi("PasswdStrength", "get_required_strength", ("app",))
def get_required_strength(double, _account, args):
    """Return how strong a password must be."""
    needed = {"mysql": double.quirks.mysql_strength, "createacct": double.quirks.createacct_strength}
    return {"strength": double.quirks.number(needed.get(args["app"], 0))}
