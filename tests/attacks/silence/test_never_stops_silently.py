"""It never stops silently: the loop goes on whatever it meets, or its process ends and says so; monitoring sees it."""

import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from controller.db import due, leases
from controller.db.connection.engine import make_engine
from controller.jobs.engine import job_runner, worker
from controller.jobs.lifecycle import lease, plan
from controller.panels.cpanel.api import whm
from shared.errors import ShoplaunchError
from tests.attacks.silence.service_process import SECONDS, Process
from tests.attacks.table import attack
from tests.support.state.state_database import make_tables
from tests.support.waiting import wait_until
from tests.support.worlds.world import World


class Gone(BaseException):
    """Something that ends threads."""


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
    wait_until(lambda: len(refused) >= 3)
    assert world.job(job).state == "received"
    enough.set()
    wait_until(lambda: is_dropped(world, job))


@pytest.mark.sampled(of=2)
@attack("whatever error looking for due jobs can meet", "the loop goes on and looks again")
@pytest.mark.parametrize(
    "problem",
    [RuntimeError("can't start new thread"), MemoryError(), sa.exc.InterfaceError("s", {}, ValueError()),
     OSError(28, "no space"), ShoplaunchError("database_damaged", "x"), SystemExit(1), KeyboardInterrupt(), Gone()],
    ids=lambda problem: type(problem).__name__,
)  # fmt: skip
def test_the_loop_outlives_whatever_looking_for_jobs_meets(world, running, monkeypatch, problem):
    real, met = due.servers, []

    def look(*about):
        if len(met) < 3:
            met.append(problem)
            raise problem
        return real(*about)

    monkeypatch.setattr(due, "servers", look)
    job = world.order()
    wait_until(lambda: is_dropped(world, job))
    assert len(met) == 3


@attack("a step ends its thread by what is no ordinary error", "it is logged, its job is put off, other jobs go on")
def test_an_ended_thread_is_reported_and_its_job_put_off(world, running, caplog):
    times = []

    def die():
        times.append(world.clock())
        world.panel.before.clear()
        raise Gone

    world.panel.before["ensure_account"] = die
    job = world.order()
    wait_until(lambda: f"job {job.id} could not be moved on" in caplog.text)
    wait_until(lambda: world.job(job).wake_at == world.clock() + job_runner.TROUBLE_SECONDS)
    other = world.order(domain="other.example.com", account="bob")
    wait_until(lambda: is_dropped(world, other))
    assert len(times) == 1 and world.job(job).state == "preparing"
    world.clock.pass_by(job_runner.TROUBLE_SECONDS + 1)
    wait_until(lambda: is_dropped(world, job))


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
    real, met = leases.renew, []

    def renew(*about, **more):
        if not met:
            met.append(1)
            raise MemoryError
        return real(*about, **more)

    monkeypatch.setattr(leases, "renew", renew)
    entered, leave = threading.Event(), threading.Event()
    world.panel.before["ensure_account"] = lambda: (entered.set(), leave.wait(SECONDS))
    job = world.order()
    first = threading.Thread(target=world.worker.advance, args=(job.id,))
    first.start()
    assert entered.wait(SECONDS)
    try:
        world.clock.pass_by(lease.SECONDS - 1)
        until = world.clock() + lease.SECONDS
        wait_until(lambda: met and world.job(job).lease_until >= until)
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
    """Make the installation that tests.attacks.silence.service_process runs in `folder`; return its World."""
    engine = make_engine(f"sqlite:///{folder}/state.db")
    make_tables(engine)
    world = World(folder, engine)
    world.clock.now = time.time()
    return world


@pytest.fixture
def process(tmp_path):
    """Start `shoplaunch serve` or `worker` with a trick (tests.attacks.silence.service_process)."""
    made = []
    worlds = [installation(tmp_path)]

    def start(trick, *command, **more):
        made.append(Process(tmp_path, trick, *command, **more))
        return made[0], worlds[0]

    yield start
    for one in made:
        one.remove()
    for one in worlds:
        one.close()
        one.engine.dispose()


#: Which unit of packaging/systemd runs it.
UNITS = {"worker": "worker", "serve": "web"}
PORT = re.compile(r"127\.0\.0\.1:[0-9]+")
COMMANDS = {"worker": ["worker"], "serve": ["serve", "--bind", "127.0.0.1:0"]}


