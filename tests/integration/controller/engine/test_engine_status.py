"""What operators see of the engine: workers, slots, breakers, what is due; and a worker of some servers only."""

import json

import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import engines, main
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers, servers, slots, workers
from controller.jobs.engine import presence
from controller.jobs.engine.capacity.own_servers import OwnServers
from controller.jobs.engine.monitoring import health
from controller.jobs.lifecycle import due_hint
from tests.support.clock import START
from tests.support.waiting import wait_until

#: Signs of `sign` are so old by the world's clock.
_MOVED = """UPDATE workers SET started_at = started_at - beat_at + :at, beat_at = :at
    WHERE name = :name OR name = :of_broker"""


def sign(world, name, ago=0.0, **given):
    """A worker gave its sign of life so many seconds ago, by the world's clock."""
    transact(world.engine, lambda c: workers.beat(c, name, **given))
    values = {"at": world.clock() - ago, "name": name, "of_broker": name + workers.BROKER}
    transact(world.engine, lambda c: c.execute(sa.text(_MOVED), values))


def status_of(world, monkeypatch, *words, code=0):
    monkeypatch.setattr(engines, "load_config", lambda: world.config)
    monkeypatch.setattr(engines, "open_service", lambda _config: world.service)
    result = CliRunner().invoke(main, ["engine", "status", *words])
    assert result.exit_code == code, result.output
    return result.output


def test_the_engines_status_shows_workers_slots_breakers_and_what_is_due(world, monkeypatch):
    now = world.clock()
    job = world.order().id
    counted = workers.Counted(7, 1, 3, "web1, eu-*")
    sign(world, "one", chores=True, counted=counted)
    moment = Moment(now, now)
    transact(world.engine, lambda c: slots.make(c, "web2", 4))
    transact(world.engine, lambda c: slots.take(c, "web2", 4, "one", moment, now + 90))
    transact(world.engine, lambda c: servers.add(c, servers.Server("web3", "local"), START))
    for _ in range(breakers.FAILURES):
        transact(world.engine, lambda c: breakers.note_failure(c, "web3", "no answer", now))
    world.clock.pass_by(5)
    found = json.loads(status_of(world, monkeypatch, "--json"))
    assert (found["kind"], found["due"], found["oldest_due_seconds"]) == ("embedded", 1, 5.0)
    assert found["oldest_due_job"] == job
    (one,) = found["workers"]
    assert (one["name"], one["servers"], one["claims"], one["missed"], one["hints"]) == ("one", "web1, eu-*", 7, 1, 3)
    rows = {row["name"]: row for row in found["servers"]}
    assert (rows["web1"]["due"], rows["web1"]["breaker"]) == (1, "closed")
    assert (rows["web2"]["held"], rows["web2"]["slots"]) == (1, 4)
    assert (rows["web3"]["breaker"], rows["web3"]["reason"]) == ("open", "no answer")
    printed = status_of(world, monkeypatch)
    words = ("one", "web1, eu-*", "web2", "no answer", "1 due jobs", f"({job}) for 5.0 s")
    assert all(word in printed for word in words)


def test_without_anything_the_status_says_so(world, monkeypatch):
    printed = status_of(world, monkeypatch, code=1)
    assert "No worker runs." in printed and "Nothing goes on" in printed and "0 due jobs." in printed


def test_a_job_that_is_due_later_is_not_the_oldest_due_one(world, monkeypatch):
    later = world.order().id
    with world.engine.begin() as connection:
        connection.execute(sa.text("UPDATE jobs SET wake_at = wake_at + 60 WHERE id = :id"), {"id": later})
    found = json.loads(status_of(world, monkeypatch, "--json", code=1))
    assert (found["due"], found["oldest_due_job"], found["oldest_due_seconds"]) == (0, None, None)


