"""The database's clock as a process reads it: counted on between readings; when it is set, leases are judged late."""

import logging

import pytest
import sqlalchemy as sa

from controller.db.connection import clock
from controller.db.connection.clock import DatabaseClock
from controller.jobs.engine import worker
from controller.jobs.engine.capacity import slots
from controller.jobs.lifecycle import lease, plan
from controller.panels.cpanel.api import whm
from controller.panels.local.as_account import run
from shared.errors import ShoplaunchError
from tests.support.clock import START


class Server:
    """A database whose clock is `ahead` of what is counted here; `asked` counts readings."""

    def __init__(self, monkeypatch):
        self.counted, self.ahead, self.asked, self.is_away = 1000.0, START, 0, False
        monkeypatch.setattr(clock, "database_now", self._now)
        self.engine = sa.create_engine("sqlite://")
        self.clock = DatabaseClock(self.engine, lambda: self.counted)

    def _now(self, _connection):
        if self.is_away:
            raise ShoplaunchError("database_busy", "away")
        self.asked += 1
        return self.counted + self.ahead

    def at(self):
        with self.engine.connect() as connection:
            return self.clock.at(connection)


def wait(server, seconds):
    """Let time pass, in which the database answers as always."""
    for _ in range(int(seconds)):
        server.counted += 1
        server.at()


@pytest.fixture
def server(monkeypatch):
    made = Server(monkeypatch)
    yield made
    made.engine.dispose()


def test_a_reading_serves_for_a_moment_and_time_goes_on_meanwhile(server):
    times = []
    for _ in range(10):
        times.append(server.clock())
        server.counted += 0.1
    assert times == pytest.approx([START + 1000 + n / 10 for n in range(10)]) and server.asked == 1
    server.counted += clock.FRESH_SECONDS
    server.clock()
    assert server.asked == 2


def test_a_database_that_is_away_is_counted_on_and_asked_again_before_long(server, caplog):
    assert server.clock() == START + 1000
    server.is_away = True
    server.counted += 300
    assert [server.clock() for _ in range(5)] == [START + 1300] * 5
    assert caplog.text.count("cannot be read") == 1
    server.is_away, server.ahead = False, START + 2
    server.counted += clock.AGAIN_SECONDS
    assert server.clock() == START + 1302 + clock.AGAIN_SECONDS


def test_a_database_that_was_never_read_has_no_time(server):
    server.is_away = True
    with pytest.raises(ShoplaunchError) as caught:
        server.clock()
    assert caught.value.code == "database_busy"
    server.is_away = False
    assert server.clock() == START + 1000


@pytest.mark.parametrize("seconds", [120, 86_400])
def test_after_the_clock_was_set_forward_leases_are_judged_by_the_time_before_for_a_while(server, caplog, seconds):
    caplog.set_level(logging.WARNING)
    assert server.at() == (START + 1000, START + 1000)
    server.ahead += seconds
    server.counted += 1
    assert server.at() == (START + 1001 + seconds, START + 1001)
    # Set once more within that while
    server.ahead += 50
    server.counted += 10
    assert server.at() == (START + 1061 + seconds, START + 1011)
    wait(server, clock.SETTLING_SECONDS)
    assert server.at() == (server.counted + server.ahead,) * 2
    assert caplog.text.count("was set by") == 2


def test_while_the_database_answered_nobody_no_lease_ran_out(server):
    server.at()
    server.counted += 60
    # Its holders could not renew them
    assert server.at() == (START + 1060, START + 1000)
    wait(server, clock.SETTLING_SECONDS - 1)
    assert server.at() == (START + 1089, START + 1029)
    server.counted += 1
    assert server.at() == (START + 1090, START + 1090)


def test_a_clock_that_is_read_seldom_takes_its_own_silence_for_nobodys_and_sees_that_it_was_set(server):
    server.clock = DatabaseClock(server.engine, lambda: server.counted, is_read_seldom=True)
    server.at()
    for _ in range(3):
        server.counted += 600
        now, leases = server.at()
        assert leases == now
    server.counted += 600
    server.ahead += 120
    now, leases = server.at()
    assert leases == now - 120


def test_a_database_that_is_merely_slow_makes_no_lease_longer(server):
    server.at()
    server.counted += clock.AWAY_SECONDS
    assert server.at() == (START + 1010, START + 1010)


def test_after_the_clock_was_set_back_leases_last_as_long_as_they_say(server):
    server.at()
    server.ahead -= 120
    assert server.at() == (START + 880, START + 880)


def test_readings_that_differ_by_what_they_took_do_not_make_time_jump(server, monkeypatch):
    def slow(_connection):
        now = server.counted + server.ahead + 0.4
        server.counted += 1
        return now

    monkeypatch.setattr(clock, "database_now", slow)
    server.at()
    known = server.clock() - server.counted
    monkeypatch.setattr(clock, "database_now", lambda _connection: slow(None) + 0.3)
    server.at()
    assert server.clock() - server.counted == known


def test_every_holder_has_renewed_its_lease_before_it_is_judged_by_a_clock_that_was_set(server):
    assert clock.SETTLING_SECONDS >= 2 * lease.SECONDS / lease.RENEWALS
    # A lease that was about to be renewed outlasts a database that is away for less
    assert clock.AWAY_SECONDS + lease.SECONDS / lease.RENEWALS < lease.SECONDS
    assert worker.POLL_SECONDS < clock.AWAY_SECONDS


def test_the_lease_of_a_killed_worker_and_the_wait_for_the_next_look_are_less_than_35_seconds():
    assert max(lease.SECONDS, slots.SECONDS) + worker.POLL_SECONDS + worker.LEAST_SECONDS < 35


@pytest.mark.parametrize("steps", [plan.PLAN, plan.FOLLOW_UP_PLAN], ids=["restore", "small"])
def test_no_step_counts_as_over_while_a_panel_may_still_work_on_it(steps):
    assert steps["account"].longest > whm.LONG_SECONDS or steps is plan.FOLLOW_UP_PLAN
    assert steps["drop"].longest > run.LONG_SECONDS
    for step in steps.values():
        assert step.longest > whm.ANSWER_SECONDS
    assert lease.LONGEST_SECONDS > whm.LONG_SECONDS
