"""When a site is asked for a starter again, and what its answers come to."""

from email.message import Message

import pytest

from controller.network.failures import SLOW, NetworkError
from controller.network.http_client import HttpAnswer, Origin
from controller.panels.cpanel.start import web_start
from controller.panels.cpanel.start.starter import Starter

PLACE = web_start.Place("shop.example.com", Origin("192.0.2.1", 80), lambda: Origin("192.0.2.1", 443), 443, "", "")


class Site:
    """A site that knows no starter, and a clock that only its answers and pauses move; each answer takes `seconds`."""

    def __init__(self, seconds):
        self.seconds, self.now, self.requests = seconds, 100.0, 0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def asked(self, _origin, _name, _starter, left):
        self.requests += 1
        self.now += min(left, self.seconds)
        if left < self.seconds:
            raise NetworkError(SLOW, "no whole answer in time", was_connected=True)
        return HttpAnswer(404, Message(), b"")


def outcome(monkeypatch, seconds, within):
    site = Site(seconds)
    monkeypatch.setattr(web_start, "time", site)
    monkeypatch.setattr(web_start, "_asked", site.asked)
    found = web_start.ask(PLACE, Starter(b"key", "job00001", 1), 100.0 + within)
    return found, site.requests


@pytest.mark.parametrize("within", [1.0, 1.2, 1.35])
def test_a_request_that_would_be_cut_off_leaves_no_doubt_about_those_before(monkeypatch, within):
    found, requests = outcome(monkeypatch, 0.3, within)
    assert (found.gone, found.unsure) == (True, False) and requests > 0


def test_a_site_is_asked_however_little_time_is_left(monkeypatch):
    found, requests = outcome(monkeypatch, 0.3, 0.2)
    assert (found.gone, found.unsure, requests) == (False, True, 1)
