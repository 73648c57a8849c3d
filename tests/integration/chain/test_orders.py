"""Orders of WHMCS become living shops on cPanel servers: three servers, two languages, all at once, by real cron."""

import re

import pytest
import requests
from selenium.webdriver.common.by import By

from tests.browser.chromium.chrome import chrome, complaints
from tests.browser.chromium.waiting import click, text_of, until
from tests.integration.chain.conftest import BIRTHS, SHOPS, doors
from tests.integration.chain.habits import HABITS_OF_CRON
from tests.integration.chain.outcome import READY, WELCOME, assert_everything_is_there_once

#: Each birth comes every day, in one of its languages.
BY_TURNS = pytest.mark.sampled(of=2, each=("birth",), turn="births")
everywhere = pytest.mark.parametrize(("birth", "language"), [pytest.param(*one, marks=BY_TURNS) for one in SHOPS])
#: What an account is created with.
SKELETONS = {
    "root, nothing in the skeleton": (),
    "root, skeleton by SSH": ("agent.pyz", "agent.sha256", "run"),
    "reseller, skeleton by his account": ("agent.pyz", "agent.sha256", "run"),
    "reseller, bundle in the skeleton": ("agent.pyz", "agent.sha256", "run", "shop.bundle"),
    "reseller, nothing in the skeleton": (),
}


@everywhere
def test_the_shop_lives_under_its_own_name(shops, birth, language):
    shop = shops[birth, language]
    whm, domain = shop.sold.server.whm, shop.sold.domain
    answer = requests.get(f"http://{whm.ip}:{whm.http_port}/", headers={"Host": domain}, timeout=120)
    assert answer.status_code == 200
    assert domain in answer.text
    assert {step["name"]: step["state"] for step in shop.status["steps"]}["check"] == "done"


@everywhere
def test_accounts_are_born_with_what_the_skeleton_holds_and_get_the_rest(shops, birth, language):
    shop = shops[birth, language]
    assert shop.born == SKELETONS[birth]
    calls = [call for call in shop.sold.server.whm.calls.all if call.account == shop.sold.account]
    written = [call for call in calls if call.function == "Fileman::save_file_content"]
    # The job alone, or launcher, agent and their digests as well
    assert len(written) == (1 if shop.born else 4)


@everywhere
def test_everything_is_there_once_and_the_client_is_notified_in_the_right_language(chain, shops, birth, language):
    shop = shops[birth, language]
    assert_everything_is_there_once(chain, shop.sold, shop.status)
    (ticket,) = chain.tickets(shop.sold)
    assert shop.status["shop_url"] in ticket["replies"][1]["message"]
    (ready,) = chain.mails(shop.sold, READY)
    assert shop.status["shop_url"] in ready["message"] and shop.status["admin_url"] in ready["message"]
    assert ('dir="rtl"' in ready["message"]) == (language == "farsi")
    assert "{" not in ready["message"]


@pytest.mark.parametrize("habit", HABITS_OF_CRON)
def test_real_cron_starts_the_agent_whatever_the_host_makes_of_the_line(chain, shops, habit):
    shop = shops[habit, "english"]
    assert_everything_is_there_once(chain, shop.sold, shop.status)


@everywhere
def test_the_client_is_kept_out_by_every_door_before_and_let_in_after(chain, shops, birth, language):
    shop = shops[birth, language]
    for page in shop.before:
        assert page.redirect is not None and "m=shoplaunch" in page.redirect
    page, *sign_ons = doors(chain, shop.sold)
    assert (page.status, page.redirect) == (200, None)
    assert [":2083/" in door.redirect for door in sign_ons] == [True, True]


@everywhere
def test_the_welcome_mail_waits_until_the_shop_is_ready(chain, shops, birth, language):
    shop = shops[birth, language]
    assert shop.welcome_before == []
    # Which of the two comes first is a race between WHMCS, which asks, and the controller, which sends
    assert {mail["name"] for mail in chain.mails(shop.sold)[-2:]} == {READY, WELCOME}
    assert len(chain.mails(shop.sold, WELCOME)) == 1


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("birth", BIRTHS)
def test_the_password_is_shown_once_by_the_mailed_link_and_opens_the_back_office(chain, shops, birth):
    shop = next(shop for (one, _language), shop in shops.items() if one == birth)
    (ready,) = chain.mails(shop.sold, READY)
    link = re.search(r'https?://[^\s"<]+/credentials/[^\s"<]+', ready["message"]).group()
    whm, domain = shop.sold.server.whm, shop.sold.domain
    with chrome(resolve={domain: f"{whm.ip}:{whm.http_port}"}) as browser:
        browser.get(link)
        click(browser, By.CSS_SELECTOR, "form button")
        password = text_of(browser, "#password").strip()
        assert password
        browser.get(link)
        assert password not in browser.page_source
        # The page that shows nothing any more says so with its status
        (gone,) = complaints(browser)
        assert "410 (GONE)" in gone
        browser.get(shop.status["admin_url"])
        browser.find_element(By.ID, "email").send_keys(shop.sold.email)
        browser.find_element(By.ID, "passwd").send_keys(password)
        click(browser, By.NAME, "submitLogin")
        until(browser, lambda: browser.find_elements(By.CSS_SELECTOR, ".tiles"))
        browser.get(shop.status["shop_url"])
        assert browser.find_elements(By.CSS_SELECTOR, ".grid img")
        assert complaints(browser) == []
