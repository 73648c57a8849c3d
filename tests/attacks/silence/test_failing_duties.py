"""What an installation does by itself and fails at – backups, retention, chores – is mailed to its operator."""

import os
import sys
import time

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import reading, transact
from controller.db.identities import access
from controller.db.machines import duties
from controller.db.machines.duties import CHORE_SECONDS
from controller.db.tables import failing_duties
from controller.db.upkeep import retention
from controller.jobs.engine.monitoring import health
from controller.jobs.intake import chores
from controller.jobs.intake.duties import GONE_SECONDS
from controller.jobs.retention import sweep
from controller.web.api import metrics
from shared.errors import advice
from tests.attacks.table import attack
from tests.support.users.mails import mails_of, put_into

DAY = 86_400.0


def heard(world):
    """Let the workers' chores be done once; return (code, state) of the operator's alarms so far."""
    chores.run(world.service.installation)
    return [(one.code, one.state) for one in world.mail.alarms]


def rows(world):
    with reading(world.engine) as connection:
        return connection.execute(sa.select(failing_duties)).all()


@pytest.fixture
def run(world, monkeypatch):
    """A command as a timer runs it: at no terminal."""
    monkeypatch.setenv("SHOPLAUNCH_HOME", str(world.config.home))
    monkeypatch.setenv("SHOPLAUNCH_DATABASE_URL", world.engine.url.render_as_string(hide_password=False))
    return lambda *words: CliRunner().invoke(main, words).exit_code


@attack(
    "the nightly backup fails: its disk is full, its folder is gone",
    "the operator is notified once, with the reason and what to do, and again when one is made",
)
def test_a_backup_that_fails_is_mailed_and_so_is_the_next_one_that_is_made(world, run):
    folder = world.folder / "backups"
    assert run("backup", str(folder / "1.backup")) == 1
    assert heard(world) == heard(world) == [("backup_failed", "not done")]
    (alarm,) = world.mail.alarms
    assert "No such file" in alarm.message and alarm.advice == advice("backup_failed") != advice("backup_failed", "fa")
    assert [one.name for one in rows(world)] == ["backup"] and run("doctor") != 0
    folder.mkdir()
    assert run("backup", str(folder / "2.backup")) == 0
    assert heard(world) == heard(world) == [("backup_failed", "not done"), ("backup_failed", "done again")]
    assert rows(world) == []


def numbers(world):
    """Return the lines of /metrics about duties, as a process shows them that has just begun."""
    shown = metrics.text(health.examine(world.engine, world.clock(), health.Loops()))
    return [line.removeprefix("shoplaunch_duty_") for line in shown.splitlines() if line.startswith("shoplaunch_duty_")]


def test_a_backup_and_a_retention_that_fail_and_when_they_were_done_last_are_numbers(world, run, monkeypatch):
    assert numbers(world) == ['failing{duty="backup"} 0.0', 'failing{duty="retention"} 0.0']
    assert run("backup", str(world.folder / "none" / "1.backup")) == 1
    assert numbers(world) == ['failing{duty="backup"} 1.0', 'failing{duty="retention"} 0.0']
    assert run("backup", str(world.folder / "1.backup")) == 0 and run("prune") == 0
    (made, removed, *failing) = numbers(world)
    assert failing == ['failing{duty="backup"} 0.0', 'failing{duty="retention"} 0.0']
    assert made.startswith('done_timestamp_seconds{duty="backup"} 1')
    assert removed.startswith('done_timestamp_seconds{duty="retention"} 1')


@attack(
    "the file with the passphrase of the nightly backup is gone, or closed to the service",
    "no backup is made without it, and the operator is notified",
)
def test_a_backup_without_its_passphrase_is_mailed(world, run, monkeypatch):
    monkeypatch.setenv("SHOPLAUNCH_BACKUP_PASSPHRASE_FILE", str(world.folder / "passphrase"))
    assert run("backup", str(world.folder / "1.backup")) == 1
    assert heard(world) == [("backup_failed", "not done")]
    assert "passphrase" in world.mail.alarms[0].message
    assert not (world.folder / "1.backup").exists()


@attack(
    "the nightly backup is killed once its file is whole, before that is noted, and the same command runs again",
    "the name is taken, which is no failed backup; a file of yesterday's is one",
)
def test_a_backup_that_is_there_already_is_no_failed_one(world, run):
    file = world.folder / "1.backup"
    assert run("backup", str(file)) == 0
    assert run("backup", str(file)) == 1
    assert rows(world) == []
    made_at = time.time() - 1.1 * DAY
    os.utime(file, (made_at, made_at))
    assert run("backup", str(file)) == 1
    assert [one.name for one in rows(world)] == ["backup"]


@attack("a timer's run of retention fails", "the operator is notified of that, with its reason")
def test_a_run_of_retention_that_fails_is_mailed(world, run, monkeypatch):
    def fail(*_about):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sweep, "run", fail)
    assert run("prune") == 1
    assert ("retention_failed", "not done") in heard(world)
    assert "Input/output error" in world.mail.alarms[0].message


