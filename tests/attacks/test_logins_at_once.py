"""Wrong passwords and codes are counted one by one where the database lets many write at once, too."""

import threading
from urllib.parse import quote_plus

import pytest

from controller.access import operators
from controller.access.actor import Actor
from controller.db.engine import make_engine
from controller.db.logins import MAX_CODES, MAX_PER_USER, USER_DELAY_SECONDS, LoginThrottle
from controller.db.migrate import upgrade
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.clock import Clock

#: As many as the web server has threads.
AT_ONCE = 24


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(mariadb_server, clock):
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")
    upgrade(engine)
    operators.add(Actor("test", engine, lambda: None), "nora", "correct horse battery")
    yield LoginThrottle(engine, clock)
    engine.dispose()


def let_in(attempt):
    """Make AT_ONCE attempts at the same instant; return how many were let in."""
    barrier, found = threading.Barrier(AT_ONCE), []

    def try_it(number):
        barrier.wait(60)
        try:
            attempt(number)
        except ShoplaunchError as error:
            assert error.code == "login_throttled"
        else:
            found.append(number)

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return len(found)


@attack(
    "somebody tries passwords of an operator from many addresses at the very moment at which one attempt may be made",
    "one attempt is made",
)
def test_a_user_is_tried_once_however_many_try_at_once(throttle, clock):
    for number in range(MAX_PER_USER):
        throttle.begin("nora", f"192.0.2.{number}")
    clock.now += USER_DELAY_SECONDS
    assert let_in(lambda number: throttle.begin("nora", f"198.51.100.{number}")) == 1


@attack("the same has the password and tries codes that way", "one attempt is made")
def test_one_code_is_tried_however_many_try_at_once(throttle):
    for _ in range(MAX_CODES - 1):
        throttle.begin_code("nora")
    assert let_in(lambda _number: throttle.begin_code("nora")) == 1
