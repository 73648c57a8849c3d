"""Requests to the controller cost no visitor anything: they are sent once the page has left, or by cron."""

import base64
import json
import threading
import time

import pytest

from tests.fakes.whmcs_php.fpm import Fpm

WAIT_SECONDS = 120


@pytest.fixture
def fpm(watched):
    made = Fpm(watched)
    yield made
    made.close()


def test_php_fpm_sends_the_page_before_the_controller_has_answered(watched, controller, fpm):
    _order, service = watched.order()
    watched.create(service)
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    session = base64.b64encode(json.dumps({"uid": client, "Language": "english"}).encode()).decode()
    controller.answer(200, {"state": "restoring", "percent": 64})
    controller.hold = True
    # The addon's patience ends after two seconds; on a busy machine the test may be slower than that
    for _round in range(5):
        controller.release.clear()
        watched.due_now()
        page = fpm.get(f"/index.php?m=shoplaunch&service={service}", f"double={session}")
        assert "Your shop is being prepared" in page
        # Only now the controller answers. Had the page waited for it, nobody would be listening any more
        controller.release.set()
        if _happens(lambda: watched.shop(service)["percent"] == 64):
            return
    raise AssertionError("the page came only after the controller had been given up")


def test_a_page_of_a_php_that_cannot_go_on_afterwards_never_calls_the_controller(watched, controller):
    _order, service = watched.order()
    watched.create(service)
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.due_now()
    before = len(controller.requests)
    watched.page("/index.php", m="shoplaunch", service=service, client=client)
    watched.page("/admin/addonmodules.php", module="shoplaunch", admin=1)
    assert len(controller.requests) == before


def test_two_cron_runs_at_once_send_each_event_once(watched, controller):
    watched.setting("controller_url", "http://127.0.0.1:9")
    services = [watched.order()[1] for _number in range(3)]
    for service in services:
        watched.create(service)
    watched.setting("controller_url", controller.url)
    watched.due_now()
    runs = [threading.Thread(target=watched.cron) for _number in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(WAIT_SECONDS)
    assert sorted(body["service_id"] for _e, method, _p, body in controller.requests if method == "POST") == sorted(
        str(service) for service in services
    )
    assert [row["state"] for row in watched.queue()] == ["taken"] * 3


def test_two_hooks_at_once_make_one_event(watched, controller):
    _order, service = watched.order()
    runs = [threading.Thread(target=watched.create, args=(service,)) for _number in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join(WAIT_SECONDS)
    assert [row["kind"] for row in watched.queue()] == ["module_created"]
    assert controller.events() == ["module_created"]


def _happens(true):
    deadline = time.monotonic() + 30
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
