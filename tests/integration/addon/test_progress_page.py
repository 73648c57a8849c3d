"""What the client sees meanwhile: how far the shop is, in the client's language, fresh, and never another's."""

import json
import re

import pytest

ERROR = {"code": "fetch_failed", "message": "SECRET PATH /home/x", "advice": "operator's advice", "retryable": True}


@pytest.fixture
def held(whmcs, job_of):
    """(WHMCS, client, service, job): the job is the real controller's."""
    _order, service = whmcs.order()
    whmcs.create(service)
    return whmcs, whmcs.rows("tblhosting", id=service)[0]["userid"], service, job_of(service)


def look(whmcs, client, service, **more):
    """Return the page's news as its script reads them, the cached five seconds being over."""
    whmcs.query("UPDATE mod_shoplaunch_services SET checked_at = 0")
    page = whmcs.page("/index.php", m="shoplaunch", service=service, client=client, poll=1, **more)
    assert page.headers["Content-Type"].startswith("application/json")
    return json.loads(page.text)


def test_the_page_follows_the_real_job_to_the_shop(held, site):
    whmcs, client, service, job = held
    page = whmcs.page("/index.php", m="shoplaunch", service=service, client=client)
    assert "Your shop is being prepared" in page.text and job.domain in page.text
    # Nobody is taken away from what they read; without scripts a link looks again
    again = re.search(r'<noscript>.*?href="(.*?)".*?</noscript>', page.text).group(1)
    assert again == f"index.php?m=shoplaunch&amp;service={service}" and 'http-equiv="refresh"' not in page.text
    assert f"service={service}&amp;poll=1" in page.text
    site.put(job, "restoring", percent=47)
    news = look(whmcs, client, service)
    assert (news["percent"], news["percent_text"], news["moving"]) == (47, "47%", True)
    assert [step["state"] for step in news["milestones"]] == ["done", "done", "now", "waiting", "waiting"]
    assert 'value="47"' in whmcs.page("/index.php", m="shoplaunch", service=service, client=client).text
    site.put(job, "live", percent=100, facts={**job.facts, "shop_url": f"http://{job.domain}/"})
    news = look(whmcs, client, service)
    assert (news["mood"], news["percent"], news["moving"]) == ("ready", 100, False)
    assert news["shop_url"] == f"http://{job.domain}/"
    assert news["details"] == f"clientarea.php?action=productdetails&id={service}"
    page = whmcs.page("/index.php", m="shoplaunch", service=service, client=client)
    assert "Your shop is ready" in page.text and "<noscript>" not in page.text
    details = whmcs.page("/clientarea.php", client=client, action="productdetails", id=service)
    assert "CLIENT-PASSWORD" in details.text


def test_persian_is_right_to_left_with_persian_digits(held, site):
    whmcs, client, service, job = held
    site.put(job, "restoring", percent=47)
    news = look(whmcs, client, service, language="farsi")
    assert (news["percent_text"], news["title"]) == ("۴۷٪", "فروشگاه شما در حال آماده‌سازی است")
    page = whmcs.page("/index.php", m="shoplaunch", service=service, client=client, language="farsi")
    assert 'dir="rtl" lang="fa"' in page.text and "۴۷٪" in page.text
    assert f'<bdi dir="ltr">{job.domain}</bdi>' in page.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("english", ("Your site is being prepared", "Installing the site", "Your site is ready", "Visit your site")),
        ("farsi", ("سایت شما در حال آماده‌سازی است", "نصب سایت", "سایت شما آماده است", "دیدن سایت")),
    ],
    ids=["english", "farsi"],
)
def test_a_site_that_sells_nothing_is_called_a_site(watched, controller, language, words):
    busy, installing, ready, visit = words
    controller.answer(202, {"state": "restoring", "percent": 5, "noun": "site"})
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.create(service)
    asked = {"m": "shoplaunch", "service": service, "client": client, "language": language}
    page = watched.page("/index.php", **asked).text
    assert busy in page and installing in page and visit in page
    controller.answer(200, {"state": "live", "percent": 100, "noun": "site", "shop_url": "http://tea.example/"})
    news = look(watched, client, service, language=language)
    assert (news["title"], news["visit"]) == (ready, visit)
    shown = re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>|shop\S*\.example\S*", " ", page, flags=re.S)
    shown += "".join(str(news[name]) for name in ("title", "sentence", "visit", "milestones"))
    assert not re.search(r"\b[Ss]hop\b|فروشگاه", shown)