@attack(
    "the timer of backups does not run any more, or what it runs cannot even begin",
    "the operator is notified when none was made for two days, the day after, and then less and less often",
)
def test_a_backup_that_is_late_is_mailed_and_repeated(world):
    # The one before was made while the clock was a year ahead
    for made_at in (world.clock() + 365 * DAY, world.clock() - 1.9 * DAY):
        note = access.Note("command line", retention.BACKED_UP)
        transact(world.engine, lambda made, note=note, made_at=made_at: note.write(made, made_at, None))
    found = []
    for _ in range(10):
        found.append(heard(world).count(("backup_failed", "not done")))
        world.clock.pass_by(DAY)
    assert found == [0, 1, 2, 3, 3, 4, 4, 4, 4, 5]


@attack(
    "something a worker does beside its jobs fails each time",
    "the operator is notified after a quarter of an hour, and of its end",
)
def test_a_chore_that_fails_for_long_is_mailed(world, monkeypatch):
    def fail(*_about):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(chores, "close_bundles", fail)
    assert heard(world) == []
    world.clock.pass_by(CHORE_SECONDS)
    assert heard(world) == heard(world) == [("chores_fail", "not done")]
    assert "closing of bundles" in world.mail.alarms[0].domain
    monkeypatch.undo()
    heard(world)
    assert heard(world)[1:] == [("chores_fail", "done again")] and rows(world) == []


def test_a_chore_of_a_machine_that_is_gone_is_forgotten(world, monkeypatch):
    monkeypatch.setattr(chores, "close_bundles", lambda *_about: 1 / 0)
    heard(world)
    monkeypatch.undo()
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    world.clock.pass_by(GONE_SECONDS + 1)
    assert heard(world) == [] and rows(world) == []


@attack(
    "the mail about it cannot be delivered, two workers come to it at once, or one is killed while it sends it",
    "it is delivered later, and once",
)
def test_the_mail_about_a_duty_is_delivered_once(world, run):
    assert run("backup", str(world.folder / "none" / "1.backup")) == 1
    world.mail.codes = ["mail_failed"]
    assert heard(world) == []
    with reading(world.engine) as connection:
        (read,) = duties.listed(connection)
    claims = [
        transact(world.engine, lambda made: duties.claim_alarm(made, read, world.clock())) for _worker in range(2)
    ]
    assert (claims, heard(world)) == ([True, False], [])
    # The one that claimed it was killed
    world.clock.pass_by(duties.CLAIM_SECONDS)
    assert heard(world) == heard(world) == [("backup_failed", "not done")]


def note(world, state):
    """A command that makes the backup ends: `not done` or `done again`."""

    def work(connection):
        if state == "done again":
            return duties.note_done(connection, "backup", world.clock())
        return duties.note_failure(connection, "backup", "backup_failed", "its disk is full", world.clock())

    transact(world.engine, work)


@attack(
    "a worker is killed once the mail about a duty has left, before that is noted",
    "the mail comes again as the same message; the next day's, and that of its end, are others",
)
def test_the_mail_about_a_duty_that_comes_again_is_the_same_message(world, monkeypatch):
    put_into(world, monkeypatch, world.folder / "mails")
    note(world, "not done")
    with monkeypatch.context() as killed:
        killed.setattr(duties, "alarmed", lambda *_about, **_more: sys.exit("killed"))
        heard(world)
    for seconds in (duties.CLAIM_SECONDS, DAY):
        world.clock.pass_by(seconds)
        heard(world)
    note(world, "done again")
    heard(world)
    found = [one["Message-ID"] for one in mails_of(world.folder / "mails")]
    first, again, *others = (one for one in found if "duty-backup" in one)
    assert first == again and len({first, *others}) == 3


@attack(
    "a duty fails again while the mail that it is done again is being sent, or is done while the first mail is",
    "the operator hears of that too, at once",
)
@pytest.mark.parametrize("during", ["not done", "done again"])
def test_what_becomes_of_a_duty_while_the_mail_about_it_is_sent_is_mailed_too(world, monkeypatch, during):
    send, after = world.mail.alarm, {"not done": "done again", "done again": "not done"}[during]

    def sending(news):
        send(news)
        if news.state == during:
            monkeypatch.setattr(world.mail, "alarm", send)
            world.clock.pass_by(60)
            note(world, after)

    monkeypatch.setattr(world.mail, "alarm", sending)
    note(world, "not done")
    heard(world)
    if during == "done again":
        # It failed for long: the next mail would be as long in coming
        world.clock.pass_by(10 * DAY)
        heard(world)
        note(world, "done again")
        heard(world)
    world.clock.pass_by(60)
    assert [state for _code, state in heard(world)][-2:] == [during, after]
