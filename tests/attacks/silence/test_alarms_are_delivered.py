"""An alarm counts as sent when it is delivered: until then it waits, is counted and shown, whatever prevents it."""

from dataclasses import replace

import pytest

from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers, channels, duties, servers
from controller.db.machines.channels import Channel
from controller.db.upkeep import health
from controller.doctor import upkeep
from controller.jobs.intake import chores
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.settings.sections import MailConfig
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.attacks.table import attack


def mailing(world, **settings):
    """The world's news leave by mail with these settings, as after a restart of the service."""
    object.__setattr__(world.config, "mail", MailConfig(folder=str(world.folder / "letters"), **settings))
    world.service = Service(
        Installation(
            world.config, world.engine, world.keys, panel_of=lambda _config, _server: world.panel, clock=world.clock
        )
    )
    world.worker = world.service.jobs.worker()
    return lambda: sorted(path.read_text() for path in world.folder.glob("letters/*.alarm.eml"))


@attack("an installation names no operator", "alarms wait, are counted and shown, and are delivered once it does")
def test_an_alarm_without_an_address_is_not_sent_and_delivered_later(world):
    letters = mailing(world)
    world.panel.fail("ensure_account", "panel_refused")
    job = world.order()
    world.work_later(300, stride=60)
    assert (world.job(job).state, world.job(job).alarm) == ("failed", "wanted")
    (shown,) = world.service.monitoring.undelivered_alarms()
    assert (shown["job"], shown["problem"]["code"]) == (job.id, "operator_missing")
    letters = mailing(world, operator="op@example.com")
    world.work_later(120, stride=60)
    assert world.job(job).alarm == "told" and "panel_refused" in letters()[0] and len(letters()) == 1
    assert world.service.monitoring.undelivered_alarms() == []


def test_a_persian_operator_is_mailed_in_persian(world):
    letters = mailing(world, operator="op@example.com", operator_language="fa")
    world.panel.fail("ensure_account", "panel_refused")
    world.order()
    world.work_later(300, stride=60)
    assert "به رسیدگی شما نیاز دارد" in letters()[0] and "«حساب میزبانی»" in letters()[0]


@attack("an error nobody foresaw keeps an alarm from going out", "the job goes on, and the alarm is tried again")
def test_an_alarm_that_fails_unforeseen_holds_up_neither_its_job_nor_itself(world, monkeypatch):
    real, met = world.mail.alarm, []

    def alarm(news):
        if len(met) < 2:
            met.append(news)
            raise UnicodeEncodeError("ascii", "é", 0, 1, "x")
        real(news)

    monkeypatch.setattr(world.mail, "alarm", alarm)
    job = world.order()
    world.panel.fail("ensure_php", "panel_refused")
    world.work_later(300, stride=60)
    assert world.job(job).alarm == "told" and len(world.mail.alarms) == 1 and len(met) == 2


@attack("the job whose alarm tells of a locked server is cancelled first", "the next job that meets the lock tells")
def test_the_alarm_of_a_locked_server_is_not_lost_with_its_job(world):
    world.mail.codes = ["mail_failed"] * 50
    transact(world.engine, lambda connection: servers.lock(connection, "web1", "refused", world.clock()))
    world.panel.fail("ensure_account", *["panel_auth_failed"] * 50)
    first = world.order()
    world.work()
    assert world.job(first).alarm == "wanted"
    second = world.order(domain="other.example.com", account="bob")
    world.work()
    assert world.job(second).alarm == ""
    world.service.jobs.cancel(first.id)
    world.mail.codes = []
    world.work_later(120, stride=30)
    assert world.job(second).alarm == "told" and len(world.mail.alarms) == 1
    third = world.order(domain="third.example.com", account="carol")
    world.work_later(120, stride=30)
    assert world.job(third).alarm == "" and len(world.mail.alarms) == 1


def test_a_client_reads_that_the_team_knows_only_when_it_does(world):
    pages = create_app(world.config, world.service).test_client()
    world.mail.codes = ["mail_failed"]
    world.panel.fail("ensure_account", "panel_refused")
    job = world.order()
    world.work()
    url = world.status(job)["status_url"].partition("8000")[2]

    def page():
        return pages.get(url, base_url="http://127.0.0.1:8000").text

    assert "has been notified" not in page() and "has to look" in page()
    world.work_later(120, stride=60)
    assert "has been notified" in page()


