"""Failed logins in the real database: an address and a user have to wait, each by its own count."""

import threading

import pytest

from controller.db.connection.engine import transact
from controller.db.identities import access
from controller.db.identities.logins import (
    ADDRESS_DELAY_SECONDS,
    MAX_PER_ADDRESS,
    MAX_PER_USER,
    USER_DELAY_SECONDS,
    WINDOW_SECONDS,
    LoginThrottle,
)
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.clock import Clock
from tests.support.state.state_database import KINDS

pytestmark = pytest.mark.parametrize("engine", KINDS, indirect=True)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(engine, clock):
    # The rows of the operators are what attempts wait for each other at
    transact(engine, lambda connection: access.add_operator(connection, "nora", "a hash", clock()))
    return LoginThrottle(engine, clock)


def attempts_until_refused(throttle, pairs):
    for number, (user, address) in enumerate(pairs):
        try:
            throttle.begin(user, address)
        except ShoplaunchError as error:
            assert error.code == "login_throttled"
            assert 1 <= error.details["retry_after_seconds"] <= WINDOW_SECONDS
            return number
    return None


def test_an_address_waits_whatever_users_it_tries(throttle):
    assert attempts_until_refused(throttle, ((f"user{n}", "192.0.2.1") for n in range(99))) == MAX_PER_ADDRESS
    throttle.begin("user0", "192.0.2.2")


def test_a_user_waits_whatever_addresses_try(throttle, clock):
    assert attempts_until_refused(throttle, (("admin", f"192.0.2.{n}") for n in range(99))) == MAX_PER_USER
    # A delay, and no lock
    clock.now += USER_DELAY_SECONDS
    throttle.begin("admin", "198.51.100.1")
    assert attempts_until_refused(throttle, [("admin", "198.51.100.2")]) == 0


def test_waiting_ends_and_refused_attempts_do_not_prolong_it(throttle, clock):
    attempts_until_refused(throttle, (("admin", "192.0.2.1") for _ in range(99)))
    clock.now += ADDRESS_DELAY_SECONDS - 1
    with pytest.raises(ShoplaunchError):
        throttle.begin("admin", "192.0.2.1")
    clock.now += 2
    throttle.begin("admin", "192.0.2.1")


def test_a_right_password_forgets_the_wrong_ones(throttle):
    for _ in range(MAX_PER_ADDRESS - 1):
        throttle.begin("admin", "192.0.2.1")
    throttle.succeeded("admin", "192.0.2.1")
    assert attempts_until_refused(throttle, (("admin", "192.0.2.1") for _ in range(99))) == MAX_PER_ADDRESS


@attack(
    "a stranger behind the address of an operator with a new device types wrong passwords until it is refused",
    "the device waits a minute and a half: an address is slowed down, and not locked",
)
def test_an_address_is_slowed_down_and_not_locked(throttle, clock):
    attempts_until_refused(throttle, (("admin", "192.0.2.1") for _ in range(99)))
    clock.now += 90
    throttle.begin("nora", "192.0.2.1")
    # Nor does who is let in wait again
    throttle.succeeded("nora", "192.0.2.1")
    throttle.begin("nora", "192.0.2.1")


@attack(
    "a stranger goes on guessing from one address for hours",
    "forty passwords an hour are tried, as many as if the address were locked for a quarter of an hour each time",
)
def test_an_address_that_goes_on_guesses_no_faster(throttle, clock):
    hours, taken = 3, 0
    for number in range(hours * 120):
        clock.now += 30
        taken += attempts_until_refused(throttle, [(f"user{number}", "192.0.2.1")]) is None
    assert taken <= MAX_PER_ADDRESS + hours * 40


def test_many_at_once_are_counted_one_by_one(throttle):
    allowed, refused = [], []
    barrier = threading.Barrier(MAX_PER_ADDRESS + 6)

    def try_it():
        barrier.wait()
        try:
            throttle.begin("admin", "192.0.2.1")
            allowed.append(1)
        except ShoplaunchError:
            refused.append(1)

    threads = [threading.Thread(target=try_it) for _ in range(MAX_PER_ADDRESS + 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(allowed), len(refused)) == (MAX_PER_ADDRESS, 6)
