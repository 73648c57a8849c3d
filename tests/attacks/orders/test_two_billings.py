"""Two billing systems number their services alike, and neither sees, changes or ends what is the other's."""

import json

import pytest

from controller.billing.channels import channels
from controller.db.connection.engine import reading
from controller.db.orders import services
from controller.settings.loading import load_config
from controller.setup import installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.billing.events import created, terminated
from tests.support.worlds.web_site import KEY, an_order

pytestmark = pytest.mark.usefixtures("nothing_is_refused")

ORDERS = "/api/v1/orders"
OTHER = "second"


@pytest.fixture(scope="module")
def keys(site):
    """Name -> secret of the keys of two billing systems."""
    return {KEY: site.secret, OTHER: installation.add_api_key(load_config(site.environment), OTHER)}


@pytest.fixture
def ask(site, keys):
    """Send what a key signed; return the answer."""

    def send(key, method, path, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        return site.signed(method, path, body, key=key, secret=keys[key])

    return send


def event(service_id, name):
    return created(
        service_id, server_host="web-1", bundle="boutique", domain=f"{name}.example.com", account=name.replace("-", "")
    )


both_ways = pytest.mark.parametrize("first, second", [(KEY, OTHER), (OTHER, KEY)])


@attack("billing B sells its service 1042 after billing A has sold a 1042", "each has a job and a status of its own")
@both_ways
def test_services_of_the_same_number_are_two(ask, first, second):
    number = "1042" if first == KEY else "1043"
    answers = {key: ask(key, "POST", ORDERS, event(number, f"{key}-{number}")) for key in (first, second)}
    assert {answer.status_code for answer in answers.values()} == {202}
    assert answers[first].json()["id"] != answers[second].json()["id"]
    for key in (first, second):
        status = ask(key, "GET", f"/api/v1/services/{number}").json()
        assert (status["id"], status["domain"]) == (answers[key].json()["id"], f"{key}-{number}.example.com")


@attack("billing B sends the very order that billing A sent", "it is refused as busy and learns nothing of A's job")
@both_ways
def test_the_same_order_of_another_key_is_another_order(ask, first, second):
    order = an_order(service_id=f"77-{first}")
    made = ask(first, "POST", ORDERS, order)
    assert made.status_code == 202, made.text
    assert ask(first, "POST", ORDERS, order).json()["id"] == made.json()["id"]
    answer = ask(second, "POST", ORDERS, order)
    assert (answer.status_code, answer.json()["code"]) == (409, "domain_busy")
    assert made.json()["id"] not in answer.text


@attack("billing B ends its service 1050, which only A has", "A's shop goes on being made")
@both_ways
def test_the_end_of_a_service_ends_nothing_of_the_others(site, ask, first, second):
    number = f"105-{first}"
    job = ask(first, "POST", ORDERS, event(number, f"{first}-kept")).json()["id"]
    ask(second, "POST", ORDERS, terminated(number))
    assert site.service.jobs.get(job).state == "received"
    assert ask(first, "GET", f"/api/v1/services/{number}").json()["state"] == "received"
    with reading(site.service.installation.engine) as connection:
        assert services.get(connection, first, number).terminated_at is None


@attack("billing B asks for, or retries, A's service by its number or its job's id", "it hears that there is none")
@both_ways
@pytest.mark.parametrize("method, end", [("GET", ""), ("POST", "/retry")])
def test_nothing_of_the_others_is_seen_or_retried(site, ask, first, second, method, end):
    number = f"106-{first}-{method}"
    job = ask(first, "POST", ORDERS, event(number, f"{first}-{method.lower()}")).json()["id"]
    site.fail(site.service.jobs.get(job), "database", "panel_refused", "no")
    for name in (number, job):
        document = None if method == "GET" else {}
        answer = ask(second, method, f"/api/v1/services/{name}{end}", document)
        assert (answer.status_code, answer.json()["code"]) == (404, "service_unknown")
    assert site.service.jobs.get(job).state == "failed"
    assert ask(first, method, f"/api/v1/services/{job}{end}", document).status_code in (200, 202)


@attack("billing B sells a 1070, while A's 1070 is refused", "A's refused order stays open until A's shop is made")
@both_ways
def test_a_refused_order_is_not_settled_by_the_others(site, ask, first, second):
    number = f"107-{first}"
    refused = {**event(number, f"{first}-refused"), "bundle": "nothing"}
    assert ask(first, "POST", ORDERS, refused).status_code == 422
    assert ask(second, "POST", ORDERS, event(number, f"{second}-made-{first}")).status_code == 202
    ask(second, "POST", ORDERS, terminated(number))
    (order,) = site.service.orders.list_refused()
    assert (order.signed_by, order.service_id) == (first, number)


@attack(
    "billing B orders into an account where A's shop lives, and lets what is there be moved aside",
    "it is refused, and learns nothing of A's job: a shop is given up by its own billing, or by an operator",
)
@both_ways
@pytest.mark.parametrize("options", [{}, {"occupied": "move"}])
def test_a_living_shop_is_not_given_up_by_the_others(site, ask, first, second, options):
    number = f"108-{first}-{len(options)}"
    made = ask(first, "POST", ORDERS, event(number, f"s{number}")).json()
    job = site.put(site.service.jobs.get(made["id"]), "live", domain_key=None, account_key=None)
    order = an_order(account=job.account, domain=f"new-{number}.example.com", options=options)
    refused = ask(second, "POST", ORDERS, order)
    assert (refused.status_code, refused.json()["code"]) == (422, "key_forbidden"), refused.text
    assert job.id not in refused.text and job.domain not in refused.text
    site.service.orders.dismiss_refused(site.service.orders.list_refused()[0].id)
    taken = ask(first, "POST", ORDERS, order)
    assert taken.status_code == (202 if options else 409), taken.text


def test_an_operator_gives_a_shop_of_any_billing_up(site, ask):
    made = ask(KEY, "POST", ORDERS, event("1090", "s1090")).json()
    job = site.put(site.service.jobs.get(made["id"]), "live", domain_key=None, account_key=None)
    order = an_order(account=job.account, domain="new-1090.example.com", options={"occupied": "move"})
    assert site.service.orders.place(order, source="command").account == job.account


SECTION = {
    "url": "https://{}.example.com", "identifier": "i", "secret_file": "/nowhere", "department": 1, "admin": "a",
}  # fmt: skip


def whmcs(name, **more):
    return {**SECTION, "url": SECTION["url"].format(name), **more}


@attack("A's and B's clients have the same service number", "each is notified through the billing of its own key")
def test_clients_are_notified_through_their_own_billing(config_of):
    way = channels(config_of(**whmcs("a", key="first"), second=whmcs("b")), lambda: 0.0, lambda: ["first", "second"])
    assert way("whmcs", "first").settings.url == "https://a.example.com"
    assert way("whmcs", "second").settings.url == "https://b.example.com"
    assert type(way("whmcs", "third")).__name__ == "Mail"


@attack("a second billing has a key, and [whmcs] does not say whose it is", "nobody is notified through the wrong one")
def test_orders_without_a_known_billing_notify_nobody(config_of):
    keys = ["first"]
    way = channels(config_of(**whmcs("a")), lambda: 0.0, lambda: keys)
    assert type(way("whmcs", "first")).__name__ == "Whmcs"
    keys.append("second")
    assert {type(way("whmcs", key)).__name__ for key in keys} == {"Mail"}


def test_sections_of_keys_are_checked(config_of):
    with pytest.raises(ShoplaunchError) as caught:
        channels(config_of(**whmcs("a"), second={"url": 1}), lambda: 0.0, list)
    assert caught.value.code == "config_invalid"


@pytest.fixture
def config_of(tmp_path):
    """Section [whmcs] -> a configuration."""
    from dataclasses import replace

    return lambda **section: replace(load_config({"SHOPLAUNCH_HOME": str(tmp_path)}), whmcs=section)
