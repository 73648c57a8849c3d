"""WHM functions for accounts: createacct, accountsummary, listaccts, removeacct, suspendacct."""

import grp
import pwd
import re
import secrets
import time
from pathlib import Path

from controller.panels.local.services.apache import DOMAIN
from tests.fakes.whm.functions.passwords import strength
from tests.fakes.whm.protocol.registry import Answer, whm
from tests.fakes.whm.protocol.texts import Refusal
from tests.fakes.whm.state import Hosting
from tests.fakes.whm.uapi import lang_php

USERNAME = re.compile(r"[a-z][a-z0-9]{0,15}\Z")
CREATE_OPTIONAL = (
    *("plan", "password", "pass", "contactemail", "quota", "ip", "customip", "cgi", "hasshell", "cpmod", "language"),
    *("locale", "maxsql", "maxaddon", "maxsub", "maxftp", "maxpop", "maxpark", "maxlst", "owner", "reseller"),
    *("featurelist", "dkim", "spf", "dmarc", "mxcheck", "forcedns", "uid", "gid", "homedir", "showpass"),
)
#: What the documentation says not to send when a plan is sent.
NOT_WITH_PLAN = ("maxsql", "maxaddon", "maxsub", "maxftp", "maxpop", "maxpark", "maxlst", "quota", "featurelist")
SEARCH_TYPES = ("user", "username", "domain", "owner", "ip", "package")

# -- the work --------------------------------------------------------------------------------------------------------


def create(double, name, *, owner, plan, email, maxsql=None):
    """Make the account of this name, (user, domain), for real; return it."""
    user, domain = name
    quirks, state = double.quirks, double.state
    base = double.engine.base(quirks.home_base)
    hosting = Hosting(user, domain, owner, plan, email, base, quirks.document_root, double.ip, maxsql=maxsql)
    double.engine.create(hosting, _skeleton(double, owner, user))
    hosting.php = double.engine.php_versions()[0]
    if quirks.php_block_at_birth:
        lang_php.choose(double, hosting, domain, hosting.document_root_path, hosting.php)
    hosting.late = quirks.shown_late
    with state.guard:
        state.accounts[user] = hosting
    return hosting


def _skeleton(double, owner, user):
    folder = double.engine.root_skeleton
    if owner not in ("root", user) and double.quirks.skeleton_of == "owner" and owner in double.state.accounts:
        own = Path(double.account(owner).home) / "cpanel3-skel"
        folder = own if own.is_dir() else folder
    if double.quirks.skeleton_keeps_execute:
        return folder
    return double.engine.without_execute(folder)


def remove(double, hosting):
    """Remove an account for real, and its tokens."""
    with hosting.guard:
        double.engine.remove(hosting)
        with double.state.guard:
            double.state.accounts.pop(hosting.user, None)
            double.state.resellers.discard(hosting.user)
            double.state.tokens = [token for token in double.state.tokens if token.user != hosting.user]


def rename(double, hosting, new):
    """Give an account another name for real; its databases keep theirs."""
    with hosting.guard, double.state.guard:
        old = hosting.user
        double.engine.rename(hosting, new)
        hosting.user = new
        double.state.accounts[new] = double.state.accounts.pop(old)


def suspend(double, hosting, reason):
    """Suspend an account for real."""
    double.engine.suspend(hosting, True)
    hosting.suspended, hosting.suspend_reason, hosting.suspended_at = True, reason, time.time()


def unsuspend(double, hosting):
    """The account works again."""
    double.engine.suspend(hosting, False)
    hosting.suspended, hosting.suspend_reason = False, ""


# -- createacct ------------------------------------------------------------------------------------------------------


@whm("createacct", ("username",), ("domain", *CREATE_OPTIONAL), acl="create-acct", changes=True, legacy="result")
def createacct(double, token, args):
    """Make an account; one at a time for one name, as the real one locks it."""
    user, domain = args["username"].lower(), args.get("domain", "").lower()
    with double.state.guard:
        _check_new(double, token, user, domain, args)
        if user in double.state.pending:
            raise Refusal("account_exists", name=user)
        double.state.pending.add(user)
    try:
        hosting = create(double, (user, domain), **_wanted(token, args))
    finally:
        with double.state.guard:
            double.state.pending.discard(user)
    raw = f"<pre>Creating account {user} ... Domain: {domain} Ip: {double.ip}</pre>"
    if args.get("showpass", "y") == "y":
        raw += f" PassWord: {args.get('password') or args.get('pass') or secrets.token_urlsafe(12)}"
    data = {"ip": hosting.ip, "package": hosting.plan, **name_servers(double.quirks)}
    return Answer(data, "Account Creation Ok", {"raw": raw})


def name_servers(quirks):
    """Return the name servers as createacct names them."""
    names = [*quirks.name_servers, "", "", "", ""]
    return {f"nameserver{number}": names.pop(0) for number in ("", "2", "3", "4")}


def _wanted(token, args):
    owner = token.user if not token.everything else args.get("owner") or "root"
    words = args.get("maxsql", "")
    return {
        "owner": owner,
        "plan": args.get("plan", "default"),
        "email": args.get("contactemail", ""),
        "maxsql": int(words) if words.isdigit() and words != "0" else None,
    }


def _check_new(double, token, user, domain, args):
    check_name(double, user)
    if not DOMAIN.match(domain):
        raise Refusal("domain_invalid", name=domain)
    if any(domain in (one.domain, f"www.{one.domain}") for one in double.state.accounts.values()):
        raise Refusal("domain_exists", name=domain)
    plan = args.get("plan")
    if plan is not None and plan not in {package.name for package in double.state.packages_for(token)}:
        raise Refusal("package_missing", name=plan)
    for name in NOT_WITH_PLAN if plan else ():
        if name in args:
            double.violation(f"createacct was given {name!r} beside a plan")
    if not token.everything and args.get("owner", token.user) != token.user:
        raise Refusal("acl_denied", acl="owner")
    password = args.get("password") or args.get("pass")
    needed = double.quirks.createacct_strength
    if password is not None and strength(password) < needed:
        raise Refusal("weak_account", count=needed)


