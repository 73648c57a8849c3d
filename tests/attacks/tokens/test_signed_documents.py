"""What a signed document holds ends in a result or in a refusal with a code, and everybody reads the same in it."""

import json
import uuid

import pytest
from sqlalchemy import delete

from controller.db.connection.engine import transact
from controller.db.tables import refused_orders
from tests.attacks.table import attack
from tests.integration.billing.events import created
from tests.support.worlds.web_site import an_order

ORDERS = "/api/v1/orders"
HALF = "\ud800"


@pytest.fixture(autouse=True)
def nothing_is_refused(site):
    """What one test leaves refused no other sees."""
    yield
    transact(site.service.installation.engine, lambda connection: connection.execute(delete(refused_orders)))


def number():
    return uuid.uuid4().hex[:10]


def an_event(**more):
    service = number()
    place = f"{service}.example.com"
    event = created(service, server_host="web-1", bundle="boutique", domain=place, account=f"a{service}")
    return {**event, **more}


def send(site, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return site.signed("POST", ORDERS, body)


HALVES = {
    "an order's name": lambda: {**an_order(), HALF: 1},
    "an order's option": lambda: an_order(options={HALF: HALF}),
    "an event's server": lambda: an_event(server_host=f"web-1{HALF}"),
    "an event's variant": lambda: an_event(variant=HALF),
}


@attack(
    "a billing system sends halves of characters in names, options, servers and variants",
    "the order is refused with its reason on the page of what needs somebody, and no answer is an error 500",
)
@pytest.mark.parametrize("document", HALVES.values(), ids=HALVES)
def test_halves_of_characters_are_refused_with_a_reason(site, document):
    answer = send(site, document())
    assert answer.status_code == 422, answer.text
    (row,) = site.service.orders.list_refused()
    assert row.error["code"] == answer.json()["code"]
    assert "Traceback" not in site.log()


def test_half_of_a_character_in_a_persons_name_costs_nobody_the_shop(site):
    answer = send(site, an_event(first_name=f"Nora{HALF}"))
    assert answer.status_code == 202, answer.text
    assert site.service.jobs.get(answer.json()["id"]).order["first_name"] == "Nora\ufffd"


NUMBERS = (b"1" + 400 * b"0", b"99999999999999999999999", b"-9007199254740993", b"1e999", b"NaN", b"-Infinity")


@attack(
    "a billing system's event says that it happened at a time no calendar has",
    "it is refused, and the service's status and pages are made as before",
)
@pytest.mark.parametrize("at", NUMBERS)
def test_numbers_that_nothing_holds_are_refused(site, at):
    service = number().encode()
    answer = send(site, b'{"event": "accepted", "service_id": "%s", "at": %s}' % (service, at))
    assert (answer.status_code, answer.json()["code"]) == (422, "order_invalid"), answer.text
    assert site.signed("GET", f"/api/v1/services/{service.decode()}").status_code == 404


@attack(
    "a billing system whose clock is centuries ahead ends a service",
    "the service can be sold again tomorrow, and its status is shown",
)
def test_a_clock_far_ahead_ends_no_service_permanently(site):
    event = an_event()
    service = event["service_id"]
    assert send(site, {"event": "terminated", "service_id": service, "at": 2**53}).status_code == 202
    assert site.signed("GET", f"/api/v1/services/{service}").status_code == 200
    with_service = site.service.now() + 2 * 86400
    assert send(site, {**event, "at": int(with_service)}).json()["state"] == "received"


@attack(
    "somebody who may change a document between two readers names a thing in it twice",
    "what can be read in two ways is refused, and no shop is made of either",
)
def test_a_document_that_names_a_thing_twice_is_refused(site):
    first, second = an_order(), an_order()
    body = json.dumps(first).encode()[:-1] + b', "domain": "%s"}' % second["domain"].encode()
    answer = send(site, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "order_invalid"), answer.text
    assert not [job for job in site.service.jobs.listed() if job.domain in (first["domain"], second["domain"])]


@pytest.mark.parametrize("depth", [900, 3000, 20000])
def test_documents_nested_however_deeply_are_refused(site, depth):
    body = b'{"x": "\\ud800", "y": ' + depth * b"[" + depth * b"]" + b"}"
    assert send(site, body).status_code == 422


def test_a_refused_order_of_any_number_is_no_failure(site):
    browser = site.signed_in()
    for one in (2**63 - 1, 2**63, 10**30):
        assert browser.get(f"{site.url}/admin/refused/{one}/send").status_code == 404
