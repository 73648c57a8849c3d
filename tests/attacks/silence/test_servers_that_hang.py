"""A server that hangs holds up its own jobs alone, and these wait; an account that hangs holds up its own alone."""

import pytest

from controller.db.connection.engine import reading
from controller.db.machines import breakers, servers
from controller.panels.cpanel.api import whm
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.controller.failing import ANSWERS, BREAKS, HANGS, PanelServer, connect


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
