"""Events reach the controller in the end, signed anew with the same id, and never at a visitor's expense."""

import base64
import html
import json

import pytest

from tests.fakes.whmcs_php import sequences
from tests.integration.addon import recorder
from tests.integration.addon.forms import form


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    "answer",
    [
        (500, "application/json", "{}"),
        (503, "application/problem+json", '{"code": "event_running"}'),
        (401, "application/problem+json", '{"code": "request_unsigned"}'),
        (429, "application/problem+json", '{"code": "login_throttled"}'),
        (404, "text/html", "<h1>Not Found</h1>"),
        (403, "text/html", "<h1>blocked by a firewall</h1>"),
        (400, "text/html", "<h1>Bad Request</h1>"),
        (200, "text/html", "<h1>maintenance</h1>"),
        (302, "text/html", ""),
        "cut",
    ],
    ids=str,
)
def test_what_is_no_answer_is_tried_again_with_the_same_id(watched, controller, answer):
    controller.answers = [answer]
    _order, service = watched.order()
    watched.create(service)
    first = watched.queue()[0]
    assert (first["state"], first["attempts"]) == ("waiting", 1)
    assert first["due_at"] > first["created_at"]
    controller.answer(202, {"state": "received", "percent": 0})
    watched.cron()
    assert len(controller.requests) == 1, "it was not due yet"
    watched.due_now()
    watched.cron()
    assert [row["state"] for row in watched.queue()] == ["taken"]
    assert {event for event, method, *_rest in controller.requests if method == "POST"} == {first["event_id"]}


@pytest.mark.sampled(of=2, rests=True)
def test_pauses_grow_and_never_end(watched, controller):
    controller.answers = [(500, "text/html", "")]
    _order, service = watched.order()
    watched.create(service)
    pauses = []
    for _try in range(8):
        row = watched.queue()[0]
        pauses.append(row["due_at"] - watched.query("SELECT UNIX_TIMESTAMP() AS now")[0]["now"])
        watched.due_now()
        watched.cron()
    assert [round(pause / 60) for pause in pauses] == [1, 2, 5, 10, 30, 60, 60, 60]
    waits = [line for line in watched.log() if "waits" in line]
    assert len(waits) == 1, "one line in the log, not one for every try"


def test_a_controller_that_is_down_breaks_nothing_and_everything_arrives_later_in_order(watched, controller):
    watched.setting("controller_url", "http://127.0.0.1:9")
    order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    assert watched.create(service) == "created"
    assert watched.accept(order) == "success"
    watched.cron()
    page = watched.page("/index.php", m="shoplaunch", service=service, client=client)
    assert page.status == 200 and "is being prepared" in page.text
    poll = watched.page("/index.php", m="shoplaunch", service=service, client=client, poll=1)
    assert json.loads(poll.text)["moving"] is True
    assert watched.page("/admin/addonmodules.php", module="shoplaunch", admin=1).status == 200
    assert watched.terminate(service) == "terminated"
    watched.setting("controller_url", controller.url)
    for _event in range(3):
        watched.due_now()
        watched.cron()
    assert controller.events() == ["module_created", "accepted", "terminated"]


def test_events_of_other_services_do_not_wait_for_a_refused_one(watched, controller):
    controller.refuse(422, "server_unknown")
    _order, first = watched.order()
    watched.create(first)
    controller.answer(202, {"state": "received", "percent": 0})
    _order, second = watched.order()
    watched.create(second)
    assert [row["state"] for row in watched.queue()] == ["refused", "taken"]
    assert "server_unknown" in " ".join(watched.log())


def test_a_refused_event_is_sent_again_as_a_new_one(watched, controller):
    controller.refuse(422, "server_unknown")
    _order, service = watched.order()
    watched.create(service)
    watched.due_now()
    watched.cron()
    assert controller.events() == ["module_created"], "the first answer stays the answer"
    page = watched.page("/admin/addonmodules.php", module="shoplaunch", admin=1)
    assert "advice for server_unknown" in page.text
    controller.answer(202, {"state": "received", "percent": 0})
    watched.page("/admin/addonmodules.php?module=shoplaunch", admin=1, post=form(page, "send"))
    assert [row["state"] for row in watched.queue()] == ["taken"]
    first, second = [event for event, method, *_rest in controller.requests if method == "POST"]
    assert first != second


def test_what_was_refused_of_a_terminated_service_is_forgotten(watched, controller):
    controller.refuse(422, "domain_invalid")
    _order, service = watched.order(domain="")
    watched.create(service)
    assert [row["state"] for row in watched.queue()] == ["refused"]
    controller.answer(202, {"state": "cancelled", "percent": 0})
    watched.terminate(service)
    assert [(row["kind"], row["state"]) for row in watched.queue()] == [("terminated", "taken")]


