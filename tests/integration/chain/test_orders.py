"""Orders of WHMCS become living shops on cPanel servers: three servers, two languages, all at once, by real cron."""

import re
import shutil

import pytest
import requests
from selenium.webdriver.common.by import By

from tests.browser.chrome import chrome, complaints
from tests.fakes.whmcs_php.harness import ORDERS
from tests.whole import wait_for

SECONDS = 400
#: How the server is reached, and whether launcher and agent come with its accounts.
SERVERS = {
    "root": {"reseller": False, "skeleton": True},
    "reseller": {"reseller": True, "skeleton": True},
    "bare": {"reseller": True, "skeleton": False},
}
LANGUAGES = ("english", "farsi")


@pytest.fixture(scope="package")
def sold(chain):
    """Six shops, sold at about the same time; (server, language) -> {"sold", "job", "before", "status"}."""
    found = {}
    for number, (name, how) in enumerate(SERVERS.items()):
        server = chain.add_server(f"cp-{name}", **how)
        if how["skeleton"]:
            born_with(chain, server)
        for language in LANGUAGES:
            sold = chain.sell(server, language=language, sequence=ORDERS[number])
            before = chain.page_of_the_account(sold)
            found[name, language] = {"sold": sold, "job": chain.job(sold), "before": before}
    for entry in found.values():
        entry["status"] = chain.whole.live(entry["job"], SECONDS)
    chain.addon.due_now()
    chain.addon.cron()
    return found


def born_with(chain, server):
    """The skeleton holds launcher and agent, as an operator on that very server puts them there."""
    folder = server.whm.skeleton(server.owner) / ".shoplaunch"
    folder.mkdir(mode=0o700, parents=True)
    for name in ("run", "agent.pyz"):
        shutil.copy(chain.whole.world.home / "agent" / name, folder / name)


def everywhere(test):
    test = pytest.mark.parametrize("language", LANGUAGES)(test)
    return pytest.mark.parametrize("server", sorted(SERVERS))(test)


def visit(sold, path="/", **options):
    whm = sold.server.whm
    headers = {"Host": sold.domain}
    return requests.get(f"http://{whm.ip}:{whm.http_port}{path}", headers=headers, timeout=120, **options)


@everywhere
def test_the_shop_lives_under_its_own_name_and_nothing_of_ours_stays(chain, sold, server, language):
    entry = sold[server, language]
    answer = visit(entry["sold"])
    assert answer.status_code == 200
    assert entry["sold"].domain in answer.text
    account = entry["sold"].server.whm.account(entry["sold"].account)
    assert not (chain.whole.world.accounts / account.user).exists()
    from pathlib import Path

    assert not (Path(account.home) / ".shoplaunch").exists()
    assert "shoplaunch" not in chain.whole.crontab(entry["job"])
    assert {step["name"]: step["state"] for step in entry["status"]["steps"]}["check"] == "done"


@everywhere
def test_the_client_is_kept_out_before_and_let_in_after(chain, sold, server, language):
    entry = sold[server, language]
    before, after = entry["before"], chain.page_of_the_account(entry["sold"])
    assert before.redirect is not None and "m=shoplaunch" in before.redirect
    assert after.redirect is None
    assert after.status == 200


@everywhere
def test_one_ticket_and_one_mail_of_each_kind_tell_the_client(chain, sold, server, language):
    entry = sold[server, language]
    subjects = [mail["subject"].split(":")[0] for mail in chain.mails(entry["sold"])]
    assert subjects.count("Received") == 1
    assert subjects.count("Ready") == 1
    assert "Delayed" not in subjects
    (ticket,) = chain.tickets(entry["sold"])
    told = " ".join(reply["message"] for reply in ticket["replies"])
    persian = len(re.findall("[\u0600-\u06ff]", told))
    assert (persian > 50) == (language == "farsi")
    assert entry["status"]["shop_url"] in told


@everywhere
def test_the_password_is_shown_once_by_the_mailed_link_and_opens_the_back_office(chain, sold, server, language):
    entry = sold[server, language]
    ready = next(mail for mail in chain.mails(entry["sold"]) if mail["subject"].startswith("Ready"))
    link = re.search(r"https?://\S+/credentials/\S+", ready["message"]).group()
    whm, domain = entry["sold"].server.whm, entry["sold"].domain
    with chrome(resolve={domain: f"{whm.ip}:{whm.http_port}"}) as browser:
        browser.get(link)
        browser.find_element(By.CSS_SELECTOR, "form button").click()
        password = wait_for(lambda: browser.find_elements(By.ID, "password"))[0].text.strip()
        assert password
        browser.get(link)
        assert password not in browser.page_source
        browser.get(entry["status"]["admin_url"])
        browser.find_element(By.ID, "email").send_keys(entry["sold"].email)
        browser.find_element(By.ID, "passwd").send_keys(password)
        browser.find_element(By.NAME, "submitLogin").click()
        wait_for(lambda: browser.find_elements(By.CSS_SELECTOR, "table"), "the back office did not open")
        browser.get(entry["status"]["shop_url"])
        assert browser.find_elements(By.CSS_SELECTOR, ".grid img")
        assert complaints(browser) == []


def test_no_secret_went_over_a_query_and_no_server_got_more_calls_at_once_than_it_allows(chain, sold):
    for server in chain.servers.values():
        server.whm.check()


def test_each_account_has_one_database_one_user_and_no_cron_line(chain, sold):
    for entry in sold.values():
        account = entry["sold"].server.whm.account(entry["sold"].account)
        assert len(account.databases) == 1
        assert len(account.database_users) == 1
