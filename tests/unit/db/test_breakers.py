"""A server's breaker: three failures in a row open it, each failed probe opens it for longer, an answer closes it."""

from dataclasses import replace

import pytest

from controller.db.machines.breakers import LONGEST_PROBE_SECONDS, PAUSES, after_failure
from tests.support.clock import START as NOW


def failed(times, at=NOW, known=None):
    """Return the breaker after so many failures at `at`."""
    for _ in range(times):
        known = after_failure(known, "web1", "no answer", at)
    return known


def test_two_failures_leave_it_closed_and_the_third_opens_it():
    assert not failed(1).is_open and not failed(2).is_open
    opened = failed(3)
    assert (opened.is_open, opened.next_at, opened.failures, opened.since) == (True, NOW + PAUSES[0], 3, NOW)


def test_nobody_calls_before_the_next_look_and_then_one_does():
    opened = failed(3)
    just_before, then = opened.next_at - 0.001, opened.next_at
    assert opened.rests(just_before) and not opened.may_probe(just_before, just_before)
    assert not opened.rests(then) and opened.may_probe(then, then)


def test_failures_of_calls_that_were_under_way_move_no_probe():
    opened = failed(3)
    later = failed(5, NOW + 20, opened)
    assert (later.next_at, later.opened) == (opened.next_at, 1)
    assert (later.failures, later.failed_at, later.since) == (8, NOW + 20, NOW)


def test_each_failed_probe_is_waited_for_longer_up_to_ten_minutes():
    found, waits = failed(3), []
    for _ in range(8):
        waits.append(found.next_at - found.failed_at)
        found = after_failure(found, "web1", "no answer", found.next_at)
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]


def test_one_call_is_the_probe_until_its_lease_ends():
    opened = failed(3)
    then = opened.next_at
    probed = replace(opened, probe_by="a", probe_until=then + 150)
    assert probed.may_probe(then, then, "a")
    assert not probed.may_probe(then, then, "b") and not probed.may_probe(then, then)
    assert probed.may_probe(then + 150, then + 150, "b")


def test_a_failed_probe_frees_its_lease():
    opened = failed(3)
    probed = replace(opened, probe_by="a", probe_until=opened.next_at + 150)
    after = after_failure(probed, "web1", "no answer", opened.next_at + 5)
    assert (after.probe_by, after.probe_until, after.opened) == (None, None, 2)


def test_a_lease_is_judged_by_the_time_before_a_clock_was_set_forward():
    opened = failed(3)
    then = opened.next_at
    probed = replace(opened, probe_by="a", probe_until=then + 150)
    assert not probed.may_probe(then + 10_000, then + 10, "b")


@pytest.mark.parametrize("step", [-120, 120])
def test_a_clock_that_is_set_by_two_minutes_moves_the_next_look_by_as_much(step):
    opened = failed(3)
    # By the clock that was set, and by the one before
    for real in (PAUSES[0], PAUSES[0] - step):
        now = NOW + real + step
        assert opened.rests(now) == (real + step < PAUSES[0])
    assert opened.may_probe(NOW + PAUSES[0], NOW + PAUSES[0])


def test_a_failure_at_a_time_before_the_first_one_keeps_the_order_of_the_times():
    found = failed(1, NOW - 120, failed(2))
    assert found.since == found.failed_at == NOW - 120
    assert found.next_at == NOW - 120 + PAUSES[0]


def test_a_look_that_a_clock_far_ahead_has_put_off_is_due():
    opened = replace(failed(3), next_at=NOW + 86_400)
    assert not opened.rests(NOW) and opened.may_probe(NOW, NOW)
    probed = replace(opened, probe_by="a", probe_until=NOW + LONGEST_PROBE_SECONDS + 1)
    assert probed.may_probe(NOW, NOW, "b")


def test_a_long_reason_is_cut_to_its_column():
    assert len(after_failure(None, "web1", "x" * 2000, NOW).reason) == 500


def test_the_job_of_a_probe_that_is_answered_late_goes_on_alone():
    opened = failed(3)
    then = opened.next_at
    probed = replace(opened, probe_by="a", probe_until=then + 150)
    late = after_failure(probed, "web1", "75 seconds", then + 75, "a")
    assert late.may_probe(then + 75, then + 75, "a") and not late.may_probe(then + 75, then + 75, "b")
    assert after_failure(probed, "web1", "75 seconds", then + 75, "b").rests(then + 76)
