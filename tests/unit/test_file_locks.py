"""Locks of files: one process at a time, the next one goes on as soon as the first is done."""

import threading

import pytest

from controller.files import alone
from controller.panels.local.config_files import exclusive
from tests.support.machine.file_locks import is_locked

#: A lock that is never released fails the test instead of hanging it.
WAIT_SECONDS = 30


@pytest.fixture(params=["alone", "exclusive"])
def lock(request, tmp_path):
    """Return (how the lock is taken, what it locks)."""
    if request.param == "alone":
        return lambda: alone(tmp_path), tmp_path
    return lambda: exclusive(str(tmp_path), "php"), tmp_path / "php.lock"


def test_the_holder_has_it_alone(lock):
    taken, place = lock
    with taken():
        assert is_locked(place)
    assert not is_locked(place)


def test_a_failure_releases_it(lock):
    taken, place = lock
    with pytest.raises(ZeroDivisionError), taken():
        raise ZeroDivisionError
    assert not is_locked(place)


def test_the_next_one_waits_and_goes_on(lock):
    taken, place = lock
    done = []

    def second():
        with taken():
            done.append("second")

    with taken():
        thread = threading.Thread(target=second, daemon=True)
        thread.start()
        # It would fail at once if it did not wait
        assert is_locked(place)
        done.append("first")
    thread.join(WAIT_SECONDS)
    assert done == ["first", "second"]


def test_another_lock_of_the_same_folder_is_free(tmp_path):
    with exclusive(str(tmp_path), "php"), exclusive(str(tmp_path), "apache"):
        assert is_locked(tmp_path / "php.lock") and is_locked(tmp_path / "apache.lock")
