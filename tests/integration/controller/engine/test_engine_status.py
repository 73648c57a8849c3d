"""What operators see of the engine: workers, slots, breakers, what is due; and a worker of some servers only."""

import json

from click.testing import CliRunner

from controller.cli import engines, main
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers, servers, slots, workers
from controller.jobs.engine.capacity.own_servers import OwnServers
from tests.support.clock import START
from tests.support.waiting import wait_until


def status_of(world, monkeypatch, *words):
    monkeypatch.setattr(engines, "load_config", lambda: world.config)
    monkeypatch.setattr(engines, "open_service", lambda _config: world.service)
    result = CliRunner().invoke(main, ["engine", "status", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_engines_status_shows_workers_slots_breakers_and_what_is_due(world, monkeypatch):
    now = world.clock()
    world.order()
    counted = workers.Counted(7, 1, 3, "web1, eu-*")
    transact(world.engine, lambda c: workers.beat(c, "one", chores=True, counted=counted))
    moment = Moment(now, now)
    transact(world.engine, lambda c: slots.make(c, "web2", 4))
    transact(world.engine, lambda c: slots.take(c, "web2", 4, "one", moment, now + 90))
    transact(world.engine, lambda c: servers.add(c, servers.Server("web3", "local"), START))
    for _ in range(breakers.FAILURES):
        transact(world.engine, lambda c: breakers.note_failure(c, "web3", "no answer", now))
    world.clock.pass_by(5)
    found = json.loads(status_of(world, monkeypatch, "--json"))
    assert (found["kind"], found["due"], found["oldest_due_seconds"]) == ("embedded", 1, 5.0)
    (one,) = found["workers"]
    assert (one["name"], one["servers"], one["claims"], one["missed"], one["hints"]) == ("one", "web1, eu-*", 7, 1, 3)
    rows = {row["name"]: row for row in found["servers"]}
    assert (rows["web1"]["due"], rows["web1"]["breaker"]) == (1, "closed")
    assert (rows["web2"]["held"], rows["web2"]["slots"]) == (1, 4)
    assert (rows["web3"]["breaker"], rows["web3"]["reason"]) == ("open", "no answer")
    printed = status_of(world, monkeypatch)
    assert all(word in printed for word in ("one", "web1, eu-*", "web2", "no answer", "1 due jobs", "for 5.0 s"))


def test_without_anything_the_status_says_so(world, monkeypatch):
    printed = status_of(world, monkeypatch)
    assert "No worker runs." in printed and "Nothing goes on" in printed and "0 due jobs." in printed


def serving(world):
    with reading(world.engine) as connection:
        return [row.counted.serves for row in workers.listed(connection)]


def test_a_worker_moves_the_jobs_of_its_own_servers_alone(world):
    transact(world.engine, lambda c: servers.add(c, servers.Server("eu-1", "local"), START))
    here = world.order(server="eu-1", domain="here.example.com", account="here")
    there = world.order()
    worker = world.service.jobs.worker(servers=OwnServers(("eu-*",)))
    worker.start()
    try:
        wait_until(lambda: world.job(here).state == "dropped")
        wait_until(lambda: serving(world) == ["eu-*"])
    finally:
        worker.stop()
    assert world.job(there).state == "received"
    assert worker.run_due() == 0
    assert world.worker.run_due() == 1
