"""A refused order is sent again while its client is forgotten: no order is made anew of who was forgotten."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.db import jobs, steps
from controller.db.connection.engine import make_engine, reading
from controller.db.identities import api_keys
from controller.db.identities.access import Note
from controller.db.identities.api_keys import ApiKey
from controller.db.orders import refused_orders, services
from controller.jobs.intake import billing_events, resending
from shared.errors import ShoplaunchError
from tests.attacks.slips.test_removals_meet_orders import WAITING
from tests.attacks.table import attack
from tests.integration.controller.retention.stored import dump
from tests.support.state.state_database import SERVERS, make_tables, new_url
from tests.support.waiting import wait_until
from tests.support.worlds.world import World

SECONDS = 120
KEY, SERVICE, DOMAIN = "billing", "77", "planted-shop.example.com"
NOTE = Note("command line", "forget")
ORDER = {"server": "web1", "bundle": "later", "domain": DOMAIN, "email": "planted@mail.example", "account": "planted",
         "service_id": SERVICE}  # fmt: skip
CREATED = {"event": "module_created", "service_id": SERVICE, "server_host": "web1", "bundle": "later",
           "domain": DOMAIN, "email": "planted@mail.example", "account": "planted"}  # fmt: skip


@pytest.fixture(params=["sqlite", *SERVERS])
def kind(request):
    return request.param


@pytest.fixture
def world(request, tmp_path, kind):
    engine = make_engine(new_url(request, tmp_path, kind))
    make_tables(engine)
    made = World(tmp_path, engine)
    with engine.begin() as connection:
        api_keys.add(connection, ApiKey(KEY), "sealed")
    yield made
    made.close()
    engine.dispose()


def refuse(world, way):
    """Have an order of the service refused, whose bundle is not there yet; return its number."""
    with pytest.raises(ShoplaunchError) as caught:
        if way == "order":
            world.service.orders.place(ORDER, source="api", signed_by=KEY)
        else:
            world.service.orders.take_event(CREATED, KEY)
    assert caught.value.code == "bundle_unknown"
    if way == "event that was never noted":
        with world.engine.begin() as connection:
            connection.execute(services.services.delete())
    with reading(world.engine) as connection:
        (order,) = refused_orders.listed(connection, 2)
    return order.id


def send(world, number):
    return world.service.orders.resend(number, "anna")


def forget(world):
    return world.service.retention.forget(KEY, SERVICE, NOTE)


def code_of(call, *arguments):
    with pytest.raises(ShoplaunchError) as caught:
        call(*arguments)
    return caught.value.code


def orders_of_the_service(world):
    with reading(world.engine) as connection:
        return jobs.find_service(connection, SERVICE, KEY)


NEXT = {
    "order": (resending, "_audit"),
    "event": (billing_events, "start"),
    "event that was never noted": (billing_events, "take"),
}


@attack(
    "an operator sends a refused order again, whose client is forgotten once it was read and before its job is made",
    "no job is made, nothing is refused anew, and nothing names the client",
)
@pytest.mark.parametrize("bundle", ["there", "still missing"])
@pytest.mark.parametrize("way", NEXT)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_resent_order_of_who_is_forgotten_meanwhile_makes_no_job(world, monkeypatch, way, bundle):
    number = refuse(world, way)
    if bundle == "there":
        world.add_bundle("later")
    # What is called once the order, or its service, was read
    module, name = NEXT[way]
    call = getattr(module, name)

    def later(*arguments, **more):
        monkeypatch.setattr(module, name, call)
        forget(world)
        return call(*arguments, **more)

    monkeypatch.setattr(module, name, later)
    ended = ("refused_unknown", "illegal_transition", "service_ending")
    assert code_of(send, world, number) in (ended if bundle == "there" else (*ended, "bundle_unknown"))
    assert orders_of_the_service(world) is None
    with reading(world.engine) as connection:
        assert refused_orders.listed(connection, 9, settled=True) == []
    assert DOMAIN not in dump(world.engine, files=False)


@attack(
    "a client is forgotten at the very moment at which the job of the client's refused order is being made",
    "forgetting waits, and is then refused: there is an order under way",
)
@pytest.mark.parametrize("way", ["order", "event"])
@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_forgetting_waits_for_an_order_that_is_being_made(request, world, kind, monkeypatch, way):
    number = refuse(world, way)
    world.add_bundle("later")
    server, forgetting, insert = request.getfixturevalue(f"{kind}_server"), [], steps.insert

    def is_waiting():
        # MariaDB shows the same picture of its transactions again to somebody who asks more often than each 0.1 s
        time.sleep(0.2)
        return server.query(WAITING[kind])

    def inserting(*arguments):
        insert(*arguments)
        forgetting.append(pool.submit(forget, world))
        wait_until(lambda: forgetting[0].done() or is_waiting())

    monkeypatch.setattr(steps, "insert", inserting)
    with ThreadPoolExecutor(1) as pool:
        job = send(world, number)
        assert code_of(forgetting[0].result, SECONDS) == "job_under_way"
    assert world.job(job).domain == DOMAIN
