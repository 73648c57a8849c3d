"""It never stops silently: the loop goes on whatever it meets, or its process ends and says so; monitoring is told."""

import signal
import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from controller.db import jobs, tables, workers
from controller.db.engine import make_engine, transact
from controller.db.migrate import upgrade
from controller.jobs import lease, worker
from controller.jobs.engine import health
from controller.jobs.steps import plan
from controller.panels.cpanel import whm
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.attacks.service_process import SECONDS, Process
from tests.attacks.table import attack
from tests.integration.controller.world import World, eventually


class Gone(BaseException):
    """Something that ends threads."""


@pytest.fixture
def running(world, monkeypatch):
    """The world's worker, at work; should its loop end, the test goes on."""
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    world.worker = world.service.worker(lambda _why: None)
    world.worker.start()
    yield world.worker
    world.worker.stop()


def no_threads_for(monkeypatch, names):
    """The machine starts no thread whose name begins so, until the returned event is set; the list tells of each."""
    start, refused, enough = threading.Thread.start, [], threading.Event()

    def refuse(thread):
        if thread.name.startswith(names) and not enough.is_set():
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    return refused, enough


def is_dropped(world, job):
    return world.job(job).state == "dropped"


@attack("the machine has no thread left when a job is due", "the loop goes on, and the job is done once there is one")
def test_the_loop_outlives_a_machine_without_threads(world, running, monkeypatch):
    refused, enough = no_threads_for(monkeypatch, ("job",))
    job = world.order()
    eventually(lambda: len(refused) >= 3)
    assert world.job(job).state == "received"
    enough.set()
    eventually(lambda: is_dropped(world, job))


@attack("whatever error looking for due jobs can meet", "the loop goes on and looks again")
@pytest.mark.parametrize(
    "problem",
    [RuntimeError("can't start new thread"), MemoryError(), sa.exc.InterfaceError("s", {}, ValueError()),
     OSError(28, "no space"), ShoplaunchError("database_damaged", "x"), SystemExit(1), KeyboardInterrupt(), Gone()],
    ids=lambda problem: type(problem).__name__,
)  # fmt: skip
def test_the_loop_outlives_whatever_looking_for_jobs_meets(world, running, monkeypatch, problem):
    real, met = jobs.due, []

    def due(*about):
        if len(met) < 3:
            met.append(problem)
            raise problem
        return real(*about)

    monkeypatch.setattr(jobs, "due", due)
    job = world.order()
    eventually(lambda: is_dropped(world, job))
    assert len(met) == 3


@attack("a step ends its thread by what is no ordinary error", "it is logged, its job is put off, other jobs go on")
def test_a_thread_that_is_ended_is_told_of_and_its_job_put_off(world, running, caplog):
    times = []

    def die():
        times.append(world.clock())
        world.panel.before.clear()
        raise Gone

    world.panel.before["ensure_account"] = die
    job = world.order()
    eventually(lambda: f"job {job.id} could not be moved on" in caplog.text)
    eventually(lambda: world.job(job).wake_at == world.clock() + worker.TROUBLE_SECONDS)
    other = world.order(domain="other.example.com", account="bob")
    eventually(lambda: is_dropped(world, other))
    assert len(times) == 1 and world.job(job).state == "preparing"
    world.clock.pass_by(worker.TROUBLE_SECONDS + 1)
    eventually(lambda: is_dropped(world, job))


@attack("no thread is left to renew a job's lease", "nobody holds the job, and it is tried again")
def test_a_lease_that_nobody_can_renew_is_given_back(world, monkeypatch):
    job = world.order()
    _refused, enough = no_threads_for(monkeypatch, ("Thread-", "lease"))
    with pytest.raises(RuntimeError):
        world.worker.advance(job.id)
    assert world.job(job).lease_owner is None
    enough.set()
    assert world.worker.advance(job.id)
    assert is_dropped(world, job)


