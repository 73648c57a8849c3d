"""However many workers there are: no more jobs of a server are moved at once than it has slots."""

import threading
import time

import pytest
import sqlalchemy as sa

from controller.db import due, leases
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import servers, slots
from controller.jobs.engine import drain, worker
from controller.jobs.engine.capacity import slots as held_slots
from controller.jobs.engine.capacity.own_servers import OwnServers
from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from controller.jobs.lifecycle import due_hint
from shared.errors import ShoplaunchError
from tests.integration.controller.rows import NOW, add_job, read
from tests.support.clock import START
from tests.support.state.state_database import no_free_connection
from tests.support.waiting import wait_until

LONG = 90.0


def take(engine, owner, now=NOW, server="web1"):
    moment = Moment(now, now)

    def work(connection):
        slots.make(connection, server, PER_SERVER)
        return slots.take(connection, server, PER_SERVER, owner, moment, now + LONG)

    return transact(engine, work)


def held(engine):
    with reading(engine) as connection:
        return slots.held(connection)


def test_a_server_has_so_many_slots_and_each_server_its_own(engine):
    assert [take(engine, f"w{n}") for n in range(PER_SERVER + 1)] == [*range(1, PER_SERVER + 1), None]
    assert take(engine, "w9", server="web2") == 1


def test_a_slot_that_was_given_back_or_not_renewed_is_taken_again(engine):
    for number in range(PER_SERVER):
        take(engine, f"w{number}")
    transact(engine, lambda c: slots.free(c, "web1", 2, "w1"))
    assert (take(engine, "x"), take(engine, "y")) == (2, None)
    assert transact(engine, lambda c: slots.renew(c, {"w0": "web1"}, NOW + 2 * LONG)) == {"w0"}
    assert take(engine, "y", NOW + LONG) == 2
    assert transact(engine, lambda c: slots.renew(c, {"x": "web1", "w0": "web1"}, NOW + 3 * LONG)) == {"w0"}


def test_nobody_gives_back_the_slot_of_another(engine):
    take(engine, "mine")
    take(engine, "other", NOW + LONG)
    transact(engine, lambda c: slots.free(c, "web1", 1, "mine"))
    assert [slot.owner for slot in held(engine)] == ["other"]


def test_a_slot_that_a_clock_ahead_has_taken_is_free(engine):
    take(engine, "ahead", NOW + 2 * slots.LONGEST_SECONDS)
    assert take(engine, "now") == 1


