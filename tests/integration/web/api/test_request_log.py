"""Signed requests in the real database: each signature once, each event one answer."""

import threading

import pytest

from controller.db.orders.request_log import ANSWER_SECONDS, CLAIM_SECONDS, SIGNATURE_SECONDS, Answer, RequestLog
from shared.errors import ShoplaunchError
from tests.support.clock import Clock
from tests.support.state.state_database import KINDS

EVENT = "billing:11111111-2222-3333-4444-555555555555"
pytestmark = pytest.mark.parametrize("engine", KINDS, indirect=True)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log(engine, clock):
    return RequestLog(engine, clock)


def refused(call, *arguments):
    with pytest.raises(ShoplaunchError) as caught:
        call(*arguments)
    return caught.value.code


def test_a_signature_is_accepted_once_and_never_again_while_its_time_stamp_could_be(log, clock):
    log.use_signature("v1=aa")
    clock.now += 2 * 300 + 1
    assert refused(log.use_signature, "v1=aa") == "request_unsigned"
    log.use_signature("v1=bb")


def test_old_signatures_are_forgotten_so_that_the_table_does_not_grow(log, clock):
    log.use_signature("v1=aa")
    clock.now += SIGNATURE_SECONDS + 1
    log.use_signature("v1=aa")


def test_an_event_is_answered_by_its_first_answer(log):
    assert log.claim(EVENT, "f1") is None
    log.keep(EVENT, Answer(202, "application/json", '{"id": "سفارش"}'))
    assert log.claim(EVENT, "f1") == Answer(202, "application/json", '{"id": "سفارش"}')


def test_an_event_that_asks_something_else_is_a_conflict_whether_answered_or_not(log):
    log.claim(EVENT, "f1")
    assert refused(log.claim, EVENT, "f2") == "event_conflict"
    log.keep(EVENT, Answer(202, "", ""))
    assert refused(log.claim, EVENT, "f2") == "event_conflict"


def test_an_event_under_way_is_not_begun_twice(log):
    log.claim(EVENT, "f1")
    assert refused(log.claim, EVENT, "f1") == "event_running"


def test_an_event_given_up_may_be_sent_again_at_once(log):
    log.claim(EVENT, "f1")
    log.release(EVENT)
    assert log.claim(EVENT, "f1") is None


def test_giving_up_never_takes_an_answer_away(log):
    log.claim(EVENT, "f1")
    log.keep(EVENT, Answer(202, "", "x"))
    log.release(EVENT)
    assert log.claim(EVENT, "f1") == Answer(202, "", "x")


def test_the_event_of_a_process_that_died_is_taken_over_by_exactly_one_other(log, clock):
    log.claim(EVENT, "f1")
    clock.now += CLAIM_SECONDS + 1
    assert log.claim(EVENT, "f1") is None
    assert refused(log.claim, EVENT, "f1") == "event_running"


def test_answers_are_forgotten_after_their_time(log, clock):
    log.claim(EVENT, "f1")
    log.keep(EVENT, Answer(202, "", ""))
    clock.now += ANSWER_SECONDS + 1
    assert log.claim("billing:other", "f") is None
    assert log.claim(EVENT, "f2") is None


def test_of_many_at_once_one_gets_to_work(log):
    won, lost = [], []
    barrier = threading.Barrier(8)

    def try_it():
        barrier.wait()
        try:
            won.append(log.claim(EVENT, "f1"))
        except ShoplaunchError as error:
            lost.append(error.code)

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [None]
    assert lost == ["event_running"] * 7
