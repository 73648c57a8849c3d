"""Whatever a controller answers, and whatever clients type: billing's pages are made, cron goes on, orders go out.

Each odd answer comes every day, for one of the states and with one of the statuses in rotation; nightly with all.
"""

import json

import pytest

from tests.attacks.table import attack
from tests.integration.addon.conftest import bare, controller, watched  # noqa: F401 - fixtures
from tests.integration.addon.test_admin_page import PAGE, admin_page
from tests.integration.addon.test_folder_field import with_field

FIELDS = (
    "id", "kind", "domain", "step", "percent", "error", "shop_url", "admin_url", "status_url", "waiting_for", "variant",
    "noun", "folder", "ended_at", "steps", "code", "detail", "message", "advice",
)  # fmt: skip
SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{$smarty.version}{php}"
ODD = {
    "lists": [[]], "objects": {"a": {"b": SCRIPT}}, "numbers": -1e308, "yes": True, "nothing": None, "markup": SCRIPT,
    "nested lists": [[["deep"]], {"code": ["x"]}], "halves of characters": "\ud800", "commands": "\u202e\x1b[2J\r\nX",
    "addresses": "javascript:alert(1)", "errors of lists": {"code": [1], "message": {"a": 1}, "advice": []},
    "long": "\u067e" * 1_000,
    "longest": "\U0001f6d2" * 1_000,
}  # fmt: skip


def own(whmcs, service):
    """Return the id of the client who owns a service."""
    return whmcs.rows("tblhosting", id=service)[0]["userid"]


def pages_are_made(whmcs, service):
    """The administrator's and the client's pages, and the page's question for news, are there and hold no script."""
    for language in ("english", "farsi"):
        text = admin_page(whmcs, language=language).text
        assert f'data-service="{service}"' in text and "could not be made" not in text
        assert "<script>alert" not in text and "onerror=alert(1)>" not in text
        assert 'href="javascript:' not in text
    client = own(whmcs, service)
    page = whmcs.page("/index.php", client=client, m="shoplaunch", service=service)
    assert page.status == 200 and 'id="shoplaunch"' in page.text
    assert "<script>alert" not in page.text and 'href="javascript:' not in page.text
    news = whmcs.page("/index.php", client=client, m="shoplaunch", service=service, poll=1)
    assert news.status == 200 and json.loads(news.text)["percent"] in range(101)


@attack("A controller that somebody took over answers for a service with lists, numbers, markup or megabytes in every "
        "field", "the administrator's and the client's pages are made as before, and cron goes on")  # fmt: skip
@pytest.mark.sampled(of=2, each=("odd",))
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("state", ["failed", "live"])
def test_no_answer_breaks_a_page_or_cron(watched, controller, odd, state):  # noqa: F811
    _order, service = watched.order()
    watched.create(service)
    controller.answer(200, {**dict.fromkeys(FIELDS, ODD[odd]), "state": state})
    watched.due_now()
    watched.cron()
    pages_are_made(watched, service)
    kept = json.loads(watched.shop(service)["document"] or "{}")
    written = ODD[odd] if isinstance(ODD[odd], str) and odd != "halves of characters" else ""
    assert kept.get("domain", "") == written[:330]
    watched.due_now()
    watched.cron()


@attack("The same answers an order, or an administrator's retry, so",
        "the order waits or is refused, and the page is made")  # fmt: skip
@pytest.mark.sampled(of=3, each=("odd",))
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("status", [200, 422, 503])
def test_no_answer_to_an_order_breaks_a_page_or_the_next_order(watched, controller, odd, status):  # noqa: F811
    controller.answer(status, {**dict.fromkeys(FIELDS, ODD[odd]), "state": "failed"})
    _order, service = watched.order()
    watched.create(service)
    pages_are_made(watched, service)
    token = watched.page(PAGE, module="shoplaunch", admin=1).text.split('name="token" value="')[1].split('"')[0]
    done = watched.page(PAGE + "?module=shoplaunch", admin=1, post={"do": "retry", "id": service, "token": token})
    assert "could not be made" not in done.text
    controller.answer(202, {"state": "received", "percent": 0})
    _order, other = watched.order()
    watched.due_now()
    watched.create(other)
    assert [row["state"] for row in watched.queue() if row["service_id"] == other] == ["taken"]


@attack("A client types sixty kilobytes into the field for the shop's folder",
        "the order goes out, and is refused with its reason")  # fmt: skip
@pytest.mark.parametrize("letter", ["x", "پ", "\U0001f6d2"])
def test_a_field_of_any_length_keeps_no_order(watched, controller, letter):  # noqa: F811
    _order, service = with_field(watched, letter * (60_000 // len(letter.encode())))
    watched.create(service)
    assert controller.events() == ["module_created"]
    assert len(controller.requests[0][3]["folder"]) <= 200
    # Kept whole with the options that were paid for
    assert set(json.loads(watched.shop(service)["configoptions"])) == {"configoptions", "folder"}


@attack("A controller neither takes nor refuses the orders of hundreds of services for good",
        "all others still go out, each service's in their order")  # fmt: skip
def test_events_that_wait_keep_no_others_waiting(watched, controller):  # noqa: F811
    watched.query(
        "INSERT INTO mod_shoplaunch_queue (event_id, service_id, kind, body, due_at) "
        "SELECT CONCAT('stuck-', seq), seq, 'accepted', '{}', UNIX_TIMESTAMP() + 3600 FROM seq_1_to_600"
    )
    order, service = watched.order()
    watched.create(service)
    watched.accept(order)
    assert controller.events() == ["module_created", "accepted"]
    # What comes after one that waits for its next try waits for it
    controller.answer(503, "{}")
    order, service = watched.order()
    watched.create(service)
    controller.answer(202, {"state": "received", "percent": 0})
    watched.accept(order)
    assert controller.events()[2:] == ["module_created"]
    watched.due_now()
    watched.query("DELETE FROM mod_shoplaunch_queue WHERE event_id LIKE 'stuck-%%'")
    watched.cron()
    assert controller.events()[3:] == ["module_created", "accepted"]