@pytest.mark.parametrize("state", ["failed", "stalled"])
def test_clients_read_of_trouble_gently_and_without_details(held, site, state):
    whmcs, client, service, job = held
    site.put(job, state, percent=31, error=ERROR)
    news = look(whmcs, client, service)
    assert (news["mood"], news["percent"], news["moving"]) == ("trouble", 31, True)
    page = whmcs.page("/index.php", m="shoplaunch", service=service, client=client)
    for detail in ("SECRET PATH", "fetch_failed", "operator"):
        assert detail not in page.text + json.dumps(news)


def test_a_service_that_waits_for_acceptance_says_so(whmcs):
    whmcs.setting("wait_for_acceptance", "on")
    order, service = whmcs.order()
    client = whmcs.rows("tblhosting", id=service)[0]["userid"]
    whmcs.create(service)
    assert look(whmcs, client, service)["mood"] == "approval"
    whmcs.accept(order)
    assert look(whmcs, client, service)["mood"] == "busy"


def test_a_service_whose_server_does_not_answer_says_so_until_it_goes_on(watched, controller):
    controller.answer(202, {"state": "preparing", "percent": 1, "waiting_for": "server"})
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.create(service)
    news = look(watched, client, service)
    assert (news["mood"], news["title"], news["moving"]) == (
        "server", "The hosting server does not answer just now", True
    )  # fmt: skip
    controller.answer(200, {"state": "preparing", "percent": 2, "waiting_for": None})
    assert look(watched, client, service)["mood"] == "busy"


def test_nobody_sees_anothers_service(held):
    whmcs, client, service, job = held
    other = whmcs.client()
    assert job.domain not in whmcs.page("/index.php", m="shoplaunch", service=service, client=other).text
    assert whmcs.page("/index.php", m="shoplaunch", service=service, client=other, poll=1).status == 404
    assert whmcs.page("/index.php", m="shoplaunch", service=service, poll=1).status == 404
    assert "please log in" in whmcs.page("/index.php", m="shoplaunch", service=service).text
    for query in ({}, {"service": "x"}, {"service": "-1"}, {"service[]": "1"}):
        assert "nothing to see" in whmcs.page("/index.php", m="shoplaunch", client=client, **query).text


def test_the_controller_is_asked_at_most_every_five_seconds(watched, controller):
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    controller.answer(202, {"state": "restoring", "percent": 5})
    watched.create(service)
    look(watched, client, service)
    asked = len(controller.requests)
    watched.query("UPDATE mod_shoplaunch_services SET checked_at = UNIX_TIMESTAMP() + 1000")
    for _time in range(3):
        watched.page("/index.php", m="shoplaunch", service=service, client=client, poll=1)
    assert len(controller.requests) == asked


@pytest.mark.parametrize(
    "answer", ["hang", "cut", (200, "text/html", "<h1>hello</h1>"), (200, "application/json", "[]")]
)
def test_a_controller_that_talks_nonsense_changes_nothing(watched, controller, answer):
    controller.answer(202, {"state": "restoring", "percent": 55})
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.create(service)
    controller.answers = [answer]
    assert look(watched, client, service)["percent"] == 55
    controller.release.set()


def test_what_the_controller_says_is_never_markup(watched, controller):
    evil = '"><script>alert(1)</script>'
    error = {"code": evil, "message": evil, "advice": evil, "retryable": True}
    controller.answer(202, {"state": "failed", "percent": 5, "domain": evil, "error": error, "step": evil, "id": evil})
    _order, service = watched.order()
    client = watched.rows("tblhosting", id=service)[0]["userid"]
    watched.create(service)
    assert evil not in watched.page("/index.php", m="shoplaunch", service=service, client=client).text
    assert evil not in watched.page("/admin/addonmodules.php", module="shoplaunch", admin=1).text
    controller.answer(200, {"state": "live", "percent": 100, "shop_url": "javascript:alert(1)"})
    assert look(watched, client, service)["shop_url"] == ""


def test_a_cancelled_order_is_closed_and_an_administrator_can_let_the_client_in(held, site):
    from tests.integration.addon.forms import form

    whmcs, client, service, job = held
    site.put(job, "cancelled")
    assert look(whmcs, client, service)["mood"] == "closed"
    assert whmcs.page("/clientarea.php", client=client, action="productdetails", id=service).redirect
    admin = whmcs.page("/admin/addonmodules.php", module="shoplaunch", admin=1)
    done = whmcs.page("/admin/addonmodules.php?module=shoplaunch", admin=1, post=form(admin, "let_in"))
    assert "has been let in" in done.text
    assert whmcs.page("/clientarea.php", client=client, action="productdetails", id=service).redirect is None
    assert whmcs.mails() == [("Hosting Account Welcome Email", service)]
