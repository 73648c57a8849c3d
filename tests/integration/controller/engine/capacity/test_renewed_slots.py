"""A slot is its holder's for as long as the holder works: its lease is renewed, however long a job takes."""

import threading

from controller.db.connection.clock import Moment
from controller.db.connection.engine import reading
from controller.db.machines import slots
from controller.jobs.engine.capacity import slots as held_slots
from controller.jobs.lifecycle import lease
from tests.support.waiting import wait_until


def held(engine):
    with reading(engine) as connection:
        return slots.held(connection)


def test_a_slot_is_held_as_long_as_its_holder_works(world, monkeypatch):
    monkeypatch.setattr(held_slots, "RENEW_SECONDS", 0.02)
    monkeypatch.setattr(lease, "RENEWALS", 600)
    entered, leave = threading.Event(), threading.Event()
    world.panel.before["ensure_account"] = lambda: (entered.set(), leave.wait(60))
    job = world.order()
    thread = threading.Thread(target=world.worker.drain, args=("web1",))
    thread.start()
    try:
        assert entered.wait(60)
        (taken,) = held(world.engine)
        for _ in range(3):
            # Without a renewal it would be over in a second
            world.clock.pass_by(held_slots.SECONDS - 1)
            until = world.clock() + held_slots.SECONDS
            wait_until(lambda end=until: [slot.until for slot in held(world.engine)] == [end])
            wait_until(lambda end=until: world.job(job).lease_until >= end)
        (kept,) = held(world.engine)
        now = world.clock()
        assert (kept.number, kept.owner) == (taken.number, taken.owner)
        assert now > taken.until and not kept.is_free(Moment(now, now))
    finally:
        leave.set()
        thread.join(60)
    assert (world.job(job).state, held(world.engine)) == ("dropped", [])
