"""What a killed worker of this machine held is soon another's, but for what its requests may still be doing."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from controller.db import jobs, leases, steps
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import slots
from controller.jobs.engine import local_workers
from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from controller.jobs.engine.killed_workers import KilledWorkers
from controller.jobs.engine.local_workers import LocalWorkers
from controller.jobs.engine.presence import is_gone
from controller.jobs.lifecycle import lease, plan
from controller.jobs.lifecycle.wakeup import Wakeup
from shared.errors import ShoplaunchError
from tests.integration.controller.engine.capacity.test_visits_first import finish
from tests.integration.controller.rows import NOW, add_job, read
from tests.support.waiting import WAIT_SECONDS, wait_until

#: A request for an account may be under way, which takes minutes.
MAKING = {"made_account": "maybe"}
PROJECT = Path(__file__).parents[5]
LISTEN = """
import sys, time
from pathlib import Path
from controller.jobs.engine.presence import process_name
from controller.jobs.lifecycle.wakeup import Wakeup

name = process_name()
listener = Wakeup(Path(sys.argv[1])).listen(name)
print(name, flush=True)
sys.stdin.readline()
listener.close()
"""


class Neighbour:
    """A process that listens as a worker does, in `folder`; `name` is what its leases begin with."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, "-c", LISTEN, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=PROJECT,
        )  # fmt: skip
        self.name = self._process.stdout.readline().strip()

    def end(self, number=signal.SIGKILL):
        """Kill it, or with SIGTERM let it end as a worker does that was asked to."""
        if number == signal.SIGKILL:
            self._process.send_signal(number)
        self._process.communicate("", timeout=60)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "wakeups"


@pytest.fixture
def neighbour(folder):
    made = Neighbour(folder)
    yield made
    made.end()


def hold(engine, worker, job_id="job00001", until=NOW + lease.SECONDS, running=("check", "tls"), **values):
    """The worker holds a new job, whose steps are `running`, and one of the server's slots."""
    values = {"state": "finishing", "wake_at": NOW - 1, "domain": f"{job_id}.example.com", "account": job_id, **values}
    add_job(engine, job_id, lease_owner=f"{worker}:11111111", lease_until=until, lock_name=job_id * 3, **values)

    def work(connection):
        steps.insert(connection, job_id, plan.PLAN)
        for name in running:
            steps.update(connection, job_id, name, state="running")
        slots.make(connection, "web1", PER_SERVER)
        return slots.take(connection, "web1", PER_SERVER, f"{worker}:22{job_id[-6:]}", Moment(NOW, NOW), until)

    assert transact(engine, work) is not None


def take_over(engine, folder):
    KilledWorkers(engine, Wakeup(folder), lambda: NOW).take_over()


def held_until(engine):
    """Return until when (the jobs, the slots) are held."""
    with reading(engine) as connection:
        rows = [jobs.get(connection, one) for one in jobs_of(connection)]
        return [row.lease_until - NOW for row in rows], sorted(row.until - NOW for row in slots.held(connection))


def jobs_of(connection):
    return sorted(one.id for one in jobs.listed(connection, None, 9, 0))


def test_a_killed_workers_visit_is_another_ones_at_once(engine, folder, neighbour):
    hold(engine, neighbour.name)
    take_over(engine, folder)
    assert held_until(engine) == ([lease.SECONDS], [lease.SECONDS])
    neighbour.end()
    take_over(engine, folder)
    assert held_until(engine) == ([0.0], [0.0])
    assert list(folder.iterdir()) == []


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    ("running", "more", "seconds"),
    [
        pytest.param(("database", "database_user", "php"), {"state": "preparing"}, plan.SETTLED, id="databases"),
        pytest.param(("drop",), {"state": "preparing"}, plan.SETTLED, id="uploads"),
        pytest.param((), {"state": "received"}, 0.0, id="nothing"),
        pytest.param(("account",), {"state": "preparing"}, plan.SETTLED, id="an account is looked for"),
        pytest.param(("account",), {"state": "preparing", "facts": MAKING}, lease.SECONDS, id="an account is made"),
        pytest.param(("notify",), {"state": "live"}, lease.SECONDS, id="a mail is sent once"),
        pytest.param(("check",), {"alarm": "wanted"}, lease.SECONDS, id="an alarm"),
        pytest.param(("cron",), {"state": "cancelled"}, lease.SECONDS, id="an end"),
        pytest.param((), {"state": "restoring", "heard_at": NOW - 1}, 0.0, id="an agent at work"),
        pytest.param((), {"state": "restoring", "heard_at": NOW - 9000}, lease.SECONDS, id="a probe"),
    ],
)
def test_what_a_killed_workers_requests_may_still_do_is_waited_for(engine, folder, neighbour, running, more, seconds):
    hold(engine, neighbour.name, running=running, **more)
    neighbour.end()
    take_over(engine, folder)
    assert held_until(engine) == ([seconds], [seconds])


