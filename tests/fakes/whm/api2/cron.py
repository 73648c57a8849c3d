"""API 2 Cron: lines of the account's real crontab."""

import hashlib
import re

from tests.fakes.whm.protocol.registry import api2
from tests.fakes.whm.protocol.texts import Refusal

FIELDS = ("minute", "hour", "day", "month", "weekday")
SIX = (*FIELDS, "command")
INSTALLED = {"statusmsg": "crontab installed", "status": 1}
_VARIABLE = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(.*)\Z")
_EVERY = re.compile(r"\*(?:/(\d+))?\Z")
_FIELD = re.compile(r"[A-Za-z0-9*/,-]+\Z")


class Table:
    """A crontab's lines; jobs are those with five times and a command."""

    def __init__(self, text):
        self.lines = text.split("\n")
        if self.lines and not self.lines[-1]:
            self.lines.pop()

    def jobs(self):
        """Return (position in the table, fields) of every job."""
        found = []
        for position, line in enumerate(self.lines):
            parts = line.split(None, 5)
            if len(parts) == 6 and not line.lstrip().startswith("#") and not _VARIABLE.match(line):
                found.append((position, dict(zip(SIX, parts, strict=True))))
        return found

    def text(self):
        """Return the crontab."""
        return "".join(line + "\n" for line in self.lines)


def linekey(job):
    """Return the key by which a job is known: of its six fields and nothing else."""
    return hashlib.md5(" ".join(job[name] for name in SIX).encode("utf-8", "surrogateescape")).hexdigest()


def _cron(name, required=(), optional=(), changes=False):
    return api2("Cron", name, required, optional, changes=changes, feature="cron")


def _read(double, account):
    return Table(double.engine.crontab(account.user))


def _write(double, account, table):
    double.engine.write_crontab(account.user, table.text())


def _wanted(double, args):
    """Return the job of the parameters, as this server allows it."""
    job = {name: " ".join(args[name].split()) if name != "command" else args[name].strip() for name in SIX}
    for name in FIELDS:
        if not _FIELD.match(job[name]):
            raise Refusal("name_invalid", name=f"{name}: {job[name]}")
    if not job["command"] or "\n" in job["command"]:
        raise Refusal("name_invalid", name="command")
    quirks = double.quirks
    if quirks.cron_escapes_percent:
        job["command"] = re.sub(r"(?<!\\)%", r"\\%", job["command"])
    every = _EVERY.match(job["minute"])
    if every and int(every.group(1) or 1) < quirks.cron_minutes:
        if quirks.cron_too_often == "refuse":
            raise Refusal("system", error=f"cron jobs may run every {quirks.cron_minutes} minutes at most")
        job["minute"] = f"*/{quirks.cron_minutes}"
        if quirks.cron_too_often == "list":
            job["minute"] = ",".join(str(minute) for minute in range(0, 60, quirks.cron_minutes))
    return job


def _same(table, job):
    return next((found for _, found in table.jobs() if found == job), None)


@_cron("add_line", SIX, changes=True)
def add_line(double, account, args):
    """Add a job, unless the same one is there."""
    job = _wanted(double, args)
    with account.guard:
        table = _read(double, account)
        if _same(table, job) is not None:
            return [{"statusmsg": double.say("cron_exists"), "status": 0, "linekey": linekey(job)}]
        if not table.lines and double.quirks.cron_mailto:
            table.lines.append('MAILTO=""')
        table.lines.append(" ".join(job[name] for name in SIX))
        _write(double, account, table)
    return [{"linekey": linekey(job), **INSTALLED}]


def _rows(table):
    return [
        {
            "linekey": linekey(job),
            **job,
            "command_htmlsafe": job["command"].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
            "count": number,
        }
        for number, (_, job) in enumerate(table.jobs(), 1)
    ]


@_cron("listcron")
def listcron(double, account, _args):
    """Return the jobs, and at the end how many there are and one."""
    rows = _rows(_read(double, account))
    return [*rows, {"count": len(rows) + 1}] if double.quirks.cron_count else rows


@_cron("fetchcron")
def fetchcron(double, account, _args):
    """Return every line, also those that set variables."""
    table = _read(double, account)
    jobs = dict(table.jobs())
    rows = []
    for position, line in enumerate(table.lines):
        number = position + 1
        variable = _VARIABLE.match(line)
        if position in jobs:
            rows.append({"type": "command", "commandnumber": number, **jobs[position], "key": linekey(jobs[position])})
        elif variable:
            key, value = variable.groups()
            rows.append({"type": "variable", "commandnumber": number, "key": key, "value": value.strip('"')})
    return rows


@_cron("remove_line", (), ("line", "linekey"), changes=True)
def remove_line(double, account, args):
    """Remove a job; that there was none is not said."""
    with account.guard:
        table = _read(double, account)
        position = _position(double, table, args)
        if position is not None:
            del table.lines[position]
            if not table.jobs() and table.lines == ['MAILTO=""']:
                table.lines.clear()
            _write(double, account, table)
    return [dict(INSTALLED)]


def _position(double, table, args):
    if "linekey" in args and double.quirks.cron_remove_by != "line":
        return next((position for position, job in table.jobs() if linekey(job) == args["linekey"]), None)
    number = args.get("line", "")
    jobs = table.jobs()
    return jobs[int(number) - 1][0] if number.isdigit() and 0 < int(number) <= len(jobs) else None


@_cron("edit_line", SIX, ("linekey", "commandlinenumber", "commandnumber"), changes=True)
def edit_line(double, account, args):
    """Replace a job by another."""
    job = _wanted(double, args)
    number = args.get("commandlinenumber") or args.get("commandnumber") or ""
    with account.guard:
        table = _read(double, account)
        if _same(table, job) is not None:
            return [{"statusmsg": double.say("cron_exists"), "status": 0, "linekey": linekey(job)}]
        position = _position(double, table, {**args, "line": number})
        if position is None:
            return [{"statusmsg": "The cron job does not exist.", "status": 0}]
        table.lines[position] = " ".join(job[name] for name in SIX)
        _write(double, account, table)
    return [{"linekey": linekey(job), **INSTALLED}]


@_cron("get_email")
def get_email(_double, account, _args):
    """Return where the jobs' output goes."""
    return [{"email": account.mail_to, "status": 1, "statusmsg": ""}]


@_cron("set_email", ("email",), changes=True)
def set_email(double, account, args):
    """Another address gets the jobs' output."""
    with account.guard:
        table = _read(double, account)
        table.lines = [line for line in table.lines if not line.startswith("MAILTO=")]
        table.lines.insert(0, f'MAILTO="{args["email"]}"')
        _write(double, account, table)
        account.mail_to = args["email"]
    return [{"email": args["email"], "status": 1, "statusmsg": "OK"}]
