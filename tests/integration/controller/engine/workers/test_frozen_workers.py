"""A worker's process that was frozen for longer than its leases wakes up to a job that is another's, and works on."""

import json
import os
import signal

import pytest

from controller.db.connection.engine import reading
from controller.db.machines import slots
from tests.attacks.clocks.clock_process import SECONDS
from tests.support.waiting import wait_until
from tests.support.worlds.world import DOMAIN

PREPARES = "ensure_account:alice"


def slot_owners(shared):
    with reading(shared.engine) as connection:
        return {slot.owner for slot in slots.held(connection)}


def hang_up(shared):
    """The server ends all connections, as it does with those that are silent for hours."""
    shared.engine.dispose()
    with shared.engine.connect() as connection:
        others = "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()"
        for (number,) in list(connection.exec_driver_sql(others)):
            connection.exec_driver_sql(f"KILL {number}")


def calls_of(shared, name):
    lines = (shared.folder / "calls").read_text().splitlines()
    return [call for *call, by in map(json.loads, lines) if by == name]


# Nothing but time ends its leases: that is waited for
@pytest.mark.nightly
def test_a_process_that_was_frozen_for_longer_than_its_leases_does_no_more_for_a_job_that_is_anothers(shared):
    frozen = shared.start("frozen", {}, PREPARES)
    job = shared.order()
    shared.is_in(PREPARES)
    before = slot_owners(shared)
    frozen.send_signal(signal.SIGSTOP)
    hang_up(shared)
    other = shared.start("other", {})
    wait_until(lambda: shared.job(job).state == "dropped", seconds=SECONDS)
    shared.play_agent(job)
    shared.until_ended(job)
    wait_until(lambda: not slot_owners(shared) - before, seconds=SECONDS)
    left, steps = shared.job(job), shared.steps(job)
    shared.go(PREPARES)
    os.kill(frozen.pid, signal.SIGCONT)
    shared.more("looks", "frozen")
    # The call that was under way has ended, and nothing came after it
    assert calls_of(shared, "frozen") == [["ensure_account", "alice"]]
    assert (shared.job(job), shared.steps(job)) == (left, steps) and left.state == "live"
    assert shared.notes.calls("hand_over", DOMAIN) == ["other"]
    # It works on: with new connections, within slots of its own
    other.send_signal(signal.SIGSTOP)
    following = shared.order(domain="next.example.com", account="bob")
    wait_until(lambda: shared.job(following).state == "dropped", seconds=SECONDS)
    assert shared.notes.calls("ensure_account", "bob") == ["frozen"]
