"""A refused order is dismissed while, or before, its client is forgotten: the audit log names nobody for that."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.db.connection.engine import make_engine, reading
from controller.db.identities.access import Note
from controller.db.orders import refused_orders
from controller.jobs.intake import resending
from tests.attacks.slips.test_removals_meet_orders import WAITING
from tests.attacks.table import attack
from tests.integration.controller.retention.stored import dump
from tests.support.state.state_database import SERVERS, make_tables, new_url
from tests.support.waiting import wait_until
from tests.support.worlds.world import World

SECONDS = 120
KEY, SERVICE, DOMAIN = "billing", "77", "planted-shop.example.com"
NOTE = Note("command line", "forget")


@pytest.fixture(params=["sqlite", *SERVERS])
def kind(request):
    return request.param


@pytest.fixture
def world(request, tmp_path, kind):
    """A controller with the refused order of a service that has no job."""
    engine = make_engine(new_url(request, tmp_path, kind))
    make_tables(engine)
    made = World(tmp_path, engine)
    values = {"source": "api", "signed_by": KEY, "service_id": SERVICE, "domain": DOMAIN, "bundle": "gone"}
    refused = {"document": {"domain": DOMAIN}, "error": {"code": "bundle_unknown"}}
    with engine.begin() as connection:
        refused_orders.note(connection, "k", made.clock(), **values, **refused)
    yield made
    made.close()
    engine.dispose()


def dismiss(world):
    with reading(world.engine) as connection:
        (order,) = refused_orders.listed(connection, 2)
    resending.dismiss(world.engine, order.id, "anna", world.clock())


def forget(world):
    world.service.retention.forget(KEY, SERVICE, NOTE)


@attack(
    "a refused order is dismissed, and its client forgotten afterwards, of whom there never was a job",
    "the audit log names the client no more",
)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_dismissed_order_is_forgotten_with_its_client(world, monkeypatch):
    with monkeypatch.context() as earlier:
        # Another order of theirs stays open, by which the service is known
        earlier.setattr(refused_orders, "dismiss", lambda *_arguments: None)
        dismiss(world)
    assert DOMAIN in dump(world.engine, files=False)
    forget(world)
    assert DOMAIN not in dump(world.engine)


@attack(
    "a client is forgotten at the very moment at which an operator dismisses the client's refused order",
    "one waits for the other, and the audit log names the client no more",
)
@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_forgetting_waits_for_a_dismissal_under_way(request, world, kind, monkeypatch):
    server, get, forgetting = request.getfixturevalue(f"{kind}_server"), refused_orders.get, []

    def is_waiting():
        # MariaDB shows the same picture of its transactions again to somebody who asks more often than each 0.1 s
        time.sleep(0.2)
        return server.query(WAITING[kind])

    def looking(connection, *given, **more):
        found = get(connection, *given, **more)
        forgetting.append(pool.submit(forget, world))
        wait_until(lambda: forgetting[0].done() or is_waiting())
        return found

    monkeypatch.setattr(refused_orders, "get", looking)
    with ThreadPoolExecutor(1) as pool:
        dismiss(world)
        forgetting[0].result(SECONDS)
    assert DOMAIN not in dump(world.engine)
