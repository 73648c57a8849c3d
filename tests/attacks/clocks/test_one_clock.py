"""One clock, the database's: machines that are ahead or behind, and clocks that are set, end no agent's attempt, tell
no client twice, run no step twice.

Each difference of clocks comes every day, for one of the two workers in rotation. Of those of the database and of
clocks that are set, half of the cases come: some ahead, some behind. All of them run in a night.
"""

import os
import signal
from urllib.parse import quote_plus

import pytest

from controller.db.connection.engine import make_engine
from tests.attacks.clocks.clock_process import SECONDS, SharedWorld
from tests.attacks.table import attack
from tests.support.servers.mariadb import start_private, stop_private
from tests.support.shifted_clock import ShiftedClock
from tests.support.state_database import make_tables
from tests.support.waiting import wait_until
from tests.support.worlds.world import DOMAIN, Agent

PREPARES, NOTIFIES = "ensure_account:alice", f"hand_over:{DOMAIN}"


def installation(folder, server):
    """Return a SharedWorld in `folder` on a new database of `server` (tests.support.servers.mariadb.MariaDB)."""
    name, user, password = server.new_database()
    url = f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={server.socket}"
    engine = make_engine(url)
    make_tables(engine)
    engine.dispose()
    return SharedWorld(folder, url)


@pytest.fixture
def shared(tmp_path, mariadb_server):
    made = installation(tmp_path, mariadb_server)
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
    shared.serve(job)
    # Reading it is learning what the others made
    shared.panel.list_accounts()
    agent = Agent(shared, job)
    agent.restore()
    agent.clean()
    shared.is_in(NOTIFIES)
    other.send_signal(signal.SIGCONT)
    shared.more("looks", "other")
    shared.more("renewals", "holder")
    shared.go(NOTIFIES)
    wait_until(lambda: shared.steps(job)["unblock"].state in ("done", "skipped"), seconds=SECONDS)
    assert shared.job(job).state == "live"
    assert shared.notes.calls("ensure_account", "alice") == ["holder"]
    assert shared.notes.calls("hand_over", DOMAIN) == ["holder"]
    assert {name: row.attempts for name, row in shared.steps(job).items()} == dict.fromkeys(shared.steps(job), 1)


@attack(
    "the machines of two workers are ahead of the database's, or behind it",
    "each report counts, each step runs once, and the client is notified once",
)
@pytest.mark.sampled(of=4)
@pytest.mark.parametrize("seconds", [1, 2, 120, -1, -2, -120])
@pytest.mark.parametrize("who", ["holder", "other"])
def test_clocks_of_workers_that_differ_cost_nothing(shared, clock, who, seconds):
    skews = {"holder": 0, "other": 0, who: seconds}
    job, other = begin(shared, clock("holder", skews["holder"]), clock("other", skews["other"]))
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    ends_once(shared, job, other)


@attack("a worker's clock is set back or forward while it works", "nobody takes its job, and it takes nobody's")
@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("who", "seconds"), [("holder", -120), ("holder", 120), ("other", 120), ("other", -120)])
def test_a_workers_clock_that_is_set_costs_nothing(shared, clock, who, seconds):
    clocks = {name: clock(name, 0) for name in ("holder", "other")}
    job, other = begin(shared, clocks["holder"], clocks["other"])
    clocks[who].set(seconds)
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    ends_once(shared, job, other)


@pytest.fixture
def moody(tmp_path, monkeypatch):
    """(an installation on a MariaDB of its own, that server's clock)."""
    server = start_private()
    server.stop()
    clock = ShiftedClock(server.directory / "clock")
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    server.start()
    for name in clock.environment:
        monkeypatch.delenv(name)
    made = installation(tmp_path, server)
    yield made, clock
    made.close()
    stop_private(server)


@attack("the database's clock is set forward or back while workers work", "holders keep their jobs, others wait")
@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("seconds", [2, 120, 86_400, -2, -120, -86_400])
def test_a_databases_clock_that_is_set_costs_nothing(moody, clock, seconds):
    shared, server_clock = moody
    job, other = begin(shared, clock("holder", 0), clock("other", 0))
    os.kill(shared.pid_of("holder"), signal.SIGSTOP)
    server_clock.set(seconds)
    shared.more("looks", "other")
    os.kill(shared.pid_of("holder"), signal.SIGCONT)
    shared.more("renewals", "holder")
    shared.more("looks", "other")
    ends_once(shared, job, other)
