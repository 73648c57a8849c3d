"""One clock, the database's: machines that are ahead or behind, and clocks that are set, end no agent's attempt, tell
no client twice, run no step twice.

Of each test some cases run every day on each kind of database. How far clocks are ahead or behind takes turns: a
kind meets one or two values a day, and all within six days. All of them run in a night.
"""

import os
import signal

import pytest

from controller.db.connection import clock as database_clock
from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, transact
from controller.db.machines import breakers
from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from tests.attacks.clocks.clock_process import SECONDS, SharedWorld
from tests.attacks.table import attack
from tests.support.machine.shifted_clock import ShiftedClock
from tests.support.servers.databases import mariadb, postgresql
from tests.support.state.state_database import KINDS, make_tables, new_url, url_at
from tests.support.waiting import wait_until
from tests.support.worlds.world import DOMAIN

PREPARES, NOTIFIES = "ensure_account:alice", f"hand_over:{DOMAIN}"
#: Databases that have a clock of their own.
OF_SERVERS = pytest.mark.parametrize("kind", KINDS[1:])


def installation(folder, url):
    """Return a SharedWorld in `folder` on the new database at `url`."""
    engine = make_engine(url)
    make_tables(engine)
    engine.dispose()
    return SharedWorld(folder, url)


@pytest.fixture
def shared(request, tmp_path, kind):
    made = installation(tmp_path, new_url(request, tmp_path, kind))
    yield made
    made.close()


@pytest.fixture
def clock(tmp_path):
    """Make the clock of a process, so many seconds from the machine's."""
    return lambda name, seconds: ShiftedClock(tmp_path / f"clock-{name}", seconds)


def begin(shared, holder, other):
    """A worker with clock `holder` stays within the preparation of a job; one with clock `other` looks for work."""
    shared.start("holder", holder.environment, PREPARES, NOTIFIES)
    job = shared.order()
    shared.is_in(PREPARES)
    process = shared.start("other", other.environment)
    shared.more("looks", "other")
    return job, process


def ends_once(shared, job, other):
    """Let the job end; its agent reports, and the other worker has looked for work while the client is notified."""
    shared.go(PREPARES)
    wait_until(lambda: shared.job(job).state == "dropped", seconds=SECONDS)
    other.send_signal(signal.SIGSTOP)
    shared.play_agent(job)
    shared.is_in(NOTIFIES)
    other.send_signal(signal.SIGCONT)
    shared.more("looks", "other")
    shared.more("renewals", "holder")
    shared.go(NOTIFIES)
    shared.until_ended(job)
    assert shared.job(job).state == "live"
    assert shared.notes.calls("ensure_account", "alice") == ["holder"]
    assert shared.notes.calls("hand_over", DOMAIN) == ["holder"]
    assert {name: row.attempts for name, row in shared.steps(job).items()} == dict.fromkeys(shared.steps(job), 1)


@attack(
    "the machines of two workers are ahead of the database's, or behind it",
    "each report counts, each step runs once, and the client is notified once",
)
@pytest.mark.sampled(of=6, each=("kind",))
@OF_SERVERS
@pytest.mark.parametrize("seconds", [1, 2, 120, -1, -2, -120])
@pytest.mark.parametrize("who", ["holder", "other"])
def test_clocks_of_workers_that_differ_cost_nothing(shared, clock, who, seconds):
    skews = {"holder": 0, "other": 0, who: seconds}
    job, other = begin(shared, clock("holder", skews["holder"]), clock("other", skews["other"]))
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    ends_once(shared, job, other)


@attack("a worker's clock is set back or forward while it works", "nobody takes its job, and it takes nobody's")
@pytest.mark.sampled(of=4, each=("kind",))
@OF_SERVERS
@pytest.mark.parametrize(("who", "seconds"), [("holder", -120), ("holder", 120), ("other", 120), ("other", -120)])
def test_a_workers_clock_that_is_set_costs_nothing(shared, clock, who, seconds):
    clocks = {name: clock(name, 0) for name in ("holder", "other")}
    job, other = begin(shared, clocks["holder"], clocks["other"])
    clocks[who].set(seconds)
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    ends_once(shared, job, other)


