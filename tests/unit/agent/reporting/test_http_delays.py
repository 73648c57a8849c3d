"""How long the agent waits before it asks again, and what it believes of a server's clock."""

from email.utils import formatdate

import pytest

from agent.reporting.http import MAX_DELAY_SECONDS, Answer, Backoff
from tests.attacks.table import attack

#: As no calendar has it, and no library counts it.
NO_DATE = "Mon, 01 Jan 99999999999 00:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("7", 7, 7), ("100000", MAX_DELAY_SECONDS, MAX_DELAY_SECONDS), (formatdate(0, usegmt=True), 0, 0)],
)
def test_retry_after_is_read_in_both_forms_and_bounded(text, low, high):
    assert low <= Answer(503, {"Retry-After": text}, b"").retry_after() <= high


def test_a_clock_that_no_calendar_has_is_none():
    assert Answer(200, {"Date": NO_DATE}, b"").date() is None
    assert Answer(200, {"Date": formatdate(1_700_000_000, usegmt=True)}, b"").date() == 1_700_000_000


@attack(
    "a store of bundles, or what stands before it, names a time to wait that is no number, or that no calendar has",
    "it counts as none, and the agent asks again as it would have",
)
@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5", "²", NO_DATE])
def test_a_retry_after_that_says_nothing_is_none(text):
    assert Answer(503, {"Retry-After": text}, b"").retry_after() is None


def is_about(delay, wanted):
    """Within a fifth; numbers of the machine are a little more or less than that."""
    return 0.7999 * wanted <= delay <= 1.2001 * wanted


def test_delays_grow_up_to_a_bound_and_start_over_after_success():
    backoff = Backoff(first=1.0, longest=8.0)
    delays = [backoff.next_delay() for _ in range(6)]
    assert all(is_about(delay, wanted) for delay, wanted in zip(delays, [1, 2, 4, 8, 8, 8], strict=True))
    assert backoff.next_delay(retry_after=3.0) == 3.0
    backoff.reset()
    assert is_about(backoff.next_delay(), 1)
