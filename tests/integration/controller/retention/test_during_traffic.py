"""What is over goes a little at a time: each kind by its own period, orders are taken between any two transactions."""

import os
from itertools import pairwise

import pytest
import sqlalchemy as sa

from controller.db.connection.engine import transact
from controller.db.orders import refused_orders
from controller.db.orders.request_log import Answer
from controller.db.tables import audit
from controller.jobs.retention import sweep
from tests.integration.controller.retention.stored import DAY, rows
from tests.integration.controller.retention.stored import sweep as swept

#: Rows that a sweep meets, and that one transaction removes at most.
MANY, MOST = 1201, 500


def answer_a_request(world):
    """A request was answered; return what tells whether its row is there."""
    log = world.service.access.request_log
    log.claim("billing:1", "a" * 64)
    log.keep("billing:1", Answer(202, "application/json", "{}"))
    return lambda: bool(rows(world.engine, "answers"))


def note(world):
    """Somebody did something; return what tells whether its row is there."""
    world.service.access.audit("anna", "login")
    return lambda: bool(rows(world.engine, "audit", action="login"))


def settle_a_refused_order(world):
    """A refused order was dismissed; return what tells whether its row is there."""
    values = {"source": "api", "signed_by": "billing", "service_id": "77", "domain": "x.example", "bundle": "gone"}
    refused = {"document": {"domain": "x.example"}, "error": {"code": "bundle_unknown"}}

    def work(connection):
        refused_orders.note(connection, "k", world.clock(), **values, **refused)
        (order,) = refused_orders.listed(connection, 2)
        refused_orders.dismiss(connection, order.id, world.clock())

    transact(world.engine, work)
    return lambda: bool(rows(world.engine, "refused_orders"))


def begin_a_file(world):
    """A file was begun and never finished; return what tells whether it is there."""
    file = world.config.home / ".shoplaunch.toml.abcd1234"
    file.touch()
    os.utime(file, (world.clock(), world.clock()))
    return file.exists


@pytest.mark.parametrize(
    ("begin", "days"),
    [(answer_a_request, 90), (note, 730), (settle_a_refused_order, 30), (begin_a_file, 30)],
    ids=["request_log", "audit", "spools: rows", "spools: files"],
)
def test_what_is_logged_goes_by_the_period_of_its_own_and_not_before(world, begin, days):
    is_there = begin(world)
    swept(world, days - 1)
    assert is_there()
    swept(world, 2)
    assert not is_there()


def test_an_open_refused_order_stays_however_old_it_is(world):
    values = {"source": "api", "signed_by": "billing", "service_id": "77", "domain": "x.example", "bundle": "gone"}
    refused = {"document": {"domain": "x.example"}, "error": {"code": "bundle_unknown"}}
    transact(world.engine, lambda connection: refused_orders.note(connection, "k", 0.0, **values, **refused))
    swept(world, 4000)
    assert len(rows(world.engine, "refused_orders")) == 1


def test_no_transaction_removes_more_than_some_hundred_rows_and_orders_are_taken_between_them(world, monkeypatch):
    monkeypatch.setattr(sweep, "PAUSE_SECONDS", 0.0)
    old = [{"at": world.clock(), "user": "anna", "action": "login", "detail": ""} for _ in range(MANY)]
    transact(world.engine, lambda connection: connection.execute(sa.insert(audit), old))
    world.clock.pass_by(800 * DAY)
    left, placed = [MANY], []

    def meanwhile():
        left.append(len(rows(world.engine, "audit", action="login")))
        name = f"shop{len(left)}"
        placed.append(world.order(domain=f"{name}.example.com", account=name).id)

    assert world.service.retention.run(meanwhile).is_complete
    assert left[-1] == 0
    assert max(before - after for before, after in pairwise(left)) <= MOST
    assert len(placed) >= 3 and {job.id for job in world.service.jobs.listed()} == {*placed}