@attack("the mail server is away for hours", "a job whose alarm waits is no job that has changed since it failed")
def test_an_alarm_that_waits_does_not_make_its_job_a_new_one(world, monkeypatch):
    tries = []

    def alarm(_news):
        tries.append(1)
        raise ShoplaunchError("mail_failed", f"the mail server is away (try {len(tries)})")

    monkeypatch.setattr(world.mail, "alarm", alarm)
    world.panel.fail("ensure_account", "panel_refused")
    failed_at = world.clock()
    job = world.order()
    world.work()
    world.work_later(600, stride=60)
    assert len(tries) >= 9 and world.job(job).alarm == "wanted"
    (shown,) = world.service.monitoring.undelivered_alarms()
    assert shown["since"] == world.job(job).updated_at == failed_at
    assert shown["problem"]["message"].endswith(f"(try {len(tries)})")


@attack(
    "the worker that is about to mail the operator about a server that fails is killed",
    "another one does a quarter of an hour later, once",
)
def test_the_alarm_of_a_failing_server_outlives_its_worker(world):
    def fail(connection):
        breakers.note_failure(connection, "web1", "no answer", world.clock())

    def alarms():
        chores.run(world.service.installation)
        return [one.state for one in world.mail.alarms]

    for _call in range(breakers.FAILURES):
        transact(world.engine, fail)
    world.clock.pass_by(breakers.OUTAGE_SECONDS)
    with reading(world.engine) as connection:
        known = breakers.get(connection, "web1")
    claims = [
        transact(world.engine, lambda made: breakers.claim_alarm(made, known, world.clock())) for _once in range(2)
    ]
    assert (claims, alarms()) == ([True, False], [])
    world.clock.pass_by(breakers.CLAIM_SECONDS)
    assert alarms() == alarms() == ["failing"]


@attack(
    "a job is tried again each time while its alarm is being sent",
    "the job alarms once an hour all the same",
)
def test_a_job_that_is_tried_again_while_its_alarm_is_sent_alarms_once_an_hour(world, monkeypatch):
    job, agent = world.dropped()
    send = world.mail.alarm

    def sending(news):
        send(news)
        world.service.jobs.retry(job.id)

    monkeypatch.setattr(world.mail, "alarm", sending)
    for _ in range(3):
        agent.fail("db_packet")
        world.work()
        if world.job(job).state == "failed":
            world.service.jobs.retry(job.id)
        world.work_later(240, stride=60)
        agent = type(agent)(world, job)
    assert len(world.mail.alarms) == 1


def failing_server(world):
    """A server fails for as long as one that is only restarted does not."""
    for _call in range(breakers.FAILURES):
        transact(world.engine, lambda made: breakers.note_failure(made, "web1", "no answer", world.clock()))
    world.clock.pass_by(breakers.OUTAGE_SECONDS)


def failing_backup(world):
    """The backup has just failed."""
    transact(world.engine, lambda made: duties.note_failure(made, "backup", "backup_failed", "full", world.clock()))


def backup_done_again(world):
    """The operator knows of a backup that failed; it is made again."""
    failing_backup(world)
    chores.run(world.service.installation)
    world.clock.pass_by(60)
    transact(world.engine, lambda made: duties.note_done(made, "backup", world.clock()))


def stopped_roll_out(world):
    """A roll-out has stopped by itself."""
    stopped = Channel("stable", "1", "2", 1, 0.0, world.clock(), "more jobs fail", "wanted")
    transact(world.engine, lambda made: channels.write(made, stopped))


@attack(
    "the alarm of a server, of the backup or of a stopped roll-out cannot be delivered",
    "it is counted as those of jobs are, until it is delivered",
)
@pytest.mark.parametrize("happens", [failing_server, failing_backup, backup_done_again, stopped_roll_out])
def test_an_alarm_of_no_job_that_is_not_delivered_is_counted(world, monkeypatch, happens):
    monkeypatch.setattr(upkeep, "database_now", lambda _connection: world.clock())

    def counted():
        with reading(world.engine) as connection:
            return health.alarms_wanted(connection, world.clock()).total

    assert counted() == 0
    happens(world)
    assert counted() == 1
    world.mail.codes = ["mail_failed"]
    chores.run(world.service.installation)
    url = world.engine.url.render_as_string(hide_password=False)
    (check,) = upkeep.alarms(replace(world.config, database_url=url))
    assert (counted(), world.service.monitoring.health().alarms, check.ok) == (1, 1, False)
    chores.run(world.service.installation)
    assert counted() == 0


def test_an_alarm_that_is_not_due_yet_is_not_counted(world):
    transact(world.engine, lambda made: breakers.note_failure(made, "web1", "no answer", world.clock()))
    name = f"roll-outs{duties.ON}web"
    transact(world.engine, lambda made: duties.note_failure(made, name, "chores_fail", "full", world.clock()))
    for seconds, count in ((duties.CHORE_SECONDS - 1, 0), (1, 1)):
        world.clock.pass_by(seconds)
        with reading(world.engine) as connection:
            assert health.alarms_wanted(connection, world.clock()).total == count
