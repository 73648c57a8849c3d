"""A service that billing ends while a job is being made of its events gets none, or one that is taken back."""

import pytest

from controller.db import bundles, jobs
from controller.db.bundles import Bundle
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.db.orders import refused_orders, services
from controller.db.orders.services import BilledService
from controller.jobs.engine.operations import interventions
from controller.jobs.intake import billing_events, termination
from shared.errors import ShoplaunchError
from tests.attacks.slips.successors import knows_later
from tests.attacks.table import attack
from tests.integration.billing.events import created, terminated
from tests.integration.controller.rows import NOW
from tests.support.state.state_database import SERVERS, make_tables, new_url

BUNDLE = Bundle("classic", "a" * 64, 1, "b" * 64, "prestashop", "8.2.1", 1.0, languages=["en"])
KEY, NUMBER = "billing", "1042"


@pytest.fixture(params=["sqlite", *SERVERS])
def engine(request, tmp_path):
    made = make_engine(new_url(request, tmp_path, request.param))
    make_tables(made)
    transact(
        made, lambda connection: servers.add(connection, Server("web1", "cpanel", "https://web1.example.net"), NOW)
    )
    transact(made, lambda connection: bundles.add(connection, BUNDLE))
    yield made
    made.dispose()


def take(engine, event, at):
    billing_events.take(engine, {**event, "at": int(at)}, at, KEY)


def job_of(engine):
    with reading(engine) as connection:
        return jobs.find_service(connection, NUMBER, KEY)


def service_of(engine):
    with reading(engine) as connection:
        return services.get(connection, KEY, NUMBER)


@attack(
    "a worker makes the forgotten job of a service, or an operator sends its order again, as billing ends it",
    "no job is made for an account that is gone by then, and nobody is alarmed of an order that nobody waits for",
)
def test_a_service_that_ended_meanwhile_gets_no_job(engine):
    take(engine, created(NUMBER, wait_for_acceptance=True), NOW)
    # Another process has read the service, and is about to make its job
    read = service_of(engine)
    take(engine, terminated(NUMBER), NOW + 1)
    with pytest.raises(ShoplaunchError) as caught:
        billing_events.start(engine, read, NOW + 2)
    assert (caught.value.code, job_of(engine)) == ("service_ending", None)
    with reading(engine) as connection:
        assert refused_orders.listed(connection, 9) == []
    assert service_of(engine).error is None
    # Billing, which sends the event again, hears that it is over
    take(engine, created(NUMBER, wait_for_acceptance=True), NOW)
    assert job_of(engine) is None
    # Sold again it gets one
    take(engine, created(NUMBER), NOW + 3)
    assert job_of(engine).state == "received"


@attack(
    "an operator begins a follow-up job of a shop, or its certificate comes, as billing ends the service",
    "that job is taken back with the service, and nobody is alarmed of a shop that nobody waits for",
)
def test_a_follow_up_job_that_begins_as_its_service_ends_is_taken_back(world, monkeypatch):
    knows_later(world)
    shop = world.live(bundle="later", service_id=NUMBER)
    change, begun = termination.changes.change, []

    def meanwhile(*arguments):
        if not begun:
            begun.append(world.service.jobs.start_follow_up(shop.id, "remove", {}))
        return change(*arguments)

    monkeypatch.setattr(termination.changes, "change", meanwhile)
    termination.end(world.engine, BilledService(NUMBER, shop.signed_by), world.clock(), None)
    monkeypatch.undo()
    world.work()
    assert (world.job(begun[0]).state, world.mail.alarms) == ("cancelled", [])
    with pytest.raises(ShoplaunchError):
        world.service.jobs.start_follow_up(shop.id, "remove", {})


@attack(
    "an operator takes the cancellation of a job back whose service billing has ended, or billing ends it right before",
    "it is refused: nobody would end a shop of a service that has ended already; sold again it gets a job of its own",
)
def test_a_job_whose_service_has_ended_does_not_come_back(engine):
    take(engine, created(NUMBER), NOW)
    job = job_of(engine)
    interventions.cancel(engine, job.id, NOW + 1)
    take(engine, terminated(NUMBER), NOW + 2)
    with pytest.raises(ShoplaunchError, match="the service was terminated"):
        interventions.undo_cancel(engine, job.id, NOW + 3)
    assert job_of(engine).state == "cancelled"
