"""The pauses between looks for a certificate, what a panel's answer is worth, and where a domain leads."""

import pytest

from controller.db.facts import Tls
from controller.jobs.lifecycle.panel_access import panel_lockout
from controller.jobs.shop import tls
from controller.jobs.shop.tls import ASK_PAUSES, ASKED, PAUSES, PAUSES_ELSEWHERE, REASON_CHARS, WAITING
from controller.panels.base import SiteAddress
from shared.errors import ShoplaunchError

KNOWN = Tls(state=WAITING, reason="r", since=5.0, looks=4, next=8.0, asked_at=6.0, asks=2, refused="no")


@pytest.mark.parametrize("pauses", [PAUSES, PAUSES_ELSEWHERE, ASK_PAUSES], ids=["here", "elsewhere", "requests"])
def test_pauses_grow(pauses):
    assert list(pauses) == sorted(set(pauses)) and pauses[0] > 0


def test_requests_stay_within_five_failures_an_hour():
    assert ASK_PAUSES[0] * 5 >= 3600.0


def test_a_shop_that_starts_waiting_is_looked_at_after_the_first_pause():
    assert tls.begun(KNOWN, ASKED, 100.0) == Tls(
        ASKED, "r", since=100.0, looks=0, next=100.0 + PAUSES[0], asked_at=6.0, asks=2, refused="no"
    )


def test_a_domain_that_leads_elsewhere_has_had_its_first_look_and_no_request():
    assert tls.elsewhere(KNOWN, 100.0) == Tls(
        WAITING, "r", since=5.0, looks=1, next=100.0 + PAUSES_ELSEWHERE[0], asked_at=None, asks=0, refused="no"
    )


class OfAnswer:
    """A panel that answers a request for a certificate with `answer`, or raises it."""

    def __init__(self, answer):
        self._answer = answer

    def request_tls(self, account):
        if isinstance(self._answer, ShoplaunchError):
            raise self._answer
        return self._answer


def error_of(code, message="m", retryable=False):
    return ShoplaunchError(code, message, retryable=retryable)


@pytest.mark.parametrize(
    ("answer", "state", "refused"),
    [
        (True, ASKED, None),
        (error_of("panel_refused", "no record"), WAITING, "no record"),
        (error_of("panel_refused", "x" * 900), WAITING, "x" * REASON_CHARS),
    ],
)
def test_a_request_counts_whether_the_panel_accepts_or_refuses(answer, state, refused):
    found = tls.asked(OfAnswer(answer), None, KNOWN, 100.0)
    assert (found.state, found.refused, found.asked_at, found.asks) == (state, refused, 100.0, 3)
    assert (found.looks, found.next, found.since) == (4, 8.0, 5.0)


def test_a_panel_that_issues_none_is_seen_as_such():
    assert tls.asked(OfAnswer(False), None, KNOWN, 100.0) is None


@pytest.mark.parametrize("answer", [error_of("panel_unreachable", retryable=True), error_of(panel_lockout.CODE)])
def test_what_may_pass_by_itself_is_no_request(answer):
    with pytest.raises(ShoplaunchError) as raised:
        tls.asked(OfAnswer(answer), None, KNOWN, 100.0)
    assert raised.value is answer


def answered(*ips):
    return [(2, 1, 6, "", (ip, 0)) for ip in ips]


@pytest.mark.parametrize(
    ("answer", "address", "leads"),
    [
        (answered("192.0.2.1"), SiteAddress("192.0.2.1"), True),
        (answered("192.0.2.9", "192.0.2.1"), SiteAddress("192.0.2.1"), True),
        (answered("192.0.2.9"), SiteAddress("192.0.2.1"), False),
        (answered("198.51.100.1"), SiteAddress("10.0.0.1", public_ip="198.51.100.1"), True),
        (answered("10.0.0.1"), SiteAddress("10.0.0.1", public_ip="198.51.100.1"), False),
        (OSError("unknown"), SiteAddress("192.0.2.1"), False),
        (TimeoutError(), SiteAddress("192.0.2.1"), None),
    ],
)
def test_where_a_domain_leads(monkeypatch, answer, address, leads):
    def resolve(host, port, seconds):
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(tls, "resolve", resolve)
    assert tls.leads_to(address, "shop.example") is leads
