"""One call tries a login that has not worked lately; nobody waits long for one that an account's owner may hold up."""

import threading

import pytest

from controller.panels.cpanel.api import call_limits
from controller.panels.cpanel.api.call_limits import CallLimiter


@pytest.fixture
def limiter():
    return CallLimiter(threading.BoundedSemaphore(4))


def another_call(limiter):
    """Return the thread of a call about the server."""

    def call():
        with limiter.passed():
            pass

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def test_others_wait_for_the_end_of_the_call_that_tries_the_login(limiter):
    with limiter.passed():
        waiting = another_call(limiter)
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join(60)
    assert not waiting.is_alive()


def test_others_wait_no_longer_once_the_login_has_worked(limiter):
    with limiter.passed():
        waiting = another_call(limiter)
        limiter.let_in()
        waiting.join(20)
        assert not waiting.is_alive()


def test_an_account_that_hangs_while_its_call_tries_the_login_keeps_no_other_call_waiting(limiter, monkeypatch):
    monkeypatch.setattr(call_limits, "ACCOUNT_SECONDS", 0.05)
    with limiter.passed("nora"):
        waiting = another_call(limiter)
        waiting.join(20)
        assert not waiting.is_alive()
