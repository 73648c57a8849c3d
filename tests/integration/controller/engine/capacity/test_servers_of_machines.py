"""Servers of panel `local` live on one machine: workers of other machines leave their jobs alone, and say so."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from controller.cli import engines, main
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.jobs.engine.broker.engine import CeleryEngine
from controller.jobs.engine.capacity.own_servers import ALL, OwnServers
from controller.jobs.engine.capacity.servers_here import ServersHere
from controller.jobs.engine.engine_context import EngineContext
from controller.this_machine import Machine, this_machine
from shared.errors import ShoplaunchError
from tests.support.clock import START
from tests.support.machine import machine_ids
from tests.support.waiting import wait_until

ELSEWHERE = Machine("another", "web9")
LEFT = "its jobs are left to the worker there"


@pytest.fixture(autouse=True)
def _has_an_id(monkeypatch, tmp_path):
    machine_ids.give_one(monkeypatch, tmp_path)


def add(world, name, machine=None):
    """Add a server of panel `local` whose accounts live on `machine`."""
    row = Server(name, "local")
    row = row if machine is None else row.on(machine)
    transact(world.engine, lambda connection: servers.add(connection, row, START))


def move(world, name, machine):
    transact(world.engine, lambda connection: servers.change(connection, Server(name, "local").on(machine)))


def ordered(world, name):
    return world.order(server=name, domain=f"{name}.example.com", account=name)


def test_jobs_of_a_server_of_another_machine_are_left_alone_and_it_is_said_once(world, caplog):
    add(world, "there", ELSEWHERE)
    add(world, "here", this_machine())
    left, moved = ordered(world, "there"), ordered(world, "here")
    worker = world.service.jobs.worker()
    worker.start()
    try:
        wait_until(lambda: world.job(moved).state == "dropped")
        wait_until(lambda: LEFT in caplog.text)
    finally:
        worker.stop()
    assert worker.run_due() == worker.run_due() == 0
    assert world.job(left).state == "received"
    said = [one for one in caplog.messages if LEFT in one]
    assert len(said) == 1 and "there" in said[0] and "web9" in said[0] and "server set there --here" in said[0]


def test_a_worker_that_is_given_its_name_leaves_it_alone_as_well(world):
    add(world, "there", ELSEWHERE)
    left = ordered(world, "there")
    assert world.service.jobs.worker(servers=OwnServers(("there",))).run_due() == 0
    assert world.job(left).state == "received"


def test_a_server_that_an_operator_moved_here_is_served_by_workers_that_run(world, monkeypatch):
    monkeypatch.setattr("controller.jobs.engine.capacity.servers_here.LOOK_SECONDS", 0.0)
    add(world, "there", ELSEWHERE)
    job = ordered(world, "there")
    worker = world.service.jobs.worker()
    worker.start()
    try:
        wait_until(lambda: worker._own.leaves("there"))
        assert world.job(job).state == "received"
        move(world, "there", this_machine())
        wait_until(lambda: world.job(job).state == "dropped")
    finally:
        worker.stop()


def test_a_server_that_is_added_while_a_worker_runs_is_known_before_its_first_job_is_touched(world):
    world.work()
    add(world, "there", ELSEWHERE)
    left = ordered(world, "there")
    world.work()
    assert world.job(left).state == "received"


def test_a_server_whose_machine_was_never_noted_is_everybodys_and_that_is_said(world, caplog):
    """As before; on SQLite there is one machine anyway."""
    job = world.order()
    world.work()
    assert world.job(job).state == "dropped"
    is_said = "is not noted: workers of every machine take its jobs" in caplog.text
    assert is_said == (world.engine.dialect.name != "sqlite")


def test_a_database_that_does_not_answer_leaves_every_server_alone(world, monkeypatch):
    here = ServersHere(world.engine, ALL)
    monkeypatch.setattr("controller.jobs.engine.capacity.servers_here.reading", _busy)
    assert "web1" not in here and not here.leaves("web1")
    monkeypatch.undo()
    assert "web1" in here and "of-no-server" in here


def _busy(_engine):
    raise ShoplaunchError("database_busy", "it does not answer")


@pytest.mark.parametrize("is_known", [True, False])
def test_hints_for_a_server_of_another_machine_are_passed_on(world, is_known):
    add(world, "there", ELSEWHERE)
    own = world.service.installation
    config = replace(own.config, engine=replace(own.config.engine, kind="celery", broker_url="redis://127.0.0.1:1/"))
    worker = CeleryEngine(EngineContext(config, own.engine, own.now, own.tools_for, lambda _move: None))
    if is_known:
        worker._own.look()
    assert worker._take_foreign("there", 0) is is_known
    assert worker._take_foreign("web1", 0) is False


def test_a_hint_for_a_server_that_turns_out_to_be_another_machines_is_passed_on(world, monkeypatch):
    own = world.service.installation
    config = replace(own.config, engine=replace(own.config.engine, kind="celery", broker_url="redis://127.0.0.1:1/"))
    worker = CeleryEngine(EngineContext(config, own.engine, own.now, own.tools_for, lambda _move: None))
    passed_on = []
    monkeypatch.setattr(worker._hints, "pass_on", lambda server, passed: passed_on.append((server, passed)))
    worker._own.look()
    # Added since it looked
    add(world, "there", ELSEWHERE)
    ordered(world, "there")
    assert worker._take_foreign("there", 0) is False
    worker.hinted("there")
    worker._begin()
    assert passed_on == [("there", 1)]
    assert worker._take_foreign("there", 0) is True


def test_a_hint_that_comes_to_a_worker_which_stops_is_passed_on(world, monkeypatch):
    own = world.service.installation
    config = replace(own.config, engine=replace(own.config.engine, kind="celery", broker_url="redis://127.0.0.1:1/"))
    worker = CeleryEngine(EngineContext(config, own.engine, own.now, own.tools_for, lambda _move: None))
    passed_on = []
    monkeypatch.setattr(worker._hints, "pass_on", lambda server, passed: passed_on.append((server, passed)))
    worker.ask_to_stop()
    assert worker._take_foreign("web1", 0) is True
    assert passed_on == [("web1", 1)]


def test_the_engines_status_names_the_machine(world, monkeypatch):
    add(world, "there", ELSEWHERE)
    ordered(world, "there")
    world.order()
    monkeypatch.setattr(engines, "load_config", lambda: world.config)
    monkeypatch.setattr(engines, "open_service", lambda _config: world.service)
    found = json.loads(CliRunner().invoke(main, ["engine", "status", "--json"]).output)
    assert {row["name"]: row["machine"] for row in found["servers"]} == {"there": "web9", "web1": ""}
    assert "web9" in CliRunner().invoke(main, ["engine", "status"]).output
