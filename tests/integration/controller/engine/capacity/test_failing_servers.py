"""Servers that hang, break or refuse: their jobs wait, one probe at a time is made, and everything else goes on."""

import socket
import threading

import pytest

from controller.billing.base import FAILING
from controller.db import due
from controller.db.connection import clock
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers, servers
from controller.jobs.engine import worker
from controller.jobs.intake import chores
from controller.jobs.intake.service import Service
from controller.panels.cpanel.api import whm
from controller.panels.cpanel.api.call_limits import ServerBreaker
from shared.errors import ShoplaunchError
from tests.integration.controller.failing import (
    ANSWERS,
    BREAKS,
    DROPS,
    HANGS,
    LATE,
    LATE_SECONDS,
    REFUSES_ACCOUNT,
    REFUSES_LOGIN,
    PanelServer,
    connect,
)
from tests.support.clock import START
from tests.support.waiting import wait_until

DAY = 24 * 3600
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def server_of(world):
    """Return a function that starts a server in a mode and makes it the world's server `name`."""
    made = []

    def start(mode, name="web1", **more):
        made.append(PanelServer(mode))
        connect(world, name, made[-1].url, **more)
        return made[-1]

    yield start
    for one in made:
        one.close()


def breaker(world, name="web1"):
    with reading(world.engine) as connection:
        return breakers.get(connection, name)


def failing(world, server_of, mode=DROPS):
    """Return (a job, its server) with the breaker open."""
    server = server_of(mode)
    job = world.order()
    world.work_later(10, stride=1)
    assert breaker(world).is_open, world.status(job)
    return job, server


def orders(world, number, server="web1"):
    return [
        world.order(server=server, domain=f"n{n}.{server}.example.com", account=f"{server}n{n}") for n in range(number)
    ]


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("mode", [HANGS, BREAKS, DROPS])
def test_a_job_of_a_server_that_fails_waits_and_says_why_and_when_it_is_looked_at_again(world, server_of, mode):
    job, server = failing(world, server_of, mode)
    status = world.status(job)
    assert (status["state"], status["waiting_for"]) == ("preparing", "server")
    assert server.url in status["waiting_why"] and status["error"]["code"] == "panel_unreachable"
    assert status["next_look_at"] is not None
    assert world.steps(job)["account"].state == "waiting"
    asked = server.asked
    assert asked == breakers.FAILURES
    world.work()
    assert (server.asked, world.job(job).lease_owner) == (asked, None)


