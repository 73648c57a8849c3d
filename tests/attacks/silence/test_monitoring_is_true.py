"""Monitoring gets the truth: whether jobs move, what waits too long, and that the database fails."""

import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from controller.db import tables
from controller.db.connection.engine import transact
from controller.db.machines import workers
from controller.db.orders import services
from controller.db.orders.services import BilledService
from controller.db.upkeep import health as health_rows
from controller.jobs.engine import chores_thread, presence, worker
from controller.jobs.engine.monitoring import health
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.web.app import create_app
from tests.attacks.silence.service_process import SECONDS
from tests.attacks.table import attack
from tests.support.waiting import wait_until

NOW = 1_800_000_000.0


@pytest.fixture
def asked_of(world):
    """GET a path of the world's web application as monitoring does; the pages are not signed in."""
    pages = create_app(world.config, world.service).test_client()
    return lambda path: pages.get(path, base_url="http://127.0.0.1:8000")


def beat(world, ago=0.0):
    """A worker's loop moved so many seconds ago."""
    transact(world.engine, lambda connection: workers.beat(connection, "w"))
    with world.engine.begin() as connection:
        connection.execute(sa.text("UPDATE workers SET beat_at = beat_at - :ago"), {"ago": ago})


def numbers(answer):
    """Return the metrics without labels and with them, name -> number."""
    rows = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(number) for name, _space, number in rows}


