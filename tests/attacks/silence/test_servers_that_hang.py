"""A server that hangs holds up its own jobs alone, and these wait; an account that hangs holds up its own alone."""

import threading

import pytest

from controller.db.connection.engine import reading
from controller.db.machines import breakers, servers
from controller.jobs.engine import drain
from controller.jobs.engine import worker as engine
from controller.jobs.engine.capacity.thread_shares import HANGING, PER_SERVER
from controller.panels.calls_under_way import CallsUnderWay
from controller.panels.cpanel.api import whm
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.controller.failing import ANSWERS, BREAKS, HANGS, PanelServer, connect
from tests.support.waiting import wait_until


@attack(
    "a server accepts calls and answers none for an hour, while twenty orders wait for it",
    "one job at a time calls it, a dozen times in all; no job fails, and all go on with its first answer",
)
def test_a_server_that_hangs_is_called_by_one_job_at_a_time(world, request):
    server = PanelServer(HANGS)
    request.addfinalizer(server.close)
    connect(world, "web1", server.url, seconds=0.1)
    placed = [world.order(domain=f"n{n}.example.com", account=f"n{n}") for n in range(20)]
    world.work_later(3600, stride=20)
    assert server.asked <= breakers.FAILURES + 12
    assert {world.job(job).state for job in placed} <= {"received", "preparing"}
    assert world.mail.alarms == []
    server.mode = ANSWERS
    world.work_later(breakers.PAUSES[-1], stride=20)
    assert {world.job(job).state for job in placed} == {"dropped"}
    with reading(world.engine) as connection:
        assert breakers.opened(connection) == {}


@attack(
    "an account's owner lets each look into the account hang: a file system of the owner's, a pipe, a million files",
    "the server is asked something else, and answers: its breaker stays closed, and the jobs of its neighbours go on",
)
@pytest.mark.parametrize("server_too", [False, True], ids=["the account alone", "the server as well"])
def test_an_account_that_hangs_opens_no_breaker_of_its_server(world, request, monkeypatch, server_too):
    server = PanelServer(BREAKS if server_too else ANSWERS)
    server.hanging = "nora"
    request.addfinalizer(server.close)
    connect(world, "web1", server.url)
    monkeypatch.setattr(whm, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(whm, "READ_PAUSE_SECONDS", 0.0)
    calls = CallsUnderWay()
    monkeypatch.setattr(whm, "CALLS", calls)
    with reading(world.engine) as connection:
        row = servers.get(connection, "web1")
    panel = world.service.installation.panel_of(world.config, row)
    for look in (
        lambda: panel.whm.uapi("nora", "Fileman", "list_files", read_only=True),
        lambda: panel.whm.api2("nora", "Fileman", "fileop", read_only=True),
        lambda: panel.whm.call("removeacct", seconds=0.2, username="nora"),
        lambda: panel.whm.batch([whm.Request("Fileman::list_files", {}, "nora")]),
    ):
        with pytest.raises(ShoplaunchError, match=r"no answer|not called"):
            look()
    with reading(world.engine) as connection:
        assert set(breakers.opened(connection)) == ({"web1"} if server_too else set())
    assert calls.hanging("web1") == (set() if server_too else {"nora"})


@attack(
    "as many accounts of one server as it has slots let each look into them hang, again and again",
    "those that hung before get half of the slots, so that the server's next order is prepared meanwhile",
)
def test_accounts_that_hang_leave_their_server_to_others(world, request, monkeypatch):
    calls, ended, held, called = CallsUnderWay(), threading.Event(), set(), world.panel._called
    for module in (drain, engine):
        monkeypatch.setattr(module, "CALLS", calls)
    monkeypatch.setattr(engine, "SILENT_SECONDS", 0.05)
    hung = [f"hung{number}" for number in range(PER_SERVER)]

    def hang(method, *about):
        if about and about[0] in hung:
            with calls.call("web1", about[0]):
                held.add(about[0])
                ended.wait(60)
        called(method, *about)

    monkeypatch.setattr(world.panel, "_called", hang)
    for account in hung:
        # As the client of a panel notes it
        calls.hangs("web1", account)
        world.order(domain=f"{account}.example.com", account=account)
    worker = world.service.jobs.worker(lambda _why: None)
    request.addfinalizer(worker.stop)
    request.addfinalizer(ended.set)
    worker.start()
    wait_until(lambda: calls.waiting(0.05) == {"web1": HANGING} and "web1" in calls.silent(0.05))
    order = world.order(domain="next.example.com", account="next")
    wait_until(lambda: world.job(order).state == "dropped", seconds=30)
    assert len(held) == HANGING
    ended.set()
    wait_until(lambda: held == set(hung))
