"""Stops the roll-out of an agent that more jobs fail with than before, and alarms the operator; ends what is over."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa

from controller.billing.base import STOPPED, Alarm
from controller.db.connection.engine import reading, transact
from controller.db.identities import access
from controller.db.machines import channels
from controller.db.machines.channels import Channel
from controller.jobs.agent_judgement import roll_out
from controller.jobs.engine.monitoring import alarms
from controller.jobs.intake.installation import Installation
from shared.errors import advice

CODE = "roll_out_stopped"
#: Who stops it, in the audit log.
ACTOR = "worker"


def judge(installation: Installation, move: Callable[[], None]) -> None:
    """Compare what became of each roll-out's jobs, and alarm the operator of those that stopped; `move` is called at
    each progress."""
    with reading(installation.engine) as connection:
        found = channels.rolling_out(connection)
    for channel in found:
        move()
        if channel.stopped_at is None:
            transact(installation.engine, functools.partial(_settle, name=channel.name, now=installation.now()))
        with reading(installation.engine) as connection:
            known = channels.get(connection, channel.name)
        if (
            known.alarm == "wanted"
            and alarms.deliver(installation.billing("command", ""), _alarm(installation, known)) is None
        ):
            transact(installation.engine, functools.partial(_alarmed, stopped=known))


def _settle(connection: sa.Connection, name: str, now: float) -> None:
    """Stop the channel's roll-out where more jobs have failed with its agent; end it where enough have shown that no
    more do."""
    known = channels.get(connection, name, lock=True)
    if known.next == "" or known.stopped_at is not None:
        return
    new, before = channels.outcomes(connection, known)
    why = roll_out.why_stopped(new, before)
    if why:
        channels.write(connection, replace(known, stopped_at=now, reason=why, alarm="wanted"))
        access.add_audit(connection, now, ACTOR, "agent stop", None, f"{name} {known.next}: {why}")
    elif known.is_everywhere and new.ended >= channels.PROVEN_BY:
        channels.write(connection, Channel(name, current=known.next))
        access.add_audit(connection, now, ACTOR, "agent roll-out", None, f"{name} {known.next}: all jobs")


def _alarmed(connection: sa.Connection, stopped: Channel) -> None:
    # The operator may have begun another meanwhile
    if channels.get(connection, stopped.name, lock=True) == stopped:
        channels.write(connection, replace(stopped, alarm="told"))


def _alarm(installation: Installation, channel: Channel) -> Alarm:
    return Alarm(
        job=f"agent-{channel.name}",
        domain=f"agent {channel.next}",
        server=channel.name,
        state=STOPPED,
        step=None,
        code=CODE,
        message=channel.reason,
        advice=advice(CODE),
        admin_url=f"{installation.config.public_url.rstrip('/')}/admin/jobs?state=failed",
        language=installation.config.mail.operator_language,
        number=str(round(channel.stopped_at or 0.0)),
    )
