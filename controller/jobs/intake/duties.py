"""Duties that nobody asks for each time – backups, retention, a worker's chores: the operator hears of those that fail.

A command that does one notes its own failure; that it was not even begun shows by the time of the last one.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from controller.access.actor import command_line
from controller.billing.base import DONE_AGAIN, NOT_DONE, Alarm
from controller.db.connection.engine import reading, transact
from controller.db.identities import access
from controller.db.machines import duties
from controller.db.machines.duties import FailingDuty
from controller.db.upkeep import retention
from controller.jobs.engine.monitoring import alarms
from controller.jobs.intake.installation import Installation
from controller.jobs.lifecycle import changes
from controller.settings.sections import Config
from shared.errors import ShoplaunchError, advice

BACKUP, RETENTION = duties.BACKUP, duties.RETENTION
#: The chore that removes what is over, a little at a time.
SWEEP = "retention's sweep"
#: A duty whose last time is longer ago is late: it is done every night, or every hour.
LATE_SECONDS = 2 * 86_400.0
#: Between two checks for duties that are late.
LOOK_SECONDS = 3600.0
#: A chore of which nothing was heard for longer has no worker any more that could do it.
GONE_SECONDS = 3600.0
#: What became of the chores of a round: name -> error, None where it was done.
Outcomes = Mapping[str, BaseException | None]
_CODES = {BACKUP: "backup_failed", RETENTION: "retention_failed", SWEEP: "retention_failed"}
_CHORES_FAIL = "chores_fail"


def code_of(name: str) -> str:
    """Return the error code of a duty that is not done."""
    return _CODES.get(name.partition(duties.ON)[0], _CHORES_FAIL)


def note_failure(connection: sa.Connection, name: str, problem: BaseException, now: float) -> None:
    """Note that the duty `name` was not done because of `problem`."""
    error = changes.as_document(problem)
    duties.note_failure(connection, name, code_of(name), f"{error['code']}: {error['message']}", now)


def note_command(config: Config, name: str, problem: ShoplaunchError) -> None:
    """Note that the command which does the duty `name` failed. Raises database_busy, not_initialised,
    database_newer."""
    actor = command_line(config)
    now = actor.now()
    transact(actor.engine, lambda connection: note_failure(connection, name, problem, now))


def note_chores(installation: Installation, outcomes: Outcomes) -> None:
    """Note which chores of this machine fail, and which are done again. Raises database_busy."""
    named = {f"{name}{duties.ON}{socket.gethostname()[:60]}": problem for name, problem in outcomes.items()}
    with reading(installation.engine) as connection:
        known = {one.name for one in duties.listed(connection) if one.well_at is None}
    news = {name: problem for name, problem in named.items() if problem is not None or name in known}

    def work(connection: sa.Connection) -> None:
        for name, problem in news.items():
            if problem is None:
                duties.note_done(connection, name, installation.now())
            else:
                note_failure(connection, name, problem, installation.now())

    if news:
        transact(installation.engine, work)


def alarm(installation: Installation, move: Callable[[], None]) -> None:
    """Notify the operator of duties that are not done, and of those done again; `move` is called at each progress."""
    _note_late(installation)
    _forget_gone(installation)
    with reading(installation.engine) as connection:
        found = duties.listed(connection)
    for duty in found:
        now = installation.now()
        if not duty.wants_alarm(now):
            continue
        move()
        if not transact(installation.engine, functools.partial(duties.claim_alarm, duty=duty, now=now)):
            continue
        problem = alarms.deliver(installation.billing("command", ""), _alarm(installation, duty))
        if problem is None and duty.well_at is not None:
            transact(installation.engine, functools.partial(duties.reported_done, duty=duty))
            continue
        done_at = installation.now() if problem is None else None
        transact(installation.engine, functools.partial(duties.alarmed, name=duty.name, now=done_at))
        if problem is not None:
            return


def _note_late(installation: Installation) -> None:
    """Note, once an hour, which duties are late, and which a command has done that knew of no failure."""
    now = installation.now()
    if 0 <= now - installation.looked_for_late_at < LOOK_SECONDS:
        return
    with reading(installation.engine) as connection:
        known = {one.name: one for one in duties.listed(connection) if one.well_at is None}
        # The audit log has no index for this
        last_times = {
            BACKUP: access.last_time(connection, retention.BACKED_UP),
            RETENTION: retention.swept_at(connection),
        }

    def work(connection: sa.Connection) -> None:
        for name, last in last_times.items():
            if last is None:
                continue
            if name in known and last > known[name].failed_at:
                duties.note_done(connection, name, now)
            elif name not in known and now - last > LATE_SECONDS:
                days = int((now - last) / duties.DAY_SECONDS)
                duties.note_failure(connection, name, code_of(name), f"the last one was {days} days ago", now)

    transact(installation.engine, work)
    installation.looked_for_late_at = now


def _forget_gone(installation: Installation) -> None:
    """Forget failing chores of machines whose workers are gone."""
    now = installation.now()
    with reading(installation.engine) as connection:
        found = [
            one
            for one in duties.listed(connection)
            if duties.ON in one.name and abs(now - one.failed_at) > GONE_SECONDS
        ]
    for one in found:
        transact(installation.engine, functools.partial(duties.forget, duty=one))


def _alarm(installation: Installation, duty: FailingDuty) -> Alarm:
    return Alarm(
        job="duty-" + "".join(letter if letter.isalnum() else "-" for letter in duty.name),
        domain=duty.name,
        server="-",
        state=NOT_DONE if duty.well_at is None else DONE_AGAIN,
        step=None,
        code=duty.code,
        message=duty.message,
        advice=advice(duty.code),
        admin_url=f"{installation.config.public_url.rstrip('/')}/admin/attention",
        language=installation.config.mail.operator_language,
        # Until it is noted as delivered, the one before it is the same
        number=str(round(duty.alarmed_at or duty.since)),
    )