@attack("renewing a lease meets an error nobody foresaw", "it is renewed at the next time; nobody else gets the job")
def test_a_lease_is_renewed_again_after_whatever_a_renewal_met(world, monkeypatch):
    monkeypatch.setattr(lease, "RENEWALS", 600)
    real, met = jobs.renew_lease, []

    def renew(*about, **more):
        if not met:
            met.append(1)
            raise MemoryError
        return real(*about, **more)

    monkeypatch.setattr(jobs, "renew_lease", renew)
    entered, leave = threading.Event(), threading.Event()
    world.panel.before["ensure_account"] = lambda: (entered.set(), leave.wait(SECONDS))
    job = world.order()
    first = threading.Thread(target=world.worker.advance, args=(job.id,))
    first.start()
    assert entered.wait(SECONDS)
    try:
        world.clock.pass_by(lease.SECONDS - 1)
        until = world.clock() + lease.SECONDS
        eventually(lambda: met and world.job(job).lease_until >= until)
    finally:
        leave.set()
        first.join(SECONDS)
    assert is_dropped(world, job)


@attack("the machine has no thread left for steps side by side", "they run one after the other")
def test_steps_run_one_after_the_other_where_there_are_no_threads(world, monkeypatch):
    refused, _enough = no_threads_for(monkeypatch, ("step", "ThreadPool"))
    job = world.order()
    world.work()
    assert is_dropped(world, job) and refused


@attack("a step meets the end of memory or threads", "the step is tried again by itself")
@pytest.mark.parametrize("problem", [MemoryError(), RuntimeError("can't start new thread")], ids=repr)
def test_a_step_that_lacked_memory_or_threads_is_tried_again(world, problem):
    def fail():
        world.panel.before.clear()
        raise problem

    world.panel.before["ensure_php"] = fail
    job = world.order()
    world.work_later(120, stride=10)
    assert is_dropped(world, job)


def installation(folder):
    """Make the installation that tests.attacks.service_process runs in `folder`; return its World."""
    engine = make_engine(f"sqlite:///{folder}/state.db")
    upgrade(engine)
    world = World(folder, engine)
    world.clock.now = time.time()
    return world


@pytest.fixture
def process(tmp_path):
    """Start `shoplaunch serve` or `worker` with a trick (tests.attacks.service_process)."""
    made = []
    worlds = [installation(tmp_path)]

    def start(trick, *command):
        made.append(Process(tmp_path, trick, *command))
        return made[0], worlds[0]

    yield start
    for one in made:
        one.remove()
    for one in worlds:
        one.close()
        one.engine.dispose()


COMMANDS = {"worker": ["worker"], "serve": ["serve", "--bind", "127.0.0.1:0"]}


@attack("the worker's loop hangs, ends or only fails", "its process ends with code 70 and says why")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("trick", "why"),
    [("hung_loop", "it has not moved"), ("dead_loop", "its thread has ended"), ("failing_loop", "times in a row")],
)
def test_a_process_whose_loop_cannot_go_on_ends_and_says_so(process, command, trick, why):
    started, _world = process(trick, *COMMANDS[command])
    assert started.ended() == 70, started.told()
    assert "the worker cannot go on" in started.told() and why in started.told()


@attack("a panel never answers while the service is asked to end", "it ends in time; the job's lease keeps others away")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_hung_call_keeps_no_service_from_ending(process, tmp_path, command):
    started, world = process("hung_step", *COMMANDS[command])
    job = world.order()
    eventually((tmp_path / "asked").exists, SECONDS)
    started.signal(signal.SIGTERM)
    assert started.ended() == 0, started.told()
    left = world.job(job)
    # What the panel may still be doing nobody begins anew before the lease is over
    longest = plan.PLAN["account"].longest
    assert left.lease_owner is not None and time.time() + whm.LONG_SECONDS < left.lease_until
    assert left.lease_until <= time.time() + longest
    world.clock.now = time.time()
    assert world.worker.run_due() == 0
    world.clock.now = left.lease_until + 1
    world.work()
    assert is_dropped(world, job)


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