def check_name(double, user):
    """Refuse a name no new account can have, in the server's words."""
    if not USERNAME.match(user) or user.startswith("test"):
        raise Refusal("username", name=user)
    if user in double.state.accounts:
        raise Refusal("account_exists", name=user)
    count = double.quirks.unique_initial
    if count and any(name[:count] == user[:count] for name in double.state.accounts):
        raise Refusal("initial", count=count, name=user)
    if _exists(pwd.getpwnam, user):
        raise Refusal("reserved", name=user)
    if _exists(grp.getgrnam, user):
        raise Refusal("group_exists", name=user)


def _exists(look, name):
    try:
        look(name)
    except KeyError:
        return False
    return True


@whm("verify_new_username", ("user",), acl="create-acct")
def verify_new_username(double, _token, args):
    """Say whether a new account could have the name."""
    check_name(double, args["user"])


# -- looking ---------------------------------------------------------------------------------------------------------


@whm("accountsummary", (), ("user", "domain"), acl="acct-summary")
def accountsummary(double, token, args):
    """Return the one account of that name or domain."""
    if "user" in args:
        account = double.state.visible(token, args["user"])
    else:
        if "domain" not in args:
            raise Refusal("parameter_missing", name="user")
        account = next((one for one in double.state.all_visible(token) if one.domain == args["domain"]), None)
    if account is None:
        name = args.get("user", args.get("domain"))
        raise Refusal("account_missing") if token.everything else Refusal("not_yours", name=name)
    return {"acct": [row(double, account)]}


@whm("listaccts", (), ("search", "searchtype", "want"), acl="list-accts")
def listaccts(double, token, args):
    """Return the accounts the caller may see, those that match `search` (a regular expression) when it is given."""
    rows = [row(double, account) for account in double.state.all_visible(token)]
    if "search" in args:
        kind = args.get("searchtype", "domain")
        if kind not in SEARCH_TYPES:
            raise Refusal("parameter_unknown", name=kind)
        key = {"username": "user", "package": "plan"}.get(kind, kind)
        pattern = re.compile(args["search"], re.IGNORECASE)
        rows = [one for one in rows if pattern.search(one[key])]
    if "want" in args:
        wanted = args["want"].split(",")
        rows = [{name: one[name] for name in wanted if name in one} for one in rows]
    return {"acct": rows}


def row(double, account):
    """Return an account as WHM lists it: no home and no document root."""
    quirks = double.quirks
    used, inodes = double.engine.disk_used(account)
    package = double.state.packages.get(account.plan)
    quota = package.quota if package else 0
    limit = double.state.database_limit(account)
    return {
        "user": account.user,
        "domain": account.domain,
        "owner": account.owner,
        "plan": account.plan,
        "email": account.email or "*unknown*",
        "ip": account.ip,
        "ipv6": [],
        "partition": quirks.home_base,
        "shell": "/usr/local/cpanel/bin/noshell",
        "theme": "jupiter",
        "uid": quirks.number(pwd.getpwnam(account.user).pw_uid),
        "startdate": time.strftime("%y %b %d %H:%M", time.localtime(account.started)),
        "unix_startdate": quirks.number(int(account.started)),
        "disklimit": f"{quota}M" if quota else "unlimited",
        "diskused": f"{used}M",
        "inodeslimit": "unlimited",
        "inodesused": quirks.number(inodes),
        "maxsql": "unlimited" if limit is None else str(limit),
        "maxaddons": "*unknown*",
        "maxftp": "unlimited",
        "maxpop": "unlimited",
        "maxsub": "unlimited",
        "maxparked": "*unknown*",
        "is_locked": quirks.number(0),
        "suspended": quirks.number(1 if account.suspended else 0),
        "suspendreason": account.suspend_reason if account.suspended else "not suspended",
        "suspendtime": quirks.number(int(account.suspended_at)) if account.suspended else "null",
        "backup": quirks.number(0),
    }


# -- changing --------------------------------------------------------------------------------------------------------


def _mine(double, token, name, missing):
    account = double.state.visible(token, name)
    if account is None:
        raise Refusal(missing, name=name) if token.everything else Refusal("not_yours", name=name)
    return account


@whm("removeacct", (), ("username", "user", "keepdns"), acl="kill-acct", changes=True, legacy="result")
def removeacct(double, token, args):
    """Remove an account with everything it has."""
    name = args.get("username") or args.get("user")
    if not name:
        raise Refusal("parameter_missing", name="username")
    account = _mine(double, token, name, "remove_missing")
    remove(double, account)
    return Answer(None, f"{name} account removed", {"raw": f"Removing {name} ... done"})


@whm("suspendacct", ("user",), ("reason",), acl="suspend-acct", changes=True, legacy="result")
def suspendacct(double, token, args):
    """Suspend an account."""
    suspend(double, _mine(double, token, args["user"], "suspend_missing"), args.get("reason", "Unknown"))
    return Answer(None, "OK", {"raw": "Changing shell ... Locking password ... Suspending mysql users ..."})


@whm("unsuspendacct", ("user",), acl="suspend-acct", changes=True, legacy="result")
def unsuspendacct(double, token, args):
    """End a suspension."""
    unsuspend(double, _mine(double, token, args["user"], "suspend_missing"))
