"""A finished shop is visited before new orders go on, however many there are."""

import threading

from controller.db import due
from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers, servers, slots
from controller.jobs.engine import visiting
from controller.jobs.engine.capacity import thread_shares
from controller.jobs.engine.capacity.thread_shares import FOR_ORDERS, FOR_VISITS, PER_SERVER
from tests.integration.controller.rows import NOW, add_job
from tests.support.clock import START
from tests.support.waiting import wait_until


def finish(world, job, agent):
    """The agent of the job is done, and gone."""
    world.serve(job)
    agent.restore()
    agent.clean()


def take(world, owner):
    """Another one holds the first free slot of the server."""
    now = world.clock()

    def work(connection):
        slots.make(connection, "web1", PER_SERVER)
        return slots.take(connection, "web1", PER_SERVER, owner, Moment(now, now), now + 600)

    return transact(world.engine, work)


def test_a_finished_shop_is_visited_while_new_orders_hold_all_threads(world, monkeypatch):
    monkeypatch.setattr(thread_shares, "THREADS", 2)
    finished, agent = world.dropped()
    entered, leave = threading.Semaphore(0), threading.Event()

    def hold():
        entered.release()
        assert leave.wait(120)

    world.panel.before["ensure_account"] = hold
    orders = [world.order(domain=f"s{n}.example.com", account=f"user{n}") for n in range(4)]
    world.worker.start()
    try:
        assert entered.acquire(timeout=60)
        wait_until(lambda: world.worker._is_short)
        finish(world, finished, agent)
        wait_until(lambda: world.job(finished).state == "live")
        assert not any(world.job(order).state == "dropped" for order in orders)
        leave.set()
        wait_until(lambda: {world.job(order).state for order in orders} == {"dropped"})
    finally:
        leave.set()
        world.worker.stop()


def test_once_agents_work_on_a_server_new_orders_leave_one_slot_to_visits(world):
    world.dropped(domain="other.example.com", account="other")
    finished, agent = world.dropped()
    order = world.order(domain="new.example.com", account="newcomer")
    for number in range(PER_SERVER):
        take(world, f"other{number}")
    transact(world.engine, lambda c: slots.free(c, "web1", FOR_VISITS, f"other{FOR_VISITS - 1}"))
    with reading(world.engine) as connection:
        moment = Moment(world.clock(), world.clock())
        assert visiting.with_slots(connection, moment, due.servers(connection, moment)[0]) == [("web1", 0, 0, 0, 0, 0)]
    assert world.worker.drain("web1") == 0
    finish(world, finished, agent)
    assert world.worker.drain("web1") == 1
    assert (world.job(finished).state, world.job(order).state) == ("live", "received")


def test_before_agents_work_on_a_server_its_orders_take_all_slots(world):
    order = world.order()
    for number in range(PER_SERVER):
        take(world, f"other{number}")
    transact(world.engine, lambda c: slots.free(c, "web1", FOR_VISITS, f"other{FOR_VISITS - 1}"))
    assert world.worker.drain("web1") == 1
    assert world.job(order).state == "dropped"


def test_an_order_rests_between_two_steps_where_a_finished_shop_waits_for_its_slot(world):
    finished, agent = world.dropped()
    world.order(domain="new.example.com", account="newcomer")
    slot = min(set(range(1, PER_SERVER + 1)) - {FOR_ORDERS, FOR_VISITS})
    for number in range(PER_SERVER):
        take(world, f"other{number}")
    transact(world.engine, lambda c: slots.free(c, "web1", slot, f"other{slot - 1}"))
    states = []

    def note():
        states.append(world.job(finished).state)
        if len(states) == 1:
            finish(world, finished, agent)

    world.panel.before["ensure_account"] = world.panel.before["ensure_cron"] = note
    assert world.worker.drain("web1") == 3
    assert states == ["dropped", "live"]


def test_an_order_goes_on_where_the_finished_shop_has_a_slot(world):
    finished, agent = world.dropped()
    order = world.order(domain="new.example.com", account="newcomer")
    for number in range(PER_SERVER):
        take(world, f"other{number}")
    slot = min(set(range(1, PER_SERVER + 1)) - {FOR_ORDERS, FOR_VISITS})
    transact(world.engine, lambda c: slots.free(c, "web1", slot, f"other{slot - 1}"))
    transact(world.engine, lambda c: slots.free(c, "web1", FOR_VISITS, f"other{FOR_VISITS - 1}"))
    world.panel.before["ensure_account"] = lambda: finish(world, finished, agent)
    states = []
    world.panel.before["ensure_cron"] = lambda: states.append(world.job(finished).state)
    assert world.worker.drain("web1") == 2
    assert states == ["finishing"]
    assert (world.job(finished).state, world.job(order).state) == ("live", "dropped")


def test_an_order_in_the_slot_that_visits_leave_to_orders_goes_on(world):
    finished, agent = world.dropped()
    order = world.order(domain="new.example.com", account="newcomer")
    for number in range(PER_SERVER):
        take(world, f"other{number}")
    transact(world.engine, lambda c: slots.free(c, "web1", FOR_ORDERS, f"other{FOR_ORDERS - 1}"))

    def note():
        finish(world, finished, agent)

    world.panel.before["ensure_account"] = note
    assert world.worker.drain("web1") == 1
    assert (world.job(finished).state, world.job(order).state) == ("finishing", "dropped")


def test_visits_are_begun_only_where_the_last_call_was_answered_and_beside_none_that_is_held(engine):
    for server in ("web1", "web2", "web3"):
        transact(engine, lambda c, server=server: servers.add(c, servers.Server(server, "local"), START))
    add_job(engine, "done1", state="finishing", wake_at=NOW - 1)
    add_job(engine, "done2", server="web2", state="finishing", wake_at=NOW - 2)
    add_job(engine, "new3", server="web3", wake_at=NOW - 3)
    moment = Moment(NOW, NOW)
    with reading(engine) as connection:
        assert list(due.visits(connection, moment).items()) == [("web2", (1, NOW - 2)), ("web1", (1, NOW - 1))]
        assert visiting.look(connection, moment, lambda _server: False) == {"web2": 1, "web1": 1}
    early = Moment(NOW - 0.9, NOW - 0.9)
    with reading(engine) as connection:
        # Shops of another worker's servers are left to that one for a while
        assert visiting.look(connection, early, lambda _server: False) == {"web2": 1}
        assert visiting.look(connection, early, lambda server: server == "web1") == {"web2": 1, "web1": 1}
    transact(engine, lambda c: breakers.note_failure(c, "web2", "no answer", NOW))
    assert transact(engine, lambda c: due.claim(c, "done1", "me", moment, NOW + 90))
    with reading(engine) as connection:
        assert due.visits(connection, moment) == {}
