"""Creations, acceptances and terminations become events: each once, whatever order WHMCS tells them in."""

import json

import pytest

from shared.errors import ShoplaunchError
from shared.schema import validate
from tests.fakes.whmcs_php import sequences
from tests.fakes.whmcs_php.harness import ORDERS


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("sequence", sequences.EVENTS, ids=lambda sequence: sequence.__name__)
def test_each_event_is_reported_once_in_every_sequence(watched, controller, sequence):
    order, service = watched.order()
    sequence(watched, order, service)
    assert controller.events() == sequences.EVENTS[sequence]
    for _event, _method, path, body in controller.requests:
        assert path == "/api/v1/orders"
        validate("billing-event", body, "order_invalid")
        assert body["service_id"] == str(service)
    events = [event for event, *_rest in controller.requests]
    assert len(set(events)) == len(events)
    assert [row["state"] for row in watched.queue()] == ["taken"] * len(events)


@pytest.mark.parametrize("order_of_events", ORDERS, ids=lambda acts: "-".join(acts))
def test_the_created_event_says_what_the_controller_needs(watched, controller, order_of_events):
    client = watched.client(
        firstname="O&#039;Brien &quot;Z&quot;", lastname="مرادی\u200c🎉", email="a+b@client.example", language="farsi"
    )
    watched.setting("variant_option", "Theme")
    watched.setting("wait_for_acceptance", "on")
    order, service = watched.order(client=client, domain="فروشگاه.example", username="abc")
    watched.create(service, order=order_of_events, configoptions={"Theme": " text "})
    body = controller.requests[0][3]
    assert body.pop("at") > 0
    assert body == {
        "event": "module_created", "service_id": str(service), "order_id": str(order), "client_id": str(client),
        "product_id": "3", "server_host": "web1.example.net", "bundle": "boutique", "variant": "text",
        "domain": "فروشگاه.example", "email": "a+b@client.example", "account": "abc", "first_name": "O'Brien \"Z\"",
        "last_name": "مرادی\u200c🎉", "language": "fa", "country": "IR", "wait_for_acceptance": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("language", "default", "code"),
    [("english", "farsi", "en"), ("", "farsi", "fa"), ("", "english", "en"), ("german", "farsi", "en")],
)
def test_a_client_without_a_language_has_the_addons_default(watched, controller, language, default, code):
    watched.setting("default_language", default)
    _order, service = watched.order(client=watched.client(language=language))
    watched.create(service)
    assert controller.requests[0][3]["language"] == code


def test_other_products_and_service_addons_are_ignored(watched, controller):
    order, plain = watched.order(product=4)
    watched.create(plain)
    watched.accept(order)
    watched.terminate(plain)
    _order, service = watched.order()
    watched.create(service, addonId=9)
    watched.create(service, moduletype="licensing")
    watched.create(service, pid=5)
    assert controller.requests == [] and watched.queue() == [] and watched.shop(plain) is None
    watched.create(service)
    watched.terminate(service, addonId=9)
    assert controller.events() == ["module_created"]


@pytest.mark.parametrize(
    "of_the_addon",
    [{"addonId": 9}, {"addonid": "9"}, {"moduletype": "licensing"}, {"username": "other"}, {"pid": 5}],
    ids=str,
)
def test_the_end_of_an_addon_of_the_service_is_not_the_end_of_the_shop(watched, controller, of_the_addon):
    _order, service = watched.order()
    watched.create(service)
    watched.terminate(service, **of_the_addon)
    assert controller.events() == ["module_created"] and watched.shop(service)["account"] == "created"


