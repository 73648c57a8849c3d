"""How an agent waits for its database: the pauses, when it says so, and when it gives up."""

import pytest

from agent.database.patience import (
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    PATIENCE_SECONDS,
    QUIET_SECONDS,
    TRANSIENT,
    Patience,
)
from agent.session import lock
from shared.errors import ShoplaunchError

BUSY = ShoplaunchError("db_busy", "locked")


class Time:
    """A clock that only sleeping moves; `slept` are the pauses since it was last taken."""

    def __init__(self):
        self.now, self._slept = 1000.0, 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self._slept += seconds

    def slept(self):
        found, self._slept = self._slept, 0.0
        return pytest.approx(found, abs=0.02)


@pytest.fixture
def time():
    return Time()


def made(time, **more):
    return Patience(lambda: None, clock=time.clock, sleep=time.sleep, **more)


def pause(time, patience):
    patience.failure(BUSY)
    return time.slept()


def test_pauses_double_up_to_the_longest(time):
    patience = made(time)
    assert [pause(time, patience) for _try in range(7)] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert (FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS) == (0.2, 5.0)


def test_a_success_starts_the_pauses_anew(time):
    patience = made(time)
    assert [pause(time, patience), pause(time, patience)] == [0.2, 0.4]
    patience.success()
    assert pause(time, patience) == 0.2


@pytest.mark.parametrize("code", TRANSIENT)
def test_what_may_pass_is_waited_for(time, code):
    made(time).failure(ShoplaunchError(code, "m"))
    assert time.slept() == FIRST_PAUSE_SECONDS


@pytest.mark.parametrize("code", ["db_access_denied", "disk_full", "bundle_damaged"])
def test_what_does_not_pass_is_raised_without_a_pause(time, code):
    error = ShoplaunchError(code, "m")
    with pytest.raises(ShoplaunchError) as raised:
        made(time).failure(error)
    assert raised.value is error and time.slept() == 0.0


def test_it_gives_up_after_its_time_and_before_the_lock_counts_as_hung(time):
    patience = made(time)
    time.now += PATIENCE_SECONDS
    patience.failure(BUSY)
    with pytest.raises(ShoplaunchError, match="db_busy"):
        patience.failure(BUSY)
    assert PATIENCE_SECONDS < lock.HUNG_SECONDS


def test_it_is_reported_once_when_nothing_has_succeeded_for_a_while(time):
    heard = []
    patience = made(time, on_waiting=heard.append)
    time.now += QUIET_SECONDS
    patience.failure(BUSY)
    assert heard == []
    patience.failure(BUSY)
    patience.failure(BUSY)
    assert heard == [BUSY]
    patience.success()
    time.now += QUIET_SECONDS + 1
    patience.failure(BUSY)
    assert heard == [BUSY, BUSY]


def test_a_success_elsewhere_keeps_this_one_patient(time):
    others = made(time)
    patience = made(time, others=others)
    time.now += PATIENCE_SECONDS + 1
    others.success()
    patience.failure(BUSY)
    assert time.slept() == FIRST_PAUSE_SECONDS
    time.now += PATIENCE_SECONDS + 1
    patience.success()
    assert others.since == time.now


def test_a_pause_ends_when_the_job_is_not_current_any_more(time):
    def check():
        if time.now > 1000.5:
            raise ShoplaunchError("job_expired", "newer")

    patience = Patience(check, clock=time.clock, sleep=time.sleep)
    patience._pause = LONGEST_PAUSE_SECONDS
    with pytest.raises(ShoplaunchError, match="job_expired"):
        patience.failure(BUSY)
    assert time.now < 1000.0 + LONGEST_PAUSE_SECONDS


def test_work_is_repeated_until_it_succeeds(time):
    outcomes = [BUSY, BUSY, "done"]

    def work():
        outcome = outcomes.pop(0)
        if outcome is BUSY:
            raise BUSY
        return outcome

    assert made(time).run(work) == "done"
    assert time.slept() == 0.6


def test_a_failure_after_a_success_within_the_same_try_has_not_lasted(time):
    patience = made(time)
    tries = []

    def work():
        tries.append(time.now)
        time.now += PATIENCE_SECONDS + 1
        if len(tries) < 3:
            patience.success()
            raise BUSY
        return "done"

    assert patience.run(work) == "done" and len(tries) == 3
