"""However many sign in at the same instant, no more memory is taken than for a few passwords."""

import threading

import pytest
from werkzeug import security

from controller.access import passwords
from tests.attacks.table import attack

MANY = 24


@attack("strangers send a login by every thread of the web server", "a few passwords are looked at, the others wait")
def test_a_few_passwords_are_looked_at_at_once(monkeypatch):
    # It is broken by its first time-out: nobody waits after that
    more = threading.Barrier(passwords.AT_ONCE + 1)

    def look(_hashed, _password):
        try:
            more.wait(3)
        except threading.BrokenBarrierError:
            return True
        raise AssertionError("more than so many at once")

    monkeypatch.setattr(security, "check_password_hash", look)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(passwords.is_right("hash", "password"))) for _ in range(MANY)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert found == [True] * MANY


@pytest.mark.parametrize("given", ["right", "wrong"])
def test_a_password_is_right_or_not(given):
    assert passwords.is_right(passwords.hashed("right"), given) is (given == "right")