@attack(
    "the worker's loop hangs, ends or only fails, or what it does beside its jobs hangs",
    "its process ends with code 70 and says why",
)
@pytest.mark.sampled(of=2, each=("trick",))
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("trick", "why"),
    [("hung_loop", "it has not moved"), ("dead_loop", "its thread has ended"), ("failing_loop", "times in a row"),
     ("hung_chores", "what belongs to no job has not moved")],
)  # fmt: skip
def test_a_process_whose_loop_cannot_go_on_ends_and_says_so(process, command, trick, why):
    started, _world = process(trick, *COMMANDS[command])
    assert started.ended() == 70, started.output()
    assert "the worker cannot go on" in started.output() and why in started.output()


@pytest.mark.sampled(of=2)
@attack("a panel never answers while the service is asked to end", "it ends in time; the job's lease keeps others away")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_hung_call_keeps_no_service_from_ending(process, tmp_path, command):
    started, world = process("hung_step", *COMMANDS[command])
    job = world.order()
    wait_until((tmp_path / "asked").exists, seconds=SECONDS)
    assert started.stopped(UNITS[command]) == 0, started.output()
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


@attack("a request that is never answered is under way while the web server is asked to end", "it ends in time")
@pytest.mark.parametrize(
    ("trick", "more", "said"),
    [
        ("hung_request", [], "requests that are not answered yet are cut off"),
        ("hung_request", ["--no-worker"], "requests that are not answered yet are cut off"),
        ("hung_request_and_step", [], "steps under way are cut off"),
    ],
    ids=["with a worker", "alone", "with a worker whose step hangs"],
)
def test_a_hung_request_keeps_no_web_server_from_ending(process, tmp_path, trick, more, said):
    started, world = process(trick, "serve", "--bind", "127.0.0.1:0", *more)
    wait_until(lambda: PORT.search(started.output()), seconds=SECONDS)
    if trick == "hung_request_and_step":
        world.order()
        wait_until((tmp_path / "asked").exists, seconds=SECONDS)
        (tmp_path / "asked").unlink()
    address = PORT.search(started.output())[0]
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(requests.get, f"http://{address}/metrics", timeout=SECONDS)
        wait_until((tmp_path / "asked").exists, seconds=SECONDS)
        assert started.stopped("web") == 0, started.output()
        # By itself: what it does in the end, such as taking back its sign of life, is done
        assert said in started.output()
        with pytest.raises(requests.RequestException):
            asking.result(SECONDS)


@attack("the disk of its log is full when a worker is started, and later", "it works all the same, and ends when asked")
def test_a_worker_whose_log_takes_nothing_works(process, tmp_path):
    started, world = process("hung_step", "worker", log=Path("/dev/full"))
    world.order()
    wait_until((tmp_path / "asked").exists, seconds=SECONDS)
    assert started.stopped("worker") == 0


@attack("the broker hangs while a worker is asked to end", "it has worked without, and ends in time")
def test_a_hung_broker_keeps_no_worker_from_ending(process, tmp_path):
    started, world = process("hung_broker", "worker")
    job = world.order()
    wait_until(lambda: (tmp_path / "asked").exists() and is_dropped(world, job), seconds=SECONDS)
    assert started.stopped("worker") == 0, started.output()


@attack("the state database hangs while a worker is asked to end", "it ends in time")
def test_a_hung_state_database_keeps_no_worker_from_ending(process, tmp_path):
    started, _world = process("hung_database", "worker")
    wait_until(lambda: "working as" in started.output(), seconds=SECONDS)
    (tmp_path / "hangs").touch()
    wait_until((tmp_path / "asked").exists, seconds=SECONDS)
    assert started.stopped("worker") == 0, started.output()


@attack("a worker hangs in its very end, whatever it waits for", "the kernel ends it in time")
def test_a_worker_that_hangs_in_its_end_is_ended(process):
    started, _world = process("hung_end", "worker")
    wait_until(lambda: "working as" in started.output(), seconds=SECONDS)
    assert started.stopped("worker") == -signal.SIGALRM, started.output()


@attack("a service is stopped while it tells of refused orders", "it ends what it has begun, or is cut off in time")
def test_stopping_waits_for_what_belongs_to_no_job(world):
    entered, leave, ended = threading.Event(), threading.Event(), []

    def chores(_move):
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
        wait_until(lambda: given and given[-1].is_set())
    made.start()
    wait_until(lambda: len(given) == 3)
    try:
        assert [one.is_set() for one in given] == [True, True, False]
    finally:
        made.stop(SECONDS)
