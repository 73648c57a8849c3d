"""When a shop on http is looked at again, a certificate is requested again, and when that ends."""

import pytest

from controller.db.facts import Tls
from controller.jobs.engine.operations import tls_follow_up
from controller.jobs.engine.operations.tls_follow_up import GIVE_UP_SECONDS
from controller.jobs.shop.tls import ASK_PAUSES, ASKED, PAUSES, PAUSES_ELSEWHERE, REASON_CHARS, WAITING
from tests.support.state.job_rows import job_row

NOW = 100_000_000.0
LIVE = {"state": "live", "facts": {"tls": "waiting", "tls_next": 77.0}}


@pytest.mark.parametrize(
    ("columns", "at"),
    [
        (LIVE, 77.0),
        ({**LIVE, "facts": {}}, None),
        ({**LIVE, "state": "restoring"}, None),
        ({**LIVE, "state": "failed"}, None),
        ({**LIVE, "kind": "https_on"}, None),
        ({**LIVE, "ended_at": 50.0}, None),
        ({**LIVE, "facts": {**LIVE["facts"], "removed": True}}, None),
    ],
    ids=["waits", "nothing noted", "not live yet", "failed", "a follow-up job", "ended", "removed"],
)
def test_only_a_shop_that_lives_is_looked_at_again(columns, at):
    assert tls_follow_up.next_check_at(job_row(**columns)) == at


def looked(known, pauses=PAUSES[1:], state=WAITING):
    return tls_follow_up._again(known, state, "no certificate", NOW, pauses)


@pytest.mark.parametrize("pauses", [PAUSES[1:], PAUSES_ELSEWHERE], ids=["leads here", "leads elsewhere"])
def test_each_look_waits_for_the_next_pause_and_the_last_one_is_repeated(pauses):
    known = Tls(state=WAITING, since=NOW, asked_at=NOW, asks=len(ASK_PAUSES))
    waited = []
    for _look in range(len(pauses) + 2):
        known = looked(known, pauses)
        waited.append(known.next - NOW)
    assert waited == [*pauses, pauses[-1], pauses[-1]]
    assert known.looks == len(pauses) + 2


def test_the_next_look_is_no_later_than_the_next_request():
    known = Tls(state=ASKED, since=NOW, looks=50, asked_at=NOW - ASK_PAUSES[0] + 20.0, asks=1)
    assert looked(known).next == NOW + 20.0
    # One that is due already has been made in this look
    assert looked(Tls(looks=50, asked_at=NOW - ASK_PAUSES[0] - 20.0, asks=1)).next == NOW + PAUSES[-1]


@pytest.mark.parametrize(
    ("asked_at", "asks", "at"),
    [
        (None, 0, NOW),
        (None, 3, NOW),
        (NOW, 0, NOW + ASK_PAUSES[0]),
        (NOW, 1, NOW + ASK_PAUSES[0]),
        (NOW, 2, NOW + ASK_PAUSES[1]),
        (NOW, 3, NOW + ASK_PAUSES[2]),
        (NOW, 9, NOW + ASK_PAUSES[-1]),
    ],
)
def test_a_certificate_is_requested_at_once_and_then_ever_more_rarely(asked_at, asks, at):
    assert tls_follow_up._ask_at(Tls(asked_at=asked_at, asks=asks), NOW) == at


@pytest.mark.parametrize(
    ("since", "ends"), [(None, False), (NOW, False), (NOW - GIVE_UP_SECONDS, False), (NOW - GIVE_UP_SECONDS - 1, True)]
)
def test_after_two_months_nobody_looks_any_more(since, ends):
    assert (looked(Tls(since=since)).next is None) is ends


def test_what_was_seen_is_noted_and_no_longer_than_a_page_shows():
    found = tls_follow_up._again(Tls(since=NOW, refused="no"), ASKED, "x" * (REASON_CHARS + 5), NOW)
    assert (found.state, found.reason, found.refused) == (ASKED, "x" * REASON_CHARS, "no")
