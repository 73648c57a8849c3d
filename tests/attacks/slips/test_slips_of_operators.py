"""A slip on a page changes no living shop: what is grave asks first, and says what it does; nobody is led elsewhere."""

import html
import re

import pytest
import requests

from controller.db import steps
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.jobs.lifecycle import plan
from tests.attacks.table import attack
from tests.support.worlds.web_site import csrf_of

TIMEOUT = 120
KINDS = ("https_on", "set_admin_password", "remove")
ENTRY = {"statements": [{"sql": "UPDATE ps_x SET y = 1", "params": []}], "edits": [], "back": {"statements": []}}
FOLLOW_UPS = {"nonce": "1a2b3c4d", "jobs": dict.fromkeys(KINDS, ENTRY), "checks": [], "admin_folder": "backoffice77"}
LANGUAGE = re.compile(r'<a href="([^"]*)" lang="fa"')


@pytest.fixture(scope="module")
def operator(site):
    return site.signed_in()


@pytest.fixture
def shop(site):
    """A shop that lives."""
    return site.put(site.order(), "live", later=FOLLOW_UPS, domain_key=None, account_key=None)


def page_of(site, operator, path, **options):
    answer = operator.get(site.url + path, timeout=TIMEOUT, **options)
    assert answer.status_code == 200, answer.text
    return answer.text


@attack(
    "an operator presses “Close the shop”, “Switch to https” or another that changes a living shop by mistake",
    "nothing happens but a page that says what would, and of which shop; it works without scripts",
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_changes_a_living_shop_asks_first(site, operator, shop, kind):
    path = f"/admin/jobs/{shop.id}"
    shown = page_of(site, operator, path)
    # Not one press on the shop's own page sends anything of the kind
    assert f'action="{path}/later' not in shown and 'name="kind"' not in shown
    assert f'href="{path}/later/{kind}"' in shown
    asked = page_of(site, operator, f"{path}/later/{kind}")
    assert shop.domain in asked and "?</h1>" in asked
    assert len(re.findall(r"<p>[^<]{20,}</p>", asked)) >= 2
    # Nothing refreshes a page on which a password is written
    assert "data-live" not in asked and "http-equiv" not in asked
    assert site.service.jobs.follow_ups(shop.id) == []
    form = {"csrf_token": csrf_of(asked), "kind": kind, "password": "correct horse" * (kind == "set_admin_password")}
    operator.post(site.url + path + "/later", data=form, timeout=TIMEOUT)
    assert [job.kind for job in site.service.jobs.follow_ups(shop.id)] == [kind]


@attack(
    "an operator presses “Take the cancellation back” by mistake, and a shop is built in an account that was put back",
    "nothing happens but a page that says what would",
)
def test_taking_a_cancellation_back_asks_first(site, operator):
    job = site.service.jobs.cancel(site.order().id)
    path = f"/admin/jobs/{job.id}/undo-cancel"
    shown = page_of(site, operator, f"/admin/jobs/{job.id}")
    assert f'action="{path}"' not in shown and f'href="{path}"' in shown
    asked = page_of(site, operator, path)
    assert job.domain in asked and "go into the account" in asked
    assert site.service.jobs.get(job.id).state == "cancelled"
    operator.post(site.url + path, data={"csrf_token": csrf_of(asked)}, timeout=TIMEOUT)
    assert site.service.jobs.get(job.id).state == "preparing"
    assert operator.get(site.url + path, timeout=TIMEOUT).status_code == 409


@pytest.mark.parametrize("password", ["", "short"])
def test_a_password_that_is_none_is_asked_for_again(site, operator, shop, password):
    path = f"{site.url}/admin/jobs/{shop.id}/later"
    form = {"csrf_token": csrf_of(page_of(site, operator, "/admin/jobs")), "kind": "set_admin_password"}
    answer = operator.post(path, data={**form, "password": password}, timeout=TIMEOUT)
    assert answer.status_code == 422 and "At least 8 characters." in answer.text and 'name="password"' in answer.text
    assert site.service.jobs.follow_ups(shop.id) == []


@pytest.mark.parametrize("kind", [*KINDS, "nonsense"])
def test_what_a_job_cannot_take_is_not_asked(site, operator, kind):
    job = site.order()
    assert operator.get(f"{site.url}/admin/jobs/{job.id}/later/{kind}", timeout=TIMEOUT).status_code == 409
    assert operator.get(f"{site.url}/admin/jobs/none/later/{kind}", timeout=TIMEOUT).status_code == 404
    assert "/later/" not in page_of(site, operator, f"/admin/jobs/{job.id}")


@attack(
    "somebody makes an address whose language link leads to another host, or asks twice for a language",
    "the link stays on the page, with its filters and its page number, and one language",
)
@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("?state=ignored&page=2", "?state=ignored&page=2&lang=fa"),
        ("?state=ignored&lang=en&page=2&lang=en", "?state=ignored&page=2&lang=fa"),
        ("?q=//evil.example/&x=%22%3E%3Cscript%3E", "?q=%2F%2Fevil.example%2F&x=%22%3E%3Cscript%3E&lang=fa"),
        ("", "?lang=fa"),
    ],
)
def test_the_language_link_keeps_the_query_and_the_host(site, operator, query, kept):
    shown = page_of(site, operator, f"/admin/jobs{query}", headers={"Accept-Language": "en"})
    assert html.unescape(LANGUAGE.search(shown).group(1)) == kept