def test_an_installation_is_ready_while_a_worker_runs(world, running, asked_of, monkeypatch):
    monkeypatch.setattr(health, "CACHE_SECONDS", 0.0)
    eventually(lambda: asked_of("/readyz").status_code == 200)


def passed(world, seconds):
    """The workers' signs of life are so much older."""
    with world.engine.begin() as connection:
        connection.execute(sa.text("UPDATE workers SET beat_at = beat_at - :seconds"), {"seconds": seconds})


@attack("the worker is restarted in order", "the web stays ready for as long as a minute, and no longer")
def test_a_restart_of_the_worker_takes_no_web_away(world, running, asked_of, monkeypatch):
    monkeypatch.setattr(health, "CACHE_SECONDS", 0.0)
    eventually(lambda: asked_of("/readyz").status_code == 200)
    running.stop()
    assert asked_of("/readyz").status_code == 200
    passed(world, health.MAX_LOOP_SECONDS - 30)
    assert asked_of("/readyz").status_code == 200
    passed(world, 31)
    # A process that has not looked before
    fresh = health.look(world.engine, world.clock(), health.Loops())
    assert fresh.error is not None and fresh.error.code == "worker_silent"


class Looking:
    """One who looks again and again at the loops, by a count of its own."""

    def __init__(self, world):
        self.counted, self._world = 500.0, world
        self._loops = health.Loops(lambda: self.counted)

    def age(self, after=5.0):
        self.counted += after
        return health.look(self._world.engine, self._world.clock(), self._loops).loop_age


@attack("the database's clock is set while a worker runs", "the installation stays ready; a worker that ends is missed")
@pytest.mark.parametrize("seconds", [-120, 120, 7200, -7200])
def test_a_clock_that_is_set_makes_no_worker_silent(world, monkeypatch, seconds):
    ahead = []
    monkeypatch.setattr(workers, "database_now", lambda _connection: time.time() + sum(ahead))
    looking = Looking(world)
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


def test_monitoring_is_told_what_waits_too_long_and_what_nobody_was_told(world, asked_of):
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


@attack("a database stops answering while it is asked how it is", "who asks waits for nobody, and is told before long")
def test_those_who_ask_while_a_look_hangs_get_the_last_answer_and_then_the_truth(world, monkeypatch):
    beat(world)
    ready = health.Readiness(world.engine, world.clock)
    assert ready.current().error is None
    monkeypatch.setattr(health, "CACHE_SECONDS", -1.0)
    entered, leave = threading.Event(), threading.Event()
    monkeypatch.setattr(health, "look", lambda *_about: (entered.set(), leave.wait(SECONDS)))
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


@attack("a service is stopped while it tells of refused orders", "it ends what it has begun, or is cut off in time")
def test_stopping_waits_for_what_belongs_to_no_job(world):
    entered, leave, ended = threading.Event(), threading.Event(), []

    def chores():
        entered.set()
        leave.wait(SECONDS)
        ended.append(1)

    made = worker.Worker(world.engine, lambda _job: None, chores=chores, end=lambda _why: None)
    made.start()
    assert entered.wait(SECONDS)
    assert not made.stop(0.1)
    later = threading.Timer(0.3, leave.set)
    later.start()
    assert made.stop(SECONDS) and ended == [1]


def test_a_worker_that_is_started_again_brings_no_old_watch_back_to_life(world, monkeypatch):
    given = []
    monkeypatch.setattr(worker.Watchdog, "watch", lambda _dog, stopping: given.append(stopping))
    made = worker.Worker(world.engine, lambda _job: None, end=lambda _why: None)
    for _ in range(2):
        made.start()
        assert made.stop(SECONDS)
        eventually(lambda: given and given[-1].is_set())
    made.start()
    eventually(lambda: len(given) == 3)
    try:
        assert [one.is_set() for one in given] == [True, True, False]
    finally:
        made.stop(SECONDS)
