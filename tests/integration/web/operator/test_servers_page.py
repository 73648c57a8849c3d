"""The servers' page tells how agents start on each, and what came of it last."""

import pytest
import requests

from controller.db.connection.engine import transact
from controller.db.facts import UNDO_WANTED, Facts, Undo, column
from controller.db.machines import breakers, servers
from controller.this_machine import Machine
from tests.integration.web.test_pages import TIMEOUT, sign_in


def test_how_agents_start_and_what_came_of_it_is_on_the_servers_page(site):
    def known(connection):
        for name, panel in (
            ("begun", "local"),
            ("cannot", "local"),
            ("left", "cpanel"),
            ("new", "local"),
            ("small", "local"),
        ):
            servers.add(connection, servers.Server(name, panel), 1.0)
        servers.note_start(connection, "begun", "account", "", 2.0)
        servers.note_start(connection, "cannot", "", "php_not_the_account", 2.0)
        servers.note_report(connection, "small", "account", "limited", 2.0, "alice")

    transact(site.service.installation.engine, known)
    browser = requests.Session()
    sign_in(site, browser)
    page = browser.get(site.url + "/admin/servers", timeout=TIMEOUT).text
    assert 'data-start="auto">At once, as the account<' in page
    assert "By cron: PHP does not run as the account<" in page
    assert "By cron: an agent was started at once, and its limits were too small<" in page
    assert 'data-start="cron">By cron<' in page and 'data-start="auto">At once, where possible<' in page


@pytest.mark.parametrize(("language", "here"), [("en", "this machine<"), ("fa", "همین دستگاه<")])
def test_where_the_accounts_of_a_local_server_live_is_on_the_servers_page(site, language, here):
    def known(connection):
        servers.add(connection, servers.Server(f"away-{language}", "local").on(Machine("another", "<i>web9")), 1.0)
        servers.add(connection, servers.Server(f"here-{language}", "local"), 1.0)

    transact(site.service.installation.engine, known)
    browser = requests.Session()
    sign_in(site, browser)
    page = browser.get(site.url + f"/admin/servers?lang={language}", timeout=TIMEOUT).text
    away, at_home = (page.partition(f"<bdi>{name}-{language}<")[2].partition("</tr>")[0] for name in ("away", "here"))
    assert '<bdi class="mono">&lt;i&gt;web9</bdi>' in away and here not in away
    assert here in at_home


@pytest.mark.parametrize(
    ("language", "words", "next_look"),
    [("en", ["does not answer: its jobs wait", "Does not answer<"], "Next look"),
     ("fa", ["پاسخ نمی‌دهد: کارهای آن در انتظارند", "پاسخ نمی‌دهد<"], "بررسی بعدی")],
)  # fmt: skip
def test_a_server_that_fails_is_on_its_page_and_on_that_of_a_job_that_waits_for_it(site, language, words, next_look):
    engine = site.service.installation.engine
    job = site.put(site.order(), "preparing", step="account", wake_at=1.0)

    def fails(connection):
        for number in range(breakers.FAILURES):
            breakers.note_failure(connection, job.server, "<b>no answer</b> to version", 1_900_000_000.0 + number)

    transact(engine, fails)
    browser = requests.Session()
    sign_in(site, browser)
    try:
        page = browser.get(site.url + f"/admin/servers?lang={language}", timeout=TIMEOUT).text
        assert [word for word in (*words, next_look, "&lt;b&gt;no answer") if word not in page] == []
        page = browser.get(site.url + f"/admin/jobs/{job.id}?lang={language}", timeout=TIMEOUT).text
        assert 'id="waits-for-server"' in page and next_look in page and "<b>no answer" not in page
    finally:
        transact(engine, lambda connection: breakers.note_answer(connection, job.server))


@pytest.mark.parametrize(
    ("language", "words"), [("en", "gave no answer to a removal"), ("fa", "به یک حذف در این حساب پاسخ نداده")]
)
def test_the_page_of_a_job_whose_removal_got_no_answer_says_what_is_waited_for(site, language, words):
    undo = Undo(UNDO_WANTED, began_at=1_899_999_000.0, lost_at=1_900_000_000.0)
    job = site.put(site.order(), "cancelled", wake_at=1_900_000_600.0, **column(Facts(undo=undo)))
    browser = requests.Session()
    sign_in(site, browser)
    page = browser.get(site.url + f"/admin/jobs/{job.id}?lang={language}", timeout=TIMEOUT).text
    assert 'id="waits-for-removal"' in page and words in page
