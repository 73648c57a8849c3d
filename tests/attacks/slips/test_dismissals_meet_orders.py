"""A refused order is dismissed while its job is being made: its row names the job, the dismissal first or last."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.db import steps
from controller.db.connection.engine import reading
from controller.db.orders import refused_orders
from controller.jobs.intake import orders, resending
from shared.errors import ShoplaunchError
from tests.attacks.slips.test_removals_meet_orders import WAITING
from tests.attacks.slips.test_resent_orders_meet_forgetting import CREATED, KEY, ORDER, kind, refuse, send, world
from tests.attacks.table import attack
from tests.support.state.state_database import SERVERS
from tests.support.waiting import wait_until

__all__ = ["kind", "world"]
SECONDS = 120


def again(world, _number):
    """Send the order as its sender does."""
    return world.service.orders.place(ORDER, source="api", signed_by=KEY)


def event_again(world, _number):
    world.service.orders.take_event(CREATED, KEY)


#: Who sends what was refused -> (what it was, how it is sent).
WAYS = {
    "an operator, an order": ("order", send),
    "its sender, an order": ("order", again),
    "an operator, an event": ("event", send),
    "its sender, an event": ("event", event_again),
}


def dismiss(world, number):
    """Dismiss the order; return "" or the code with which that is refused."""
    try:
        resending.dismiss(world.engine, number, "anna", world.clock())
    except ShoplaunchError as error:
        return error.code
    return ""


def row(world, number):
    with reading(world.engine) as connection:
        order = refused_orders.get(connection, number)
    return order.settled, order.job


def job_of(world):
    (job,) = world.service.jobs.listed()
    return job.id


@attack(
    "a refused order is dismissed when its job is made and before its sender has the answer",
    "dismissing is refused, and the row names the job",
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_an_order_with_a_job_is_dismissed_no_more(world, monkeypatch, way):
    what, sending = WAYS[way]
    number, place, dismissed = refuse(world, what), orders.place, []
    world.add_bundle("later")

    def placed(*given, **more):
        job = place(*given, **more)
        dismissed.append(dismiss(world, number))
        return job

    monkeypatch.setattr(orders, "place", placed)
    sending(world, number)
    assert row(world, number) == ("job", job_of(world))
    assert dismissed == ["illegal_transition"]


@attack(
    "a refused order is dismissed at the very moment at which its job is being made",
    "the row names the job, whichever was first: the dismissal is refused, or gives way",
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_dismissal_gives_way_to_a_job_that_is_being_made(request, world, kind, monkeypatch, way):
    what, sending = WAYS[way]
    number, insert, dismissing = refuse(world, what), steps.insert, []
    server = request.getfixturevalue(f"{kind}_server")
    world.add_bundle("later")

    def is_waiting():
        # MariaDB shows the same picture of its transactions again to somebody who asks more often than each 0.1 s
        time.sleep(0.2)
        return server.query(WAITING[kind])

    def inserting(*arguments):
        insert(*arguments)
        dismissing.append(pool.submit(dismiss, world, number))
        wait_until(lambda: dismissing[0].done() or is_waiting())

    monkeypatch.setattr(steps, "insert", inserting)
    with ThreadPoolExecutor(1) as pool:
        sending(world, number)
        assert dismissing[0].result(SECONDS) in ("", "illegal_transition")
    assert row(world, number) == ("job", job_of(world))


@attack(
    "an order is refused once more, by a process that is slow, when its service has a job by now",
    "nothing is refused: the row names the job",
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_service_with_a_job_is_not_refused_afterwards(world, monkeypatch):
    number, place, calls = refuse(world, "event"), orders.place, []

    def slow(*given, **more):
        calls.append(1)
        if len(calls) > 1:
            return place(*given, **more)
        try:
            return place(*given, **more)
        except ShoplaunchError:
            world.add_bundle("later")
            send(world, number)
            raise

    monkeypatch.setattr(orders, "place", slow)
    with pytest.raises(ShoplaunchError):
        event_again(world, number)
    assert row(world, number) == ("job", job_of(world))
    assert world.service.orders.service_status(CREATED["service_id"], KEY).get("error") is None