def test_the_language_link_of_the_login_keeps_where_it_leads(site):
    answer = requests.get(site.url + "/admin/audit?page=2", headers={"Accept-Language": "en"}, timeout=TIMEOUT)
    assert html.unescape(LANGUAGE.search(answer.text).group(1)) == "?next=%2Fadmin%2Faudit%3Fpage%3D2&lang=fa"


def test_the_language_link_of_an_address_for_forms_alone_leads_to_a_page(site, operator):
    form = {"csrf_token": csrf_of(page_of(site, operator, "/admin/jobs"))}
    answer = operator.post(f"{site.url}/admin/jobs/{site.order().id}/retry", data=form, timeout=TIMEOUT)
    assert answer.status_code == 409
    link = html.unescape(LANGUAGE.search(answer.text).group(1))
    assert page_of(site, operator, link) and link == "/admin/jobs?lang=fa"


@attack(
    "a server refuses our login and is locked, and the operator looks at the servers",
    "the page says so, since when and why, and what lets it in again",
)
@pytest.mark.parametrize(("language", "words"), [("en", "Locked"), ("fa", "قفل‌شده")])
def test_a_locked_server_is_shown_with_its_reason_and_the_way_on(site, operator, language, words):
    name = f"locked-{language}"

    def work(connection):
        servers.add(connection, Server(name=name, panel="cpanel", url="https://x.example:2087", user="root"), 0.0)
        servers.lock(connection, name, "WHM answered 401: <the token> is invalid", 1_795_948_000.0)

    transact(site.service.installation.engine, work)
    shown = page_of(site, operator, f"/admin/servers?lang={language}")
    part = re.search(rf'data-locked="{name}".*?</section>', shown, re.DOTALL).group(0)
    assert "WHM answered 401: &lt;the token&gt; is invalid" in part and "panel_auth_failed" in part
    assert '<time datetime="2026-11-29T10:26:40+00:00"' in part
    for command in ("shoplaunch server set NAME --token-file FILE", "shoplaunch server check NAME"):
        assert f'<code dir="ltr">{command}</code>' in part
    assert words in shown
    transact(site.service.installation.engine, lambda connection: servers.unlock(connection, name))
    assert "data-locked" not in page_of(site, operator, "/admin/servers")


def again(site, shop, kind, way):
    """Return a follow-up job of `kind` that failed, or that waits for its next try."""
    given = {"admin.password": "correct horse"} if kind == "set_admin_password" else {}
    job = site.service.jobs.start_follow_up(shop.id, kind, given)
    error = {"code": "panel_unreachable", "message": "no answer", "advice": "a", "retryable": True}
    step = next(iter(plan.of(kind)))
    state = steps.FAILED if way == "failed" else steps.WAITING

    def work(connection):
        steps.update(connection, job.id, step, state=state, error=error, not_before=site.service.now() + 3600)

    transact(site.service.installation.engine, work)
    return site.put(job, "failed" if way == "failed" else "preparing", step=step, error=error)


@attack(
    "an operator presses Retry of a job that changes a living shop by mistake",
    "the page asks, and says what the job does; nothing changes before",
)
@pytest.mark.parametrize("way", ["failed", "waiting"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_that_changes_a_living_shop_asks_first(site, operator, shop, kind, way):
    job = again(site, shop, kind, way)
    page = page_of(site, operator, f"/admin/jobs/{job.id}")
    assert f'action="/admin/jobs/{job.id}/retry"' not in page
    (link,) = re.findall(r'<a class="button[^"]*" id="retry" href="([^"]*)"', page)
    asked = page_of(site, operator, html.unescape(link))
    assert shop.domain in asked and re.search("[?؟]</h1>", asked)
    assert len(re.findall(r"<p>[^<]{20,}</p>", asked)) >= 2
    assert site.service.jobs.get(job.id).version == job.version
    (form,) = re.findall(rf'<form[^>]* action="/admin/jobs/{job.id}/retry">.*?</form>', asked, re.DOTALL)
    values = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    answer = operator.post(f"{site.url}/admin/jobs/{job.id}/retry", data=values, timeout=TIMEOUT)
    assert answer.status_code == 200
    assert site.service.jobs.get(job.id).version > job.version


def test_there_is_nothing_to_ask_about_where_nothing_can_be_retried(site, operator, shop):
    job = site.service.jobs.start_follow_up(shop.id, "https_on", {})
    for one in (job, site.order()):
        answer = operator.get(f"{site.url}/admin/jobs/{one.id}/again", timeout=TIMEOUT)
        assert answer.status_code == 409
