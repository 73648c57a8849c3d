"""Calls side by side: all are made, their results in order, by a number of threads that does not grow with them."""

import threading
import time

from controller.panels.cpanel.account_cache import THREADS, side_by_side


def test_a_thousand_calls_take_no_more_threads_than_a_server_may_be_asked_by():
    guard, now, most = threading.Lock(), 0, 0

    def call(number):
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with guard:
            now -= 1
        return number

    assert side_by_side([lambda number=number: call(number) for number in range(1000)]) == list(range(1000))
    assert most <= THREADS