def test_the_status_names_silent_and_deaf_workers_and_fails_without_a_worker_that_is_well(world, monkeypatch):
    sign(world, "gone", ago=health.MAX_LOOP_SECONDS + 1)
    sign(world, "deaf", heard=workers.Heard(health.MAX_DEAF_SECONDS + 1, 5, 2))
    found = json.loads(status_of(world, monkeypatch, "--json", code=1))
    rows = {row["name"]: row for row in found["workers"]}
    assert {name: row["state"] for name, row in rows.items()} == {"gone": "silent", "deaf": "deaf"}
    broker = rows["deaf"]["broker"]
    assert rows["gone"]["broker"] is None and (broker["hints"], broker["ignored"]) == (5, 2)
    assert broker["heard_seconds_ago"] == health.MAX_DEAF_SECONDS + 1
    assert f"deaf since {broker['heard_at']}, hints 5, ignored 2" in status_of(world, monkeypatch, code=1)
    sign(world, "well", heard=workers.Heard(3.0))
    assert "heard at" in status_of(world, monkeypatch, code=0)


def test_monitoring_counts_workers_and_deaf_ones_as_long_as_they_give_signs(world):
    for name, ago in (("deaf", health.MAX_DEAF_SECONDS + 1), ("well", 3.0)):
        transact(world.engine, lambda c, name=name, ago=ago: workers.beat(c, name, heard=workers.Heard(ago)))
    transact(world.engine, lambda c: workers.beat(c, "embedded", chores=True))
    # A web server moves no jobs; what has ended is missing, though its last sign of life stays
    transact(world.engine, lambda c: workers.beat(c, "web" + workers.WEB))
    transact(world.engine, lambda c: workers.beat(c, "gone"))
    transact(world.engine, lambda c: workers.end(c, "gone"))
    found = health.examine(world.engine, world.clock(), health.Loops())
    assert (found.working, found.deaf) == (3, 1)
    passed = sa.text("UPDATE workers SET started_at = started_at - :by, beat_at = beat_at - :by")
    transact(world.engine, lambda c: c.execute(passed, {"by": health.MAX_LOOP_SECONDS + 1}))
    found = health.examine(world.engine, world.clock(), health.Loops())
    assert (found.working, found.deaf) == (0, 0)


def test_what_a_worker_hears_is_no_process_and_goes_with_the_worker(world):
    transact(world.engine, lambda c: workers.beat(c, "one", chores=True, heard=workers.Heard(1000.0, 5, 2)))
    with reading(world.engine) as connection:
        assert [one.name for one in workers.processes(connection)] == ["one"]
        assert [name for name, _at in workers.beats(connection)] == ["one"]
        (row,) = workers.listed(connection)
    assert (row.name, row.heard.hints, row.heard.ignored, row.counted.hints) == ("one", 5, 2, 0)
    transact(world.engine, lambda c: workers.end(c, "one"))
    with reading(world.engine) as connection:
        assert workers.process_age(connection) is None and workers.listed(connection) == []


def test_hints_are_counted_and_looks_without_one_are_not(world):
    worker = world.service.jobs.worker()
    worker.start()
    try:
        for _ in range(3):
            before = worker._pulse.rounds
            due_hint.wake()
            wait_until(lambda before=before: worker._pulse.rounds > before)
        due_hint.notify("web9")
        due_hint.notify("web9")
        assert worker._counted().hints == 2
    finally:
        worker.stop()


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


def test_of_two_workers_with_one_name_the_one_that_goes_on_is_seen_again_after_the_others_end(world, monkeypatch):
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)
    twins = [world.service.jobs.worker() for _ in range(2)]
    twins[1].name = twins[0].name

    def names():
        with reading(world.engine) as connection:
            return [row.name for row in workers.listed(connection)]

    def is_seen():
        with reading(world.engine) as connection:
            age = workers.age(connection, workers.beats(connection))
        return age is not None and age < health.MAX_LOOP_SECONDS

    for one in twins:
        one.start()
    try:
        wait_until(lambda: names() == [twins[0].name])
        assert twins[0].stop(60)
        # The last sign of the one that ended counts until the next one
        assert is_seen()
        wait_until(lambda: names() == [twins[0].name])
        assert is_seen()
    finally:
        for one in twins:
            one.stop(60)
    assert names() == []