def test_each_job_that_others_must_wait_for_keeps_one_slot(engine, folder, neighbour):
    hold(engine, neighbour.name, "job00001", running=("account",), state="preparing", facts=MAKING)
    hold(engine, neighbour.name, "job00002")
    hold(engine, neighbour.name, "job00003")
    neighbour.end()
    take_over(engine, folder)
    assert held_until(engine) == ([lease.SECONDS, 0.0, 0.0], [0.0, 0.0, lease.SECONDS])


def test_a_lease_that_a_worker_extended_before_it_ended_stays(engine, folder, neighbour):
    hold(engine, neighbour.name, until=NOW + 600)
    neighbour.end()
    take_over(engine, folder)
    assert held_until(engine) == ([600], [600])


def test_who_ended_by_itself_or_works_on_another_machine_keeps_its_leases(engine, folder, neighbour):
    elsewhere = Neighbour(folder)
    hold(engine, neighbour.name, "job00001")
    name = f"elsewhere:{elsewhere.name.partition(':')[2]}"
    hold(engine, name, "job00002")
    elsewhere.end()
    neighbour.end(signal.SIGTERM)
    take_over(engine, folder)
    assert held_until(engine) == ([lease.SECONDS] * 2, [lease.SECONDS] * 2)
    assert not is_gone(name) and not is_gone("nonsense")


def test_a_worker_whose_socket_is_gone_but_whose_process_goes_on_keeps_its_leases(engine, folder, neighbour):
    hold(engine, neighbour.name)
    (socket,) = folder.iterdir()
    socket.rename(folder / "kept")
    other = Neighbour(folder)
    other.end()
    (ended,) = folder.glob("worker-*")
    ended.rename(socket)
    take_over(engine, folder)
    assert held_until(engine) == ([lease.SECONDS], [lease.SECONDS])


def test_a_finished_shop_whose_visitor_was_killed_is_visited_at_the_next_look(world):
    job, agent = world.dropped()
    finish(world, job, agent)
    killed = Neighbour(world.config.wakeups)
    now = world.clock()

    def take(connection):
        leases.take(connection, job.id, f"{killed.name}:1", now, now + lease.SECONDS)
        steps.update(connection, job.id, "check", state="running")
        slots.take(connection, "web1", PER_SERVER, f"{killed.name}:2", Moment(now, now), now + lease.SECONDS)

    transact(world.engine, take)
    killed.end()
    world.worker._round()
    try:
        wait_until(lambda: world.job(job).state == "live")
    finally:
        world.worker.stop()


def test_a_visit_that_an_end_cuts_off_is_another_ones_as_soon_as_a_killed_workers(world):
    job, agent = world.dropped()
    finish(world, job, agent)
    visiting, leave, left = threading.Event(), threading.Event(), []
    world.panel.before["ensure_php"] = lambda: (visiting.set(), leave.wait(WAIT_SECONDS))
    worker = world.service.jobs.worker(lambda _why: left.append(world.job(job)))
    first = threading.Thread(target=worker.advance, args=(job.id,))
    first.start()
    try:
        assert visiting.wait(WAIT_SECONDS)
        worker._give_up("it is asked to end, and the visit goes on")
        assert left[0].lease_owner is not None and left[0].lease_until <= world.clock() + lease.SECONDS
    finally:
        leave.set()
        first.join(WAIT_SECONDS)


def test_a_database_that_is_away_keeps_the_killed_workers_in_mind(engine, folder, neighbour, monkeypatch):
    hold(engine, neighbour.name)
    neighbour.end()
    own, real = LocalWorkers("own", Wakeup(folder), engine, lambda: NOW), slots.held
    monkeypatch.setattr(local_workers, "LOOK_SECONDS", 0.0)

    def away(_connection):
        raise ShoplaunchError("database_busy", "the controller's database: away")

    monkeypatch.setattr(slots, "held", away)
    own.take_over()
    assert read(engine).lease_until == NOW + lease.SECONDS
    monkeypatch.setattr(slots, "held", real)
    own.take_over()
    assert read(engine).lease_until == NOW


def test_the_look_for_killed_workers_rests_in_between(folder, engine):
    own, looks = LocalWorkers("own", Wakeup(folder), engine, time.time), []
    own._killed.take_over = lambda: looks.append(1)
    own.take_over()
    own.take_over()
    assert len(looks) == 1
