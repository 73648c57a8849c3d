"""A paid order that is refused is seen by people, and sent again when its reason is fixed; nobody else can do that."""

import json
import re
import time

import pytest
import requests
import sqlalchemy as sa
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import reading, transact
from controller.db.tables import api_keys, services
from controller.jobs.intake import billing_events, chores
from controller.jobs.intake.orders import Sender
from tests.attacks.table import attack
from tests.integration.billing.events import accepted, created, terminated
from tests.support.state.services import job_of_service
from tests.support.waiting import wait_until
from tests.support.worlds.web_site import an_order, csrf_of

pytestmark = pytest.mark.usefixtures("nothing_is_refused")

TIMEOUT = 120
ORDERS = "/api/v1/orders"


@pytest.fixture
def operator(site):
    """The session of an operator."""
    return site.signed_in()


def send(site, document):
    return site.signed("POST", ORDERS, json.dumps(document).encode())


def an_event(**changes):
    return created(**{"server_host": "web-1", "bundle": "boutique", **changes})


def only(site):
    (order,) = site.service.orders.list_refused()
    return order


def page_of(site, operator, path="/admin/attention"):
    answer = operator.get(site.url + path, timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    return answer.text


def confirm(site, operator, order, what):
    """Confirm sending or dismissing the refused order, as its page lets an operator do."""
    url = f"{site.url}/admin/refused/{order.id}/{what}"
    form = {"csrf_token": csrf_of(operator.get(url, timeout=TIMEOUT).text)}
    return operator.post(url, data=form, timeout=TIMEOUT)


def command(site, *words):
    done = CliRunner().invoke(main, ["refused", *words], env=site.environment)
    assert done.exit_code == 0, done.output
    return done.stdout


REFUSED = {
    "event for an unknown bundle": (lambda: an_event(bundle="nothing"), "bundle_unknown"),
    "event with a field nobody knows": (lambda: an_event(no_such_field=1), "order_invalid"),
    "order for an unknown server": (lambda: an_order(server="web9"), "server_unknown"),
    "order without a domain": (lambda: an_order(domain="x y"), "domain_invalid"),
}


@attack(
    "billing sells what cannot be built", "the order stands on a page, in a list and in the metrics with its reason"
)
@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_order_is_seen_everywhere_with_its_reason(site, operator, what):
    make, code = REFUSED[what]
    document = make()
    assert [send(site, document).status_code for _ in range(2)] == [422, 422]
    order = only(site)
    assert (order.error["code"], order.tries, order.signed_by in ("", "billing")) == (code, 2, True)
    shown = page_of(site, operator)
    assert f'data-refused="{order.id}"' in shown and order.error["message"].split("'")[0] in shown
    (row,) = json.loads(command(site, "list", "--json"))
    assert (row["id"], row["code"]) == (order.id, code) and row["advice"]

    def counted():
        text = requests.get(site.url + "/metrics", timeout=TIMEOUT).text
        ready = requests.get(site.url + "/readyz", timeout=TIMEOUT).json()["orders_without_job"]
        in_metrics = dict(re.findall(r'shoplaunch_orders_without_job\{reason="(\w+)"\} (\d+)', text))
        return in_metrics == {name: str(number) for name, number in ready.items()} and ready["refused"] == 1

    wait_until(counted, seconds=TIMEOUT)


@attack("the reason is fixed and the order sent again", "its job is made, and the row is settled")
@pytest.mark.parametrize("by", ["page", "command"])
@pytest.mark.parametrize("kind", ["event", "order"])
def test_a_refused_order_is_sent_again(site, operator, monkeypatch, by, kind):
    wrong = an_event(server_host="web9.example.net") if kind == "event" else an_order(server="web9")
    assert send(site, wrong).status_code == 422
    order = only(site)
    corrected = {
        "web9": lambda c: c.execute(sa.text("UPDATE servers SET name='web9', url='https://web9.example.net:2087'"))
    }
    transact(site.service.installation.engine, corrected["web9"])
    try:
        if by == "page":
            answer = confirm(site, operator, order, "send")
            assert answer.status_code == 200 and "/admin/jobs/" in answer.url, answer.text
            job = answer.url.rpartition("/")[2]
        else:
            job = command(site, "send", str(order.id), "--yes").strip()
    finally:
        transact(
            site.service.installation.engine, lambda c: c.execute(sa.text("UPDATE servers SET name='web-1', url=''"))
        )
    assert site.service.jobs.get(job).domain == wrong["domain"]
    assert site.service.orders.list_refused() == []
    (settled,) = site.service.orders.list_refused(settled=True)
    # What it said of a client is not kept
    assert (settled.settled, settled.job, settled.document) == ("job", job, None)
    assert operator.post(f"{site.url}/admin/refused/{order.id}/send", timeout=TIMEOUT).status_code == 400


@attack("somebody who is not signed in, or a foreign page, sends a refused order again", "nothing is done")
def test_sending_again_needs_an_operator_and_a_confirmation(site, operator):
    send(site, an_event(bundle="nothing"))
    url = f"{site.url}/admin/refused/{only(site).id}/send"
    assert "/admin/login" in requests.get(url, timeout=TIMEOUT).url
    assert requests.post(url, timeout=TIMEOUT).status_code == 400
    assert operator.post(url, data={"csrf_token": "guessed"}, timeout=TIMEOUT).status_code == 400
    tries = only(site).tries
    operator.get(url, timeout=TIMEOUT)
    assert only(site).tries == tries == 1


def test_an_order_that_is_refused_again_says_so_and_stays(site, operator):
    send(site, an_order(server="web9"))
    answer = confirm(site, operator, only(site), "send")
    assert "It was refused again" in answer.text and only(site).tries == 2


@attack("an order is sent again whose key was taken away", "it is refused: nobody signs for it any more")
def test_an_order_of_a_key_that_is_gone_is_not_sent_again(site):
    send(site, an_order(server="web9"))
    key = sa.update(api_keys).where(api_keys.c.name == "billing")
    transact(site.service.installation.engine, lambda c: c.execute(key.values(name="gone")))
    try:
        done = CliRunner().invoke(main, ["refused", "send", str(only(site).id), "--yes"], env=site.environment)
    finally:
        back = sa.update(api_keys).where(api_keys.c.name == "gone")
        transact(site.service.installation.engine, lambda c: c.execute(back.values(name="billing")))
    assert done.exit_code == 1 and "request_unsigned" in done.stderr


@attack("billing sends the corrected order itself", "the refused one is settled by its success")
@pytest.mark.parametrize("kind", ["event", "order"])
def test_a_later_success_of_the_same_service_settles_the_row(site, kind):
    if kind == "event":
        wrong = an_event(bundle="nothing")
        right = {**wrong, "bundle": "boutique"}
    else:
        wrong = an_order(service_id="7001", bundle="nothing")
        right = {**wrong, "bundle": "boutique"}
    assert send(site, wrong).status_code == 422
    assert len(site.service.orders.list_refused()) == 1
    assert send(site, right).status_code == 202
    assert site.service.orders.list_refused() == []


def test_a_service_that_was_terminated_needs_nobody(site):
    wrong = an_event(bundle="nothing")
    send(site, wrong)
    assert send(site, terminated(wrong["service_id"])).status_code == 202
    assert site.service.orders.list_refused() == []


def test_an_order_of_another_key_settles_nothing(site):
    send(site, an_order("same.example", server="web9"))
    site.service.orders.place(an_order("same.example"), source="api", signed_by="other")
    assert only(site).domain == "same.example"


def test_an_order_that_was_seen_to_is_dismissed(site, operator):
    send(site, an_order(server="web9"))
    order = only(site)
    answer = confirm(site, operator, order, "dismiss")
    assert answer.status_code == 200 and site.service.orders.list_refused() == []
    send(site, an_order(server="web9"))
    command(site, "dismiss", str(only(site).id), "--yes")
    assert site.service.orders.list_refused() == []


@attack(
    "unsigned or oversized junk is sent as an order", "the one leaves nothing, of the other only that it was refused"
)
def test_junk_leaves_no_rows_and_hostile_orders_small_ones(site, operator):
    assert site.signed("POST", ORDERS, b"{}", secret="0" * 64).status_code == 401
    assert site.service.orders.list_refused() == []
    send(site, {"domain": "<script>\x1b[2J\u202e", "bundle": "b" * 200_000, "service_id": ["x"]})
    order = only(site)
    assert order.document is None and len(order.bundle) == 63 and "\x1b" not in order.domain
    shown = page_of(site, operator)
    assert "<script>" not in shown.replace('<script src="', "") and f"/admin/refused/{order.id}/send" not in shown


@attack("an order is refused while nobody looks", "the operator is notified of it once")
def test_the_operator_is_notified_of_a_refused_order_once(site, monkeypatch):
    letters = []

    class Letters:
        def alarm(self, news):
            letters.append(news)

    monkeypatch.setattr(site.service.installation, "billing", lambda _source, _key: Letters())
    wrong = an_event(bundle="nothing")
    send(site, wrong)
    for _ in range(2):
        chores.run(site.service.installation)
    send(site, wrong)
    chores.run(site.service.installation)
    assert [(one.state, one.code, one.domain) for one in letters] == [("refused", "bundle_unknown", wrong["domain"])]


@attack("a controller is killed between taking a paid order and making its job", "the job is made all the same")
def test_a_service_that_was_forgotten_gets_its_job(site, monkeypatch):
    event = an_event()
    billing_events._noted(site.service.installation.engine, event, time.time() - 3600, Sender(billing_events.SOURCE))
    waiting = an_event(wait_for_acceptance=True)
    send(site, waiting)
    assert site.service.monitoring.health().error is not None
    chores.run(site.service.installation)
    assert job_of_service(site.service, event["service_id"]).state == "received"
    with reading(site.service.installation.engine) as connection:
        found = (
            connection.execute(sa.select(services.c.service_id).where(services.c.error.is_not(None))).scalars().all()
        )
    assert event["service_id"] not in found
    send(site, accepted(waiting["service_id"]))