def test_of_many_that_take_at_once_no_more_get_a_slot_than_there_are(engine):
    start, got = threading.Barrier(3 * PER_SERVER), []

    def work(number):
        start.wait(60)
        got.append(take(engine, f"w{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3 * PER_SERVER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    taken = [number for number in got if number is not None]
    assert len(got) == 3 * PER_SERVER and sorted(taken) == sorted(set(taken)) and len(taken) <= PER_SERVER
    assert len(held(engine)) == len(taken)


def test_a_job_whose_row_is_locked_is_left_to_who_works_on_it(engine):
    with engine.connect() as connection:
        if not due.skips_locked(connection):
            pytest.skip("writes one after the other, or knows no other way than to wait")
    add_job(engine, wake_at=NOW)
    with engine.begin() as other:
        other.execute(sa.text("UPDATE jobs SET percent = 1 WHERE id = 'job00001'"))
        assert not transact(engine, lambda c: due.claim(c, "job00001", "me", Moment(NOW, NOW), NOW + LONG))
    assert transact(engine, lambda c: due.claim(c, "job00001", "me", Moment(NOW, NOW), NOW + LONG))
    assert not transact(engine, lambda c: due.claim(c, "job00001", "you", Moment(NOW, NOW), NOW + LONG))
    assert read(engine).lease_owner == "me"


def many(world, number):
    placed = []
    for n in range(number):
        placed.append(world.order(domain=f"s{n}.example.com", account=f"user{n}"))
        # One is due before the other
        world.clock.pass_by(0.001)
    return placed


def test_workers_together_keep_to_the_slots_of_a_server(world, monkeypatch):
    leave, guard, most, now = threading.Event(), threading.Lock(), [], []

    def enter():
        with guard:
            now.append(1)
            most.append(len(now))
        leave.wait(60)
        with guard:
            now.pop()

    world.panel.before["ensure_account"] = enter
    placed = many(world, 3 * PER_SERVER)
    workers = [world.service.jobs.worker() for _ in range(3)]
    for one in workers:
        one.start()
    try:
        wait_until(lambda: len(now) == PER_SERVER)
        assert len(held(world.engine)) == PER_SERVER
        leave.set()
        wait_until(lambda: {world.job(job).state for job in placed} == {"dropped"}, seconds=240)
    finally:
        leave.set()
        for one in workers:
            one.stop()
    assert max(most) == PER_SERVER
    assert held(world.engine) == []


def test_a_worker_begins_no_drain_for_a_server_whose_slots_are_all_held(world, monkeypatch):
    many(world, 2)
    begun = []
    monkeypatch.setattr(world.worker, "_begin_drain", begun.append)
    for number in range(PER_SERVER - 1):
        take(world.engine, f"other{number}", world.clock())
    world.worker._begin()
    assert begun == ["web1"]
    take(world.engine, "last", world.clock())
    world.worker._begin()
    assert begun == ["web1"] and not world.worker._is_short
    world.clock.pass_by(LONG)
    world.worker._begin()
    assert begun == ["web1"] * 3


def test_a_server_whose_drains_fail_for_a_reason_nobody_foresaw_rests_and_goes_on_later(world, monkeypatch):
    job = world.order()
    begun = []

    def broken(server, *_):
        begun.append(server)
        raise ZeroDivisionError

    def a_round():
        world.worker._round()
        wait_until(lambda: not world.worker._under_way)

    with monkeypatch.context() as context:
        context.setattr(world.worker, "drain", broken)
        for _ in range(3):
            a_round()
        assert begun == ["web1"]
    assert world.worker._rests["web1"] <= time.monotonic() + worker.RESTS_SECONDS
    # As if that time were over
    world.worker._rests["web1"] = time.monotonic()
    a_round()
    assert world.job(job).state == "dropped"


def test_who_claims_waits_for_who_claims_a_job_of_the_same_server_and_tries_another_one(world, monkeypatch):
    first, second = many(world, 2)
    with reading(world.engine) as connection:
        if not due.skips_locked(connection):
            pytest.skip("writes one after the other, or knows no other way than to wait")
    take(world.engine, "another")
    tried, claim = [], world.worker._job_runner.claim

    def noted(connection, job_id, moment):
        tried.append(job_id)
        return claim(connection, job_id, moment)

    monkeypatch.setattr(world.worker._job_runner, "claim", noted)
    thread, now = threading.Thread(target=world.worker.drain, args=("web1",)), world.clock()
    with world.engine.begin() as other:
        slots.of_server(other, "web1", lock=True)
        assert due.claim(other, first.id, "other", Moment(now, now), now + LONG)
        thread.start()
        # In vain, where it waits
        thread.join(0.5)
    thread.join(60)
    assert tried == [second.id]
    assert (world.job(first).lease_owner, world.job(second).state) == ("other", "dropped")


def test_a_drain_moves_all_that_is_due_within_one_slot_and_counts_what_it_claims(world):
    many(world, 3)
    assert world.worker.drain("web1") == 3
    assert (world.worker.drain.tally.claims, world.worker.drain.tally.missed) == (3, 0)
    with reading(world.engine) as connection:
        assert len(slots.of_server(connection, "web1")) == PER_SERVER
    assert held(world.engine) == []


def test_a_drain_ends_after_its_time_and_hints_for_the_rest(world, monkeypatch):
    monkeypatch.setattr(drain, "SECONDS", 0.0)
    hinted = []
    monkeypatch.setattr(world.worker, "hint", hinted.append)
    many(world, 2)
    assert (world.worker.drain("web1"), hinted) == (1, ["web1"])
    assert (world.worker.drain("web1"), hinted) == (1, ["web1"])


def test_without_a_free_slot_nothing_is_moved(world):
    (job,) = many(world, 1)
    for number in range(PER_SERVER):
        take(world.engine, f"other{number}", world.clock())
    assert world.worker.drain("web1") == 0
    assert world.job(job).state == "received"
    world.clock.pass_by(LONG)
    assert world.worker.drain("web1") == 1


@pytest.mark.parametrize("server", ["nobody-knows-it", "", "x" * 5000, "web1'; DROP TABLE jobs; --"])
def test_a_hint_for_a_server_that_nobody_knows_does_nothing(world, server):
    world.worker.hint(server)
    assert world.worker.drain(server) == 0
    with reading(world.engine) as connection:
        assert slots.of_server(connection, server[:63]) == []


def test_who_lost_the_slot_begins_no_other_step(world, monkeypatch):
    monkeypatch.setattr(held_slots, "RENEW_SECONDS", 0.02)
    (job,) = many(world, 1)

    def lose():
        world.panel.before.clear()
        transact(world.engine, lambda c: c.execute(sa.text("UPDATE server_slots SET owner = 'other' WHERE owner > ''")))
        wait_until(lambda: "lost" in [slot.is_lost and "lost" for slot in world.worker._slots._held])

    world.panel.before["ensure_account"] = lose
    assert world.worker.drain("web1") == 1
    rows = world.steps(job)
    assert (rows["account"].state, rows["database"].attempts) == ("done", 0)
    assert [slot.owner for slot in held(world.engine)] == ["other"]
    assert world.job(job).lease_owner is None


def test_a_server_that_is_removed_leaves_no_slot(engine):
    transact(engine, lambda c: servers.add(c, servers.Server("web1", "local"), START))
    take(engine, "mine")
    transact(engine, lambda c: servers.remove(c, "web1"))
    assert held(engine) == []


def test_two_workers_with_one_name_share_neither_a_slot_nor_a_job(world):
    entered, leave = threading.Event(), threading.Event()

    def hold():
        world.panel.before.clear()
        entered.set()
        assert leave.wait(60)

    world.panel.before["ensure_account"] = hold
    first, second = many(world, 2)
    twin = world.service.jobs.worker()
    twin._slots._worker = twin._job_runner._owner = world.worker.name
    thread = threading.Thread(target=world.worker.drain, args=("web1",))
    thread.start()
    try:
        assert entered.wait(60)
        busy = next(job for job in (first, second) if world.job(job).lease_owner is not None)
        assert twin.advance(busy.id) is False
        assert twin.drain("web1") == 1
        (left,) = held(world.engine)
        assert left.owner.startswith(world.worker.name)
    finally:
        leave.set()
        thread.join(60)
    assert {world.job(job).state for job in (first, second)} == {"dropped"}
    assert sum(call[0] == "ensure_cron" for call in world.panel.calls) == 2
    assert held(world.engine) == []


@pytest.mark.parametrize("step", [-120, -2, 2, 120])
def test_a_clock_that_is_set_takes_no_slot_from_its_holder(engine, step):
    for number in range(PER_SERVER):
        take(engine, f"w{number}")
    # As the database's clock tells it until holders have renewed their leases (controller.db.connection.clock)
    moment = Moment(NOW + step, min(NOW, NOW + step))
    assert transact(engine, lambda c: slots.take(c, "web1", PER_SERVER, "x", moment, NOW + step + LONG)) is None
    later = Moment(NOW + LONG + 121, NOW + LONG + 121)
    assert transact(engine, lambda c: slots.take(c, "web1", PER_SERVER, "x", later, NOW + 3 * LONG)) == 1


def test_a_drain_without_a_free_connection_fails_and_the_next_one_moves_the_job(world):
    (job,) = many(world, 1)
    with no_free_connection(world.engine):
        with pytest.raises(ShoplaunchError) as caught:
            world.worker.drain("web1")
        assert caught.value.code == "database_busy"
    assert world.job(job).state == "received"
    assert world.worker.drain("web1") == 1
    assert held(world.engine) == []


def test_beside_other_workers_a_server_is_begun_with_by_who_was_hinted_at(world, monkeypatch):
    monkeypatch.setattr(world.worker._local_workers._wakeup, "has_others", lambda: True)
    transact(world.engine, lambda c: servers.add(c, servers.Server("web2", "local"), START))
    for server in ("web1", "web2"):
        world.order(server=server, domain=f"{server}.example.com", account=server)
    due_hint.taken()
    begun = []
    monkeypatch.setattr(world.worker, "_begin_drain", begun.append)
    due_hint.notify("web2")
    world.worker._begin()
    assert (begun, world.worker._leaves_some) == (["web2"], True)
    # Who gets the hints of web1 has not come
    world.clock.pass_by(max(worker.PATIENCE_SECONDS))
    world.worker._begin()
    assert sorted(begun) == ["web1", "web2", "web2"] and not world.worker._leaves_some
    # The next one is as new to everybody, however long the server has had others
    world.order(server="web1", domain="next.example.com", account="next")
    due_hint.taken()
    begun.clear()
    world.worker._begin()
    assert (sorted(begun), world.worker._leaves_some) == (["web1", "web2"], True)


def test_a_hint_for_a_server_of_others_lets_these_look(world, monkeypatch):
    options = worker.WorkerOptions(world.worker._local_workers._wakeup, OwnServers(("eu-*",)))
    regional = worker.Worker(world.engine, None, world.clock, options=options)
    passed_on = []
    monkeypatch.setattr(world.worker._local_workers._wakeup, "notify_others", lambda: passed_on.append(True))
    due_hint.taken()
    due_hint.notify("eu-1")
    regional._begin()
    assert passed_on == []
    due_hint.notify("us-1")
    regional._begin()
    assert passed_on == [True]


def test_a_worker_alone_waits_for_no_hint(world, monkeypatch):
    world.order()
    due_hint.taken()
    begun = []
    monkeypatch.setattr(world.worker, "_begin_drain", begun.append)
    world.worker._begin()
    assert begun == ["web1"]


def test_a_job_whose_row_is_just_being_written_is_moved_by_the_drain_that_met_it(world, monkeypatch):
    (job,) = many(world, 1)
    claim, met = world.worker._job_runner.claim, []

    def locked_at_first(connection, job_id, moment):
        met.append(job_id)
        return None if len(met) == 1 else claim(connection, job_id, moment)

    monkeypatch.setattr(world.worker._job_runner, "claim", locked_at_first)
    assert world.worker.drain("web1") == 1
    assert world.job(job).state == "dropped"
    assert (world.worker.drain.tally.claims, world.worker.drain.tally.missed) == (1, 0)


def test_a_job_that_another_worker_was_faster_to_claim_counts_as_missed(world, monkeypatch):
    (job,) = many(world, 1)

    def another_was_faster(connection, job_id, moment):
        leases.take(connection, job_id, "other", moment.leases, moment.now + LONG)

    monkeypatch.setattr(world.worker._job_runner, "claim", another_was_faster)
    assert world.worker.drain("web1") == 0
    assert (world.worker.drain.tally.claims, world.worker.drain.tally.missed) == (0, 1)
    assert world.job(job).lease_owner == "other" and held(world.engine) == []