def test_a_server_that_lets_nobody_in_is_one_that_fails(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        # Nobody listens there
        connect(world, "web1", f"http://127.0.0.1:{taken.getsockname()[1]}")
        job = world.order()
        world.work_later(10, stride=1)
    assert world.status(job)["waiting_for"] == "server"


def test_one_probe_is_made_at_a_time_and_each_is_waited_for_longer(world, server_of):
    _job, server = failing(world, server_of)
    orders(world, 5)
    asked = server.asked
    for pause in breakers.PAUSES[:3]:
        world.clock.pass_by(pause - 11)
        world.work()
        assert server.asked == asked
        world.clock.pass_by(11)
        world.work()
        asked += 1
        assert server.asked == asked


def test_an_answer_closes_the_breaker_and_every_job_goes_on_at_once(world, server_of):
    job, server = failing(world, server_of)
    others = orders(world, 5)
    server.mode = ANSWERS
    world.clock.pass_by(breakers.PAUSES[0])
    world.work()
    assert breaker(world) is None
    assert {world.job(one).state for one in (job, *others)} == {"dropped"}
    assert (world.status(job)["waiting_for"], world.job(job).error) == (None, None)


def test_a_successful_check_closes_it_at_once_and_its_jobs_go_on(world, server_of):
    job, server = failing(world, server_of)
    server.mode = ANSWERS
    with reading(world.engine) as connection:
        panel = world.service.installation.panel_of(world.config, servers.get(connection, "web1"))
    panel.whm.probe()
    assert breaker(world) is None
    world.work()
    assert world.job(job).state == "dropped"


def test_waiting_counts_neither_as_a_failure_nor_as_a_try(world, server_of):
    job, _server = failing(world, server_of)
    before = world.steps(job)["account"]
    world.work_later(3600, stride=60)
    after = world.steps(job)["account"]
    assert (after.attempts, after.failures, after.state) == (before.attempts, before.failures, "waiting")


@pytest.mark.sampled(of=2, rests=True)
def test_a_job_fails_after_a_day_of_the_same_trouble_whether_it_was_the_probe_or_not(world, server_of):
    job, _server = failing(world, server_of)
    (other,) = orders(world, 1)
    world.work_later(DAY - 600, stride=1200)
    assert {world.job(one).state for one in (job, other)} <= {"received", "preparing"}
    world.work_later(1800, stride=600)
    found = [world.job(one) for one in (job, other)]
    assert {(one.state, one.step, one.error["code"]) for one in found} == {("failed", "account", "panel_unreachable")}


def test_two_workers_at_once_make_one_probe(world, server_of):
    _job, server = failing(world, server_of, HANGS)
    orders(world, 4)
    asked = server.asked
    world.clock.pass_by(breakers.PAUSES[0])
    workers = [world.service.jobs.worker() for _ in range(4)]
    start = threading.Barrier(len(workers))

    def run(one):
        start.wait(60)
        one.run_due()

    threads = [threading.Thread(target=run, args=(one,)) for one in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert server.asked == asked + 1


def test_a_probe_whose_process_was_killed_frees_its_place_when_its_lease_ends(world, server_of):
    job, server = failing(world, server_of)
    world.clock.pass_by(breakers.PAUSES[0])
    now = world.clock()
    assert transact(world.engine, lambda c: breakers.claim_probe(c, "web1", "dead", now, now, now + 150))
    server.mode, asked = ANSWERS, server.asked
    world.work()
    assert server.asked == asked
    world.clock.pass_by(150)
    world.work()
    assert world.job(job).state == "dropped"


def test_a_databases_clock_that_is_set_ends_no_probe_for_who_has_a_job_under_way(world, monkeypatch):
    now = [START]
    monkeypatch.setattr(clock, "database_now", lambda _connection: now[0])
    one, other = (ServerBreaker(lambda: world.engine, "web1") for _ in range(2))

    def fail(connection):
        for _ in range(breakers.FAILURES):
            breakers.note_failure(connection, "web1", "no answer", START - breakers.PAUSES[0])

    transact(world.engine, fail)
    assert (one.rests(5) is None, other.rests(5) is None) == (True, False)
    # Far beyond the end of the first one's lease
    now[0] += 600
    assert (other.rests(5) is None, one.rests(5) is None) == (False, True)


def test_a_restart_knows_what_was_known_before(world, server_of):
    _job, server = failing(world, server_of)
    asked = server.asked
    again = Service(world.service.installation).jobs.worker()
    assert again.run_due() == 0
    assert server.asked == asked


def test_a_server_that_alternates_is_no_server_that_fails(world, server_of):
    server = server_of([DROPS, DROPS, ANSWERS, ANSWERS] * 2 + [ANSWERS] * 60)
    job = world.order()
    world.work_later(200, stride=1)
    assert (world.job(job).state, breaker(world)) == ("dropped", None)
    assert server.asked > 8


def test_what_concerns_one_account_or_the_token_is_no_failure_of_the_server(world, server_of):
    server = server_of(REFUSES_ACCOUNT)
    with reading(world.engine) as connection:
        found = servers.get(connection, "web1")
    panel = world.service.installation.panel_of(world.config, found)
    for _ in range(breakers.FAILURES + 1):
        assert not panel.whm.call("version", seconds=5).ok
    server.mode = REFUSES_LOGIN
    with pytest.raises(ShoplaunchError) as caught:
        panel.whm.call("version", seconds=5)
    assert caught.value.code == "panel_auth_failed"
    assert breaker(world) is None
    with reading(world.engine) as connection:
        assert servers.locked(connection, "web1")


def test_a_server_that_is_removed_while_its_breaker_is_open_leaves_nothing(world, server_of):
    job, _server = failing(world, server_of)
    transact(world.engine, lambda connection: servers.remove(connection, "web1"))
    assert breaker(world) is None
    # A call that was under way
    transact(world.engine, lambda c: breakers.note_failure(c, "web1", "no answer", world.clock()))
    assert breaker(world) is None
    world.work_later(300, stride=30)
    assert world.job(job).error["code"] == "server_unknown"


@pytest.mark.parametrize("step", [-120, 120])
def test_a_clock_that_is_set_by_two_minutes_loses_no_job(world, server_of, step):
    job, server = failing(world, server_of)
    world.clock.pass_by(step)
    world.work()
    server.mode = ANSWERS
    world.work_later(200, stride=10)
    assert (world.job(job).state, breaker(world)) == ("dropped", None)


def test_the_operator_is_alarmed_once_for_the_server_however_many_jobs_wait(world, server_of):
    failing(world, server_of)
    orders(world, 5)
    chores.run(world.service.installation)
    assert world.mail.alarms == []
    world.work_later(breakers.OUTAGE_SECONDS, stride=60)
    world.mail.codes = ["mail_failed"]
    for _ in range(3):
        chores.run(world.service.installation)
    world.work_later(3600, stride=300)
    chores.run(world.service.installation)
    (alarm,) = world.mail.alarms
    assert (alarm.server, alarm.state, alarm.code) == ("web1", FAILING, "panel_unreachable")


@SQLITE
def test_jobs_that_wait_for_a_server_are_not_overdue(world, server_of):
    failing(world, server_of)
    world.work_later(3600, stride=60)
    health = world.service.monitoring.health()
    assert (health.oldest_overdue, health.breakers) == (0.0, {"web1": True})


@SQLITE
def test_the_job_of_another_server_is_not_held_up(world, server_of):
    failing(world, server_of)
    server_of(ANSWERS, "web2")
    (other,) = orders(world, 1, "web2")
    world.work()
    assert world.job(other).state == "dropped"


@SQLITE
def test_a_shop_that_lives_gets_its_mail_while_its_server_fails(world, server_of):
    server = server_of(ANSWERS)
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.serve(job)
    world.mail.codes = ["mail_failed"]
    world.work()
    assert (world.job(job).state, world.mail.handed_over) == ("live", [])
    server.mode = DROPS
    orders(world, 1)
    world.work_later(9, stride=1)
    assert breaker(world).is_open
    world.work_later(20, stride=1)
    assert len(world.mail.handed_over) == 1


@pytest.mark.sampled(of=3, rests=True)
def test_healthy_orders_are_taken_up_while_twenty_servers_hang(world, monkeypatch, request):
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.05)
    hanging = [socket.create_server(("127.0.0.1", 0), backlog=64) for _ in range(20)]
    healthy = PanelServer()
    request.addfinalizer(healthy.close)
    waiting = []
    for number, one in enumerate(hanging):
        # Lets everybody in, and takes nobody's call
        connect(world, f"hung{number}", f"http://127.0.0.1:{one.getsockname()[1]}", seconds=3600)
        waiting += orders(world, 6, f"hung{number}")
    connect(world, "web1", healthy.url, seconds=3600)
    sold = orders(world, 8)
    world.worker.start()
    try:
        wait_until(lambda: {world.job(job).state for job in sold} == {"dropped"})
        assert {world.job(job).state for job in waiting} <= {"received", "preparing"}
        assert all(world.job(job).error is None for job in waiting), "every call still hangs"
    finally:
        for one in hanging:
            one.close()
        world.worker.stop()


def panel_of(world, name="web1"):
    """Return a new panel of the server, as each job gets one."""
    with reading(world.engine) as connection:
        return world.service.installation.panel_of(world.config, servers.get(connection, name))


def test_a_job_that_waits_for_its_server_is_not_taken_up(world, server_of):
    job, _server = failing(world, server_of)
    orders(world, 3)
    before = world.job(job).version
    for pause in (0, 10, 10):
        world.clock.pass_by(pause)
        with reading(world.engine) as connection:
            moment = Moment(world.clock(), world.clock())
            assert due.servers(connection, moment)[0] == [] and not due.candidates(connection, "web1", moment, 8)
        world.work()
    assert world.job(job).version == before


def test_a_call_that_is_not_the_probe_is_not_made(world, server_of):
    _job, server = failing(world, server_of)
    asked = server.asked
    world.clock.pass_by(breakers.PAUSES[0])
    now = world.clock()
    assert transact(world.engine, lambda c: breakers.claim_probe(c, "web1", "another", now, now, now + 150))
    with pytest.raises(ShoplaunchError) as caught:
        panel_of(world).whm.call("version", read_only=True, seconds=5)
    assert (caught.value.code, server.asked) == ("panel_unreachable", asked)


@SQLITE
def test_a_server_that_answers_very_late_makes_one_job_after_the_other(world, server_of, monkeypatch):
    monkeypatch.setattr(whm, "SLOW_SECONDS", LATE_SECONDS / 2)
    server_of(LATE, seconds=60)
    placed = orders(world, 3)
    world.work()
    assert breaker(world).is_open
    assert {world.job(job).state for job in placed} <= {"received", "preparing"}
    world.clock.pass_by(breakers.PAUSES[0])
    world.work()
    found = sorted(world.job(job).state for job in placed)
    assert found[0] == "dropped" and set(found[1:]) <= {"received", "preparing"}


def test_a_job_that_has_waited_for_a_day_fails_though_nobody_may_call(world, server_of):
    job, server = failing(world, server_of)
    world.clock.pass_by(DAY)
    # Another one's probe has just failed
    transact(world.engine, lambda c: breakers.note_failure(c, "web1", "no answer", world.clock()))
    asked = server.asked
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"], server.asked) == ("failed", "panel_unreachable", asked)