def test_the_end_is_announced_although_the_product_comes_with_no_shop_any_more(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    watched.setting("products", "")
    watched.terminate(service)
    assert controller.events() == ["module_created", "terminated"]


def test_the_end_is_announced_although_whmcs_keeps_no_account_name_any_more(watched, controller):
    _order, service = watched.order(username="abc")
    watched.create(service)
    watched.query("UPDATE tblhosting SET username = '' WHERE id = %s", service)
    watched.terminate(service, username="abc")
    assert controller.events() == ["module_created", "terminated"]


@pytest.mark.parametrize("kinds", [("accepted", "module_created"), ("module_created", "accepted")], ids="-".join)
def test_an_order_accepted_and_created_in_one_request_is_reported_at_once(watched, controller, kinds):
    order, service = watched.order()
    acts = {"accepted": watched.asked_accept(order), "module_created": watched.asked_create(service)}
    watched.together(*(acts[kind] for kind in kinds))
    assert controller.events() == list(kinds)
    assert [row["state"] for row in watched.queue()] == ["taken", "taken"]


def test_an_upgrade_to_a_product_with_a_shop_starts_nothing_and_locks_nobody_out(watched, controller):
    order, service = watched.order(product=4)
    watched.create(service)
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    sequences.upgrade(watched, order, service)
    assert controller.requests == [] and watched.queue() == []
    page = watched.page("/clientarea.php", action="productdetails", id=service, client=client)
    assert page.redirect is None and "CLIENT-PASSWORD" in page.text


def test_an_order_with_two_shops_and_a_plain_product_is_accepted_for_the_shops(watched, controller):
    order, first = watched.order()
    client = watched.rows("tblhosting", id=first)[0]["userid"]
    second, plain = watched.service(order, client, product=5), watched.service(order, client, product=4)
    watched.accept(order)
    assert [body["service_id"] for *_rest, body in controller.requests] == [str(first), str(second)]
    assert watched.shop(plain) is None


def test_the_real_controller_takes_the_events_and_starts_one_job(whmcs, job_of):
    order, service = whmcs.order(client=whmcs.client(language="farsi"))
    sequences.duplicate_create(whmcs, order, service)
    job = job_of(service)
    hosting = whmcs.rows("tblhosting", id=service)[0]
    assert (job.domain, job.account, job.language) == (hosting["domain"], hosting["username"], "fa")
    assert [row["state"] for row in whmcs.queue()] == ["taken", "taken"]
    assert whmcs.shop(service)["state"] == "received"


def test_the_real_controller_waits_for_acceptance_when_configured_to(whmcs, job_of):
    whmcs.setting("wait_for_acceptance", "on")
    order, service = whmcs.order()
    whmcs.create(service)
    assert json.loads(whmcs.shop(service)["document"])["waiting_for"] == "accepted"
    with pytest.raises(ShoplaunchError, match="no job"):
        job_of(service)
    whmcs.accept(order)
    assert job_of(service).state == "received"


def test_a_termination_cancels_the_job(whmcs, job_of):
    order, service = whmcs.order()
    sequences.terminate_during_restore(whmcs, order, service)
    assert job_of(service).state == "cancelled"


def test_no_password_and_no_access_hash_is_kept_logged_or_sent(watched, controller):
    order, service = watched.order()
    controller.answer(500, "sorry", "text/html")
    sequences.created_again(watched, order, service)
    controller.answer(202, {"state": "received", "percent": 0})
    for _event in range(4):
        watched.due_now()
        watched.cron()
    assert [row["state"] for row in watched.queue()] == ["taken"] * 4
    kept = json.dumps([watched.queue(), watched.log(), watched.shop(service), controller.requests], default=str)
    for secret in ("CLIENT-PASSWORD", "SERVER-PASSWORD", "ACCESS-HASH", "5e5e5e"):
        assert secret not in kept


def test_personal_data_of_a_client_is_forgotten_once_the_order_was_taken(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    assert [row["body"] for row in watched.queue()] == [""]


def test_a_creation_that_the_database_did_not_take_is_queued_by_cron(watched, controller):
    """Nobody else knows of it: the client has paid, and no job would ever be made."""
    lost, failed = watched.order()[1], watched.order()[1]
    watched.query("RENAME TABLE mod_shoplaunch_queue TO away")
    watched.create(lost, configoptions={"Shop folder": "laden"})
    watched.query("RENAME TABLE away TO mod_shoplaunch_queue")
    watched.query("UPDATE mod_shoplaunch_services SET account = 'creating'")
    watched.fire("PreModuleCreate", {"params": watched.params(failed)})
    watched.cron()
    assert controller.events() == []
    watched.query("UPDATE mod_shoplaunch_services SET changed_at = changed_at - 900")
    watched.cron()
    watched.cron()
    assert [(body["event"], body["service_id"]) for *_request, body in controller.requests] == [
        ("module_created", str(lost))
    ]
    validate("billing-event", controller.requests[0][3], "order_invalid")
    assert (watched.shop(lost)["account"], watched.shop(failed)["account"]) == ("created", "")


def sent(controller, number):
    posted = [body for _id, method, _path, body in controller.requests if method == "POST"]
    return [(body["event"], body["service_id"]) for body in posted[number:]]


def later(watched):
    watched.query("UPDATE mod_shoplaunch_services SET changed_at = changed_at - 900")
    watched.cron()


def unnoted(watched, happening):
    """Let it happen while the addon's queue can take nothing."""
    watched.query("RENAME TABLE mod_shoplaunch_queue TO away")
    happening()
    watched.query("RENAME TABLE away TO mod_shoplaunch_queue")


def test_an_end_that_the_database_did_not_take_is_queued_by_cron(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    came = len(controller.events())
    unnoted(watched, lambda: watched.terminate(service))
    watched.cron()
    assert sent(controller, came) == []
    later(watched)
    later(watched)
    assert sent(controller, came) == [("terminated", str(service))]
    assert watched.shop(service)["account"] == "gone"


def test_an_account_created_after_an_end_that_was_not_noted_gets_a_shop_of_its_own(watched, controller):
    """Else the client would be let into an empty account as a shop that is ready."""
    _order, service = watched.order()
    watched.create(service)
    watched.query("UPDATE mod_shoplaunch_services SET ready_at = 1, state = 'live'")
    came = len(controller.events())
    unnoted(watched, lambda: watched.terminate(service))
    watched.create(service)
    watched.cron()
    assert sent(controller, came) == [("terminated", str(service)), ("module_created", str(service))]
    assert (watched.shop(service)["account"], watched.shop(service)["ready_at"]) == ("created", 0)


@pytest.mark.parametrize("waits", ["on", ""])
def test_an_acceptance_that_the_database_did_not_take_is_queued_by_cron_where_shops_wait_for_it(
    watched, controller, waits
):
    watched.setting("wait_for_acceptance", waits)
    order, service = watched.order()
    watched.create(service)
    came = len(controller.events())
    later(watched)
    unnoted(watched, lambda: watched.accept(order))
    later(watched)
    later(watched)
    assert sent(controller, came) == ([("accepted", str(service))] if waits else [])
