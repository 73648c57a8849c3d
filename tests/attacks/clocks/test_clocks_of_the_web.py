"""Web servers of one installation whose clocks differ: sessions and signed requests are judged by the database's."""

import uuid

import pytest

from controller.db.connection.engine import transact
from controller.db.identities import access, api_keys
from controller.db.identities.api_keys import ApiKey
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.web.api.signed_requests import signature
from controller.web.app import create_app
from tests.attacks.table import attack

BASE = "http://127.0.0.1:8000"
SECRET = "5" * 64


def browser(world, ahead=0):
    """Return a browser at a web server of the installation whose clock is `ahead` seconds ahead."""
    service = Service(
        Installation(
            world.config,
            world.engine,
            world.keys,
            panel_of=lambda _config, _server: world.panel,
            billing=world.mail,
            clock=lambda: world.clock() + ahead,
        )
    )
    return create_app(world.config, service).test_client()


@pytest.fixture
def operator(world):
    """The name of somebody who may sign in."""
    transact(world.engine, lambda connection: access.add_operator(connection, "olga", "x", world.clock()))
    return "olga"


@attack("a web server that is ahead signs an operator in, another one gets the next request", "it is the same session")
@pytest.mark.parametrize(("ahead", "is_taken"), [(1, True), (2, True), (120, True), (300, True), (301, False)])
def test_a_session_of_a_server_that_is_ahead_goes_on(world, operator, ahead, is_taken):
    first, second = browser(world, ahead), browser(world)
    with first.session_transaction(base_url=BASE) as session:
        now, generation = int(world.clock() + ahead), world.service.access.session_generation(operator)
        session.update(user=operator, generation=generation, since=now, seen=now)
    cookie = first.get_cookie("shoplaunch", domain="127.0.0.1")
    second.set_cookie("shoplaunch", cookie.value, domain="127.0.0.1")
    assert second.get("/admin/jobs", base_url=BASE).status_code == (200 if is_taken else 302)


@attack("the web server's machine has another time than the database", "signed requests are judged by the database's")
@pytest.mark.parametrize(("off", "is_taken"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)])
def test_signed_requests_are_judged_by_the_clock_of_the_installation(world, off, is_taken):
    encrypted = world.keys.encrypt(SECRET)
    transact(world.engine, lambda connection: api_keys.add(connection, ApiKey("billing"), encrypted))
    stamp, event, path = str(int(world.clock()) + off), str(uuid.uuid4()), "/api/v1/services/9"
    headers = {
        "X-Shoplaunch-Key": "billing", "X-Shoplaunch-Timestamp": stamp, "X-Shoplaunch-Event": event,
        "X-Shoplaunch-Signature": signature(SECRET.encode(), stamp, event, "GET", path, b""),
    }  # fmt: skip
    pages = browser(world)
    assert pages.get(path, base_url=BASE, headers=headers).status_code == (404 if is_taken else 401)
    if is_taken:
        # The same clock remembers the signature for longer than its time is accepted
        world.clock.pass_by(600)
        assert pages.get(path, base_url=BASE, headers=headers).json["code"] == "request_unsigned"
        with world.engine.connect() as connection:
            assert len(connection.exec_driver_sql("SELECT * FROM used_signatures").fetchall()) == 1
