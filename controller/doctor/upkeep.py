"""Checks of what the state database says: its schema, alarms, refused orders, what is done again and again."""

from __future__ import annotations

from collections.abc import Iterator

from controller.backups import aftermath
from controller.db import migrate
from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, reading
from controller.db.identities import access
from controller.db.machines import duties, workers
from controller.db.upkeep import health, retention
from controller.jobs.engine.monitoring.status import OK, SILENT, state_of
from controller.panels.base import Check
from controller.settings.sections import Config
from controller.timestamps import iso
from shared import installed
from shared.errors import advice

#: Workers remove what is over every hour.
SWEEP_SECONDS = 2 * 86_400.0
#: The package makes one each night.
BACKUP_SECONDS = 2 * 86_400.0


def database(config: Config) -> Iterator[Check]:
    """Yield whether the tables are current, and who the operators are."""
    revision, head = migrate.revisions(make_engine(config.database_url))
    newer = revision is not None and revision not in migrate.known()
    todo = advice("database_newer") if newer else "Run `shoplaunch migrate`."
    yield Check("", revision == head, f"schema {revision or 'none'} of {head}", todo)
    if revision == head:
        with reading(make_engine(config.database_url)) as connection:
            users = access.list_operators(connection)
        yield Check("operators", bool(users), ", ".join(users) or "none", "Run `shoplaunch user add NAME`.")


def operators_address(config: Config) -> Iterator[Check]:
    """Yield whether alarms have an address."""
    known = bool(config.mail.operator)
    message = (
        f"alarms go to {config.mail.operator}"
        if known
        else "nobody is notified of failures: [mail] operator is not set"
    )
    yield Check("", known, message, advice("operator_missing"))


def alarms(config: Config) -> Iterator[Check]:
    """Yield whether all alarms were delivered."""
    with reading(make_engine(config.database_url)) as connection:
        wanted = health.alarms_wanted(connection, database_now(connection)).total
    message = f"{wanted} not delivered" if wanted else "all are delivered"
    yield Check(
        "",
        not wanted,
        message,
        f"Correct [mail], then {installed.phrase('restart')}: they are delivered within a minute.",
    )


def refused_orders(config: Config) -> Iterator[Check]:
    """Yield how many refused orders wait for an operator."""
    with reading(make_engine(config.database_url)) as connection:
        found = health.open_refused(connection)
    message = f"{found} wait for an operator" if found else "none"
    yield Check("", not found, message, "Run `shoplaunch refused list`.")


def retention_goes_on(config: Config) -> Iterator[Check]:
    """Yield what is kept for how long, and whether what is over is removed."""
    with reading(make_engine(config.database_url)) as connection:
        last, now = retention.swept_at(connection), database_now(connection)
    late = last is not None and now - last > SWEEP_SECONDS
    periods = ", ".join(f"{name} {days or 'forever'}" for name, days in vars(config.retention).items())
    when = "nothing was removed yet" if last is None else f"what is over was removed last on {iso(last)}"
    what = f"Where no worker runs, {installed.phrase('start')}, or run `shoplaunch prune` by a timer."
    yield Check("", not late, f"days: {periods}; {when}", what)


def backups(config: Config) -> Iterator[Check]:
    """Yield when the last backup was made."""
    with reading(make_engine(config.database_url)) as connection:
        last, now = access.last_time(connection, retention.BACKED_UP), database_now(connection)
    late = last is not None and now - last > BACKUP_SECONDS
    message = "none was made yet" if last is None else f"the last was made on {iso(last)}"
    what = "Run `shoplaunch backup FILE`; where a timer does, ask why it failed: `systemctl status shoplaunch-backup`."
    yield Check("", not late, message, what if late else "", optional=True)


def duties_done(config: Config) -> Iterator[Check]:
    """Yield the duties that fail."""
    with reading(make_engine(config.database_url)) as connection:
        failing = [one for one in duties.listed(connection) if one.well_at is None]
    if not failing:
        yield Check("", True, "none fails")
    for one in failing:
        yield Check(f"duty {one.name}", False, f"fails since {iso(one.since)}: {one.message}", advice(one.code))


def broker(config: Config) -> Iterator[Check]:
    """Yield whether a worker hears the broker, where the settings name one."""
    if config.engine.kind != "celery":
        return
    with reading(make_engine(config.database_url)) as connection:
        found, now = workers.listed(connection), database_now(connection)
    running = [one for one in found if state_of(one, now) != SILENT]
    hearing = [one for one in running if one.heard is not None and state_of(one, now) == OK]
    message = f"{len(hearing)} of {len(running)} workers hear it"
    what = (
        "Jobs go on, but each begins later. See that the broker answers, and that [engine] names it rightly; the "
        "workers' logs say what they met. `shoplaunch engine status` names each worker."
        if running
        else f"Where no worker runs, {installed.phrase('start')}."
    )
    yield Check("", bool(hearing), message, what)


def restored(config: Config) -> Iterator[Check]:
    """Yield what a backup that was brought back has undone, for two weeks."""
    with reading(make_engine(config.database_url)) as connection:
        found = aftermath.to_review(connection, database_now(connection))
    if found is None:
        return
    at, back = found
    message = f"a backup was brought back on {iso(at)}; as it was when that was made: {'; '.join(back.lines())}"
    what = f"End what had been revoked since, as {installed.phrase('operating')} says; this is shown for two weeks."
    yield Check("", False, message, what, optional=True)
