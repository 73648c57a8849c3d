"""The watch over a loop: what it ends the process for, counted in looks and failures; what it overlooks on purpose."""

import threading

import pytest

from controller.jobs.engine.monitoring import watchdog
from controller.jobs.engine.monitoring.watchdog import MOST_FAILURES, MOST_STILL, MOST_STILL_CHORES, Pulse, Watchdog
from controller.jobs.lifecycle import emergency_log


@pytest.fixture
def alive():
    """A thread that lives while the test does."""
    leave = threading.Event()
    thread = threading.Thread(target=leave.wait, daemon=True)
    thread.start()
    yield thread
    leave.set()
    thread.join()


def watched(thread):
    """Return (watchdog, the thread's pulse, the list of reasons for which it ended the process)."""
    pulse, ends = Pulse(), []
    return Watchdog(lambda: thread, pulse, ends.append), pulse, ends


def test_a_loop_that_makes_rounds_is_left_alone(alive):
    dog, pulse, ends = watched(alive)
    for _ in range(5 * MOST_STILL):
        pulse.rounds += 1
        dog.look()
    assert ends == []


def test_a_loop_that_stands_still_for_several_checks_is_ended(alive):
    dog, pulse, ends = watched(alive)
    for _ in range(MOST_STILL):
        dog.look()
    assert ends == []
    pulse.rounds += 1
    for _ in range(MOST_STILL):
        dog.look()
    assert ends == []
    dog.look()
    assert len(ends) == 1 and "has not moved" in ends[0]


def test_a_loop_that_only_fails_is_ended_and_one_that_recovers_is_not(alive):
    dog, pulse, ends = watched(alive)
    pulse.failures = MOST_FAILURES - 1
    dog.look()
    assert ends == []
    pulse.failures = MOST_FAILURES
    dog.look()
    assert len(ends) == 1 and f"{MOST_FAILURES} times in a row" in ends[0]


def test_a_thread_that_ended_is_noticed_at_once():
    over = threading.Thread(target=lambda: None)
    over.start()
    over.join()
    dog, _pulse, ends = watched(over)
    dog.look()
    assert ends == ["its thread has ended"]


def test_the_watch_outlives_what_it_meets(alive, monkeypatch):
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.001)
    stopping, met = threading.Event(), []

    def end(why):
        met.append(why)
        if len(met) == 3:
            stopping.set()
        raise MemoryError

    dog = Watchdog(lambda: None, Pulse(), end)
    dog.watch(stopping)
    assert len(met) == 3


def test_what_cannot_be_logged_is_said_on_standard_error(monkeypatch, capfd):
    def critical(*_about, **_more):
        raise MemoryError

    monkeypatch.setattr(emergency_log.LOG, "critical", critical)
    emergency_log.report("x", None)
    assert "cannot be logged" in capfd.readouterr().err


def test_a_loop_that_ended_because_it_was_asked_to_is_no_trouble(monkeypatch):
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.001)
    stopping, ends = threading.Event(), []
    # Asked between the wait and the look
    Watchdog(stopping.set, Pulse(), ends.append).watch(stopping)
    assert ends == []


def test_a_chore_that_hangs_is_ended_and_a_slow_one_is_not(alive):
    pulse, chores, ends = Pulse(), Pulse(), []
    under_way = [chores]
    dog = Watchdog(lambda: alive, pulse, ends.append, lambda: under_way[0])

    def look(times, moved=0):
        for _ in range(times):
            pulse.rounds += 1
            chores.rounds += moved
            dog.look()

    look(3 * MOST_STILL_CHORES, moved=1)
    look(MOST_STILL_CHORES - 1)
    # It ended, and was begun again
    under_way[0] = None
    look(1)
    under_way[0] = chores
    look(MOST_STILL_CHORES)
    assert ends == []
    look(1)
    assert len(ends) == 1 and "belongs to no job" in ends[0]