@attack(
    "monitoring asks often while somebody writes for long",
    "it is answered at once from a read, and keeps nobody waiting",
)
def test_readiness_needs_no_write_lock_and_asks_the_database_once(world, asked_of, monkeypatch):
    beat(world)
    loaded = []
    real = ScriptDirectory.from_config
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda *given: (loaded.append(1), real(*given))[1])
    writer = sqlite3.connect(world.engine.url.database, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    sent = []
    sa.event.listen(world.engine, "before_cursor_execute", lambda _c, _k, statement, *_more: sent.append(statement))
    try:
        answers = [asked_of("/readyz") for _ in range(50)]
    finally:
        writer.close()
    assert {answer.status_code for answer in answers} == {200}
    assert not any(text.startswith(("BEGIN IMMEDIATE", "INSERT", "UPDATE", "DELETE")) for text in sent)
    assert sum("FROM workers" in text for text in sent) == 1 and len(loaded) <= 1


@attack("nobody moves jobs, or the loop has stood still", "the installation says that it is not ready, and why")
@pytest.mark.parametrize("ago", [None, 3600.0])
def test_an_installation_whose_loop_is_dead_or_old_is_not_ready(world, asked_of, ago):
    if ago is not None:
        beat(world, ago)
    answer = asked_of("/readyz")
    assert (answer.status_code, answer.json["code"]) == (503, "worker_silent")
    assert numbers(asked_of("/metrics"))["shoplaunch_ready"] == 0
    assert numbers(asked_of("/metrics"))["shoplaunch_loop_age_seconds"] >= 3600


@attack("what a worker does beside its jobs hangs", "the installation says that it is not ready, and since when")
def test_an_installation_whose_chores_hang_is_not_ready(world, asked_of, monkeypatch):
    monkeypatch.setattr(health, "CACHE_SECONDS", 0.0)
    beat(world)
    # As workers of an earlier version do, who say nothing of it
    assert asked_of("/readyz").status_code == 200 and asked_of("/readyz").json["chores_age_seconds"] is None
    transact(world.engine, lambda connection: workers.beat(connection, "w", chores=True))
    assert asked_of("/readyz").status_code == 200
    passed(world, health.MAX_CHORES_SECONDS + 100)
    beat(world)
    fresh = create_app(world.config, Service(Installation(world.config, world.engine, world.keys))).test_client()
    answer = fresh.get("/readyz", base_url="http://127.0.0.1:8000")
    assert (answer.status_code, answer.json["code"]) == (503, "chores_hang")
    known = numbers(fresh.get("/metrics", base_url="http://127.0.0.1:8000"))
    assert known["shoplaunch_ready"] == 0 and known["shoplaunch_chores_age_seconds"] > health.MAX_CHORES_SECONDS


@attack("a chore hangs while the loop goes on", "the worker's sign of it stops, the loop's does not")
def test_a_hanging_chore_stops_its_sign_alone(world, monkeypatch):
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(chores_thread, "CHORES_SECONDS", 0.0)
    leave, hanging = threading.Event(), threading.Event()

    def chores(move):
        move()
        hanging.set()
        leave.wait(SECONDS)

    def signs():
        with world.engine.connect() as connection:
            return [max(one[1] for one in found) if found else None for found in workers.signs(connection)[:2]]

    made = worker.Worker(world.engine, lambda _job: None, chores=chores, end=lambda _why: None)
    made.start()
    try:
        assert hanging.wait(SECONDS)
        # The sign of its last move may still be under way
        wait_until(lambda: signs()[1] is not None)
        loop = signs()[0]
        wait_until(lambda: signs()[0] > loop + 1)
        loop, still = signs()
        wait_until(lambda: signs()[0] > loop + 1)
        assert signs()[1] == still
        leave.set()
        wait_until(lambda: signs()[1] > still)
    finally:
        leave.set()
        assert made.stop(SECONDS)
    assert signs()[1] is None


def test_an_installation_is_ready_while_a_worker_runs(world, running, asked_of, monkeypatch):
    monkeypatch.setattr(health, "CACHE_SECONDS", 0.0)
    wait_until(lambda: asked_of("/readyz").status_code == 200)


def passed(world, seconds):
    """The workers' signs of life are so much older."""
    with world.engine.begin() as connection:
        connection.execute(sa.text("UPDATE workers SET beat_at = beat_at - :seconds"), {"seconds": seconds})


@attack("the worker is restarted in order", "the web stays ready for as long as a minute, and no longer")
def test_a_restart_of_the_worker_takes_no_web_away(world, running, asked_of, monkeypatch):
    monkeypatch.setattr(health, "CACHE_SECONDS", 0.0)
    wait_until(lambda: asked_of("/readyz").status_code == 200)
    running.stop()
    assert asked_of("/readyz").status_code == 200
    passed(world, health.MAX_LOOP_SECONDS - 30)
    assert asked_of("/readyz").status_code == 200
    # A process that has not looked before
    assert health.examine(world.engine, world.clock(), health.Loops()).error is None
    passed(world, 31)
    fresh = health.examine(world.engine, world.clock(), health.Loops())
    assert fresh.error is not None and fresh.error.code == "worker_silent"


class Observer:
    """One who looks again and again at the loops, by a count of its own."""

    def __init__(self, world):
        self.counted, self._world = 500.0, world
        self._loops = health.Loops(lambda: self.counted)

    def age(self, after=5.0):
        self.counted += after
        return health.examine(self._world.engine, self._world.clock(), self._loops).loop_age


@attack("the database's clock is set while a worker runs", "the installation stays ready; a worker that ends is missed")
@pytest.mark.parametrize("seconds", [-120, 120, 7200, -7200])
def test_a_clock_that_is_set_makes_no_worker_silent(world, monkeypatch, seconds):
    ahead = []
    monkeypatch.setattr(workers, "database_now", lambda _connection: time.time() + sum(ahead))
    looking = Observer(world)
    for _ in range(3):
        beat(world)
        assert looking.age() <= 5
    ahead.append(seconds)
    assert looking.age() <= 10
    beat(world)
    assert looking.age() <= 10
    # It ended: no sign comes any more, and the last one is as old as was counted
    ahead.append(seconds)
    assert looking.age() <= 10
    assert looking.age(health.MAX_LOOP_SECONDS) > health.MAX_LOOP_SECONDS


def test_monitoring_gets_what_waits_too_long_and_what_nobody_was_notified_of(world, asked_of):
    world.mail.codes = ["mail_failed"] * 3
    world.panel.fail("ensure_account", "panel_refused")
    world.order()
    world.work()
    world.order(domain="other.example.com", account="bob")
    world.clock.pass_by(700)
    beat(world)
    found = asked_of("/readyz").json
    assert found["status"] == "ok" and found["alarms_undelivered"] == 1
    assert found["oldest_overdue_seconds"] == 700 and found["loop_age_seconds"] < 60
    shown = numbers(asked_of("/metrics"))
    assert shown["shoplaunch_oldest_overdue_seconds"] == 700 and shown["shoplaunch_alarms_undelivered"] == 1


def test_a_job_that_somebody_works_on_is_not_overdue(world, asked_of):
    job = world.order()
    world.clock.pass_by(180)
    held = sa.update(tables.jobs).where(tables.jobs.c.id == job.id)
    held = held.values(lease_owner="w", lease_until=world.clock.now + 90)
    transact(world.engine, lambda connection: connection.execute(held))
    beat(world)
    assert asked_of("/readyz").json["oldest_overdue_seconds"] == 0


@attack("the database fails while monitoring reads the numbers", "they say that the installation is not ready")
def test_the_numbers_say_that_the_database_fails(world, asked_of):
    beat(world)
    with world.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE jobs RENAME TO gone"))
    answer = asked_of("/metrics")
    assert answer.status_code == 200
    assert numbers(answer)["shoplaunch_ready"] == 0
    assert "shoplaunch_jobs{" not in answer.text


@attack("the numbers are asked for often", "the database is asked once in a while")
def test_the_numbers_ask_the_database_once(world, asked_of):
    beat(world)
    world.order()
    first, sent = asked_of("/metrics"), []
    sa.event.listen(world.engine, "before_cursor_execute", lambda _c, _k, statement, *_more: sent.append(statement))
    assert asked_of("/metrics").text == first.text
    assert 'shoplaunch_jobs{state="received"} 1' in first.text
    assert sent == []


@attack("a database stops answering while it is asked how it is", "who asks has an answer before long")
def test_those_who_ask_while_a_look_hangs_get_the_last_answer_and_then_the_truth(world, monkeypatch):
    beat(world)
    ready = health.Readiness(world.engine, world.clock)
    assert ready.current().error is None
    monkeypatch.setattr(health, "CACHE_SECONDS", -1.0)
    entered, leave = threading.Event(), threading.Event()
    monkeypatch.setattr(health, "examine", lambda *_about: (entered.set(), leave.wait(SECONDS)))
    hung = threading.Thread(target=ready.current, daemon=True)
    hung.start()
    try:
        assert entered.wait(SECONDS)
        assert ready.current().error is None
        monkeypatch.setattr(health, "STALE_SECONDS", -1.0)
        assert ready.current().error.code == "database_busy"
    finally:
        leave.set()
        hung.join(SECONDS)


@attack(
    "a billing has announced more orders than anybody checks, which wait for acceptance, and one was forgotten before",
    "all of them are counted, and the forgotten one is seen",
)
def test_every_service_without_a_job_is_counted(world):
    wanted = {"order": {}, "wait_for_acceptance": True}
    many = health_rows.MANY + 200
    known = [
        *(BilledService(f"{number}", wanted=wanted, updated_at=NOW) for number in range(many)),
        BilledService("said", wanted={"wait_for_acceptance": False, "name": '"wait_for_acceptance": true'}),
        BilledService("accepted", wanted=wanted, accepted_at=NOW - 900, updated_at=NOW - 900),
    ]
    transact(world.engine, lambda connection: [services.put(connection, service) for service in known])
    found = health.examine(world.engine, NOW, health.Loops())
    assert (found.waiting, found.forgotten) == (many, 2)
    assert {one.service_id for one in health.forgotten(world.engine, NOW)} == {"said", "accepted"}