def test_events_that_ended_a_month_ago_are_forgotten_and_waiting_ones_are_not(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    watched.setting("controller_url", "http://127.0.0.1:9")
    watched.terminate(service)
    month = 31 * 86400
    watched.query("UPDATE mod_shoplaunch_queue SET created_at = created_at - %s", month)
    watched.query("UPDATE mod_shoplaunch_queue SET ended_at = ended_at - %s WHERE ended_at > 0", month)
    watched.cron()
    assert [(row["kind"], row["state"]) for row in watched.queue()] == [("terminated", "waiting")]


def test_the_real_controllers_refusal_is_shown_with_its_advice(whmcs):
    _order, service = whmcs.order(domain="")
    whmcs.create(service)
    assert [row["state"] for row in whmcs.queue()] == ["refused"]
    page = whmcs.page("/admin/addonmodules.php", module="shoplaunch", admin=1)
    error = json.loads(whmcs.queue()[0]["error"])
    assert error["code"] == "domain_invalid" and error["advice"]
    assert "domain_invalid" in page.text and html.escape(error["advice"], quote=False)[:20] in page.text


def test_a_service_created_again_at_once_waits_until_the_real_controller_has_taken_the_old_shop_back(
    whmcs, site, job_of
):
    order, service = whmcs.order()
    sequences.created_again(whmcs, order, service)
    first = job_of(service)
    assert [row["state"] for row in whmcs.queue()] == ["taken", "taken", "taken", "waiting"]
    assert json.loads(whmcs.queue()[-1]["error"])["code"] == "service_ending"
    assert site.service.jobs.worker().advance(first.id)
    whmcs.due_now()
    whmcs.cron()
    assert whmcs.queue()[-1]["state"] == "taken"
    assert job_of(service).id != first.id and whmcs.shop(service)["state"] == "received"


def test_a_wrong_secret_waits_until_it_is_corrected(whmcs, site):
    whmcs.setting("api_secret", "0" * 64)
    _order, service = whmcs.order()
    whmcs.create(service)
    assert [row["state"] for row in whmcs.queue()] == ["waiting"]
    assert "request_unsigned" in whmcs.page("/admin/addonmodules.php", module="shoplaunch", admin=1).text
    whmcs.setting("api_secret", site.secret)
    whmcs.due_now()
    whmcs.cron()
    assert [row["state"] for row in whmcs.queue()] == ["taken"]


def test_the_real_controller_gets_one_job_from_an_event_whose_answer_was_lost(whmcs, site, job_of):
    _order, service = whmcs.order()
    whmcs.create(service)
    job = job_of(service)
    row = whmcs.queue()[0]
    body = json.dumps({"event": "accepted", "service_id": str(service), "order_id": "1"})
    whmcs.insert(
        "mod_shoplaunch_queue", event_id="0" * 8 + row["event_id"][8:], service_id=service, kind="accepted", body=body
    )
    # Taken, but the answer never came back: WHMCS sends it again
    whmcs.cron()
    whmcs.query(
        "UPDATE mod_shoplaunch_queue SET state = 'waiting', body = %s, due_at = 0 WHERE kind = 'accepted'", body
    )
    whmcs.due_now()
    whmcs.cron()
    assert [row["state"] for row in whmcs.queue()] == ["taken", "taken"]
    assert job_of(service).id == job.id


@pytest.mark.parametrize(
    "url", ["http://controller.example", "ftp://127.0.0.1/", "javascript:alert(1)", "", "127.0.0.1:8000"]
)
def test_nothing_is_sent_in_clear_over_a_network(watched, url):
    watched.setting("controller_url", url)
    _order, service = watched.order()
    watched.create(service)
    assert watched.queue()[0]["state"] == "waiting"
    assert "https" in watched.queue()[0]["error"] or "not set" in watched.queue()[0]["error"]


def test_a_secret_that_whmcs_keeps_encrypted_works_too(watched, controller):
    watched.setting("api_secret", "enc:" + base64.b64encode(recorder.SECRET.encode()).decode())
    _order, service = watched.order()
    watched.create(service)
    assert controller.events() == ["module_created"]


def test_a_url_with_a_path_is_signed_as_it_is_asked(watched, controller):
    watched.setting("controller_url", controller.url + "/shops/")
    _order, service = watched.order()
    watched.create(service)
    assert [path for _event, _method, path, _body in controller.requests] == ["/shops/api/v1/orders"]


def test_hooks_survive_a_database_without_the_addons_tables(watched):
    watched.query("DROP TABLE mod_shoplaunch_services")
    order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    assert watched.create(service) == "created"
    assert watched.accept(order) == "success"
    watched.cron()
    assert watched.page("/clientarea.php", client=client).status == 200
    assert "CLIENT-PASSWORD" in watched.page("/clientarea.php", action="productdetails", id=service, client=client).text
    failures = [line for line in watched.log() if "failed: PDOException" in line]
    assert failures and not any("SELECT" in line for line in failures)
