"""Two calls of a panel in parallel."""

import threading

import pytest

from controller.panels.both import both
from controller.telemetry.job_at_hand import job_at_hand, working_on


def test_neither_call_waits_for_the_others_end():
    meeting = threading.Barrier(2, timeout=60)
    assert sorted(both(meeting.wait, meeting.wait)) == [0, 1]


def test_both_calls_are_work_on_the_same_job():
    with working_on("job00001", "web1", 2):
        first, second = both(job_at_hand, job_at_hand)
    assert first == second and first.job == "job00001"


@pytest.mark.parametrize("which", ["first", "second", "both"])
def test_a_failure_is_raised_once_both_have_ended(which):
    ended = []

    def call(name):
        ended.append(name)
        if which in (name, "both"):
            raise ValueError(name)

    with pytest.raises(ValueError, match="second" if which == "second" else "first"):
        both(lambda: call("first"), lambda: call("second"))
    assert sorted(ended) == ["first", "second"]