@pytest.fixture
def moody(tmp_path, kind, monkeypatch):
    """(an installation on a server of its own, that server's clock)."""
    servers = {"mariadb": mariadb, "postgresql": postgresql}[kind]
    server = servers.start_private()
    server.stop()
    clock = ShiftedClock(server.directory / "clock")
    with monkeypatch.context() as environment:
        for name, value in clock.environment.items():
            environment.setenv(name, value)
        server.start()
    # This process sees at once how it was set
    monkeypatch.setattr(database_clock, "FRESH_SECONDS", 0.0)
    made = installation(tmp_path, url_at(server) if kind == "mariadb" else server.url(server.new_database()))
    yield made, clock
    made.close()
    servers.stop_private(server)


@attack(
    "the database's clock is set forward or back while workers work whose own are ahead and behind",
    "holders keep their jobs, others wait; reports by earlier tokens count",
)
@pytest.mark.sampled(of=3, each=("kind",))
@OF_SERVERS
@pytest.mark.parametrize("seconds", [2, 120, 86_400, -2, -120, -86_400])
def test_a_databases_clock_that_is_set_costs_nothing(moody, clock, seconds):
    shared, server_clock = moody
    job, other = begin(shared, clock("holder", 120), clock("other", -120))
    os.kill(shared.pid_of("holder"), signal.SIGSTOP)
    server_clock.set(seconds)
    shared.more("looks", "other", 20)
    os.kill(shared.pid_of("holder"), signal.SIGCONT)
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    ends_once(shared, job, other)


@attack("the database's clock is set while all slots of a server are held", "no other job of it begins before one ends")
@pytest.mark.sampled(of=4, each=("kind",))
@OF_SERVERS
@pytest.mark.parametrize("seconds", [2, 120, -2, -120])
def test_a_databases_clock_that_is_set_frees_no_slot(moody, clock, seconds):
    shared, server_clock = moody
    accounts = [f"user{number}" for number in range(PER_SERVER + 1)]
    held = [f"ensure_account:{account}" for account in accounts[:-1]]
    shared.start("holder", clock("holder", -120).environment, *held)
    placed = [shared.order(domain=f"{account}.example.com", account=account) for account in accounts[:-1]]
    for one in held:
        shared.is_in(one)
    shared.start("other", clock("other", 120).environment)
    shared.more("looks", "other")
    os.kill(shared.pid_of("holder"), signal.SIGSTOP)
    server_clock.set(seconds)
    # Due at once by the clock as it is now
    last = shared.order(domain=f"{accounts[-1]}.example.com", account=accounts[-1])
    shared.more("looks", "other", 20)
    os.kill(shared.pid_of("holder"), signal.SIGCONT)
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    assert shared.job(last).state == "received"
    for one in held:
        shared.go(one)
    wait_until(lambda: {shared.job(job).state for job in (*placed, last)} == {"dropped"}, seconds=SECONDS)
    assert [len(shared.notes.calls("ensure_account", account)) for account in accounts] == [1] * len(accounts)


@attack("the database's clock is set while a server that hangs is probed", "nobody else makes a probe meanwhile")
@pytest.mark.sampled(of=4, each=("kind",))
@OF_SERVERS
@pytest.mark.parametrize("seconds", [2, 120, -2, -120])
def test_a_databases_clock_that_is_set_makes_no_second_probe(moody, clock, seconds):
    shared, server_clock = moody

    def probe_of_another(connection):
        now = database_now(connection)
        for _ in range(breakers.FAILURES):
            breakers.note_failure(connection, "web1", "no answer", now - breakers.PAUSES[0] - 1)
        return breakers.claim_probe(connection, "web1", "another", now, now, now + 100)

    assert transact(shared.engine, probe_of_another)
    shared.start("worker", clock("worker", 120).environment)
    shared.more("looks", "worker")
    server_clock.set(seconds)
    # Due at once by the clock as it is now
    job = shared.order()
    shared.more("looks", "worker", 20)
    assert shared.notes.calls("ensure_account", "alice") == []
    transact(shared.engine, lambda connection: breakers.note_answer(connection, "web1"))
    wait_until(lambda: shared.job(job).state == "dropped", seconds=SECONDS)
    assert shared.notes.calls("ensure_account", "alice") == ["worker"]
