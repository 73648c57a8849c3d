"""The client's page and the visitor's holding page: their language, what they show, what they never show."""

import re

import pytest
import requests

from controller.jobs.agent_link.holding_page import holding_page

TIMEOUT = 120


def client_page(site, job):
    return site.service.jobs.status(site.service.jobs.get(job.id))["status_url"]


def test_the_clients_page_speaks_the_clients_language_unless_another_is_chosen(site):
    url = client_page(site, site.order(language="fa"))
    page = requests.get(url, headers={"Accept-Language": "en"}, timeout=TIMEOUT).text
    assert '<html lang="fa" dir="rtl">' in page
    assert "فروشگاه شما در حال آماده‌سازی است" in page
    browser = requests.Session()
    assert '<html lang="en" dir="ltr">' in browser.get(url + "?lang=en", timeout=TIMEOUT).text
    assert '<html lang="en" dir="ltr">' in browser.get(url, timeout=TIMEOUT).text


def test_the_clients_page_shows_nothing_technical(site):
    job = site.order()
    site.fail(job, "agent", "db_access_denied", "the server refused user x at /run/mysqld/mysqld.sock")
    page = requests.get(client_page(site, job), timeout=TIMEOUT).text
    assert "This takes a little longer" in page
    for secret in ("db_access_denied", "mysqld", job.account, job.server, job.bundle, job.email, job.id):
        assert secret not in page.replace(client_page(site, job), "").replace(
            client_page(site, job).split("/", 3)[3], ""
        )


def test_the_clients_page_looks_again_by_itself_while_the_shop_is_made_and_then_no_more(site):
    job = site.order()
    page = requests.get(client_page(site, job), timeout=TIMEOUT).text
    assert 'data-live="/status/' in page and 'http-equiv="refresh"' not in page
    # Without scripts a link does it: nobody is taken away from what they read
    assert re.search(r'<noscript>.*href="/status/[^"]+".*</noscript>', page)
    site.put(job, "live", percent=100, facts={"shop_url": f"http://{job.domain}/"})
    page = requests.get(client_page(site, job), timeout=TIMEOUT).text
    assert "data-live" not in page and "<noscript>" not in page
    assert f'href="http://{job.domain}/"' in page


def test_a_domain_is_shown_in_its_own_script(site, operator):
    job = site.order("فروشگاه-آنا.example")
    assert job.domain.startswith("xn--")
    pages = [requests.get(client_page(site, job), timeout=TIMEOUT).text]
    pages += [operator.get(f"{site.url}/admin/{path}", timeout=TIMEOUT).text for path in ("jobs", f"jobs/{job.id}")]
    for page in pages:
        assert "<bdi" in page and "فروشگاه-آنا.example" in page


@pytest.mark.parametrize("token", ["x", "eyJhIjoxfQ.aaaa", "..%2f..%2fetc"])
def test_a_made_up_address_shows_no_shop(site, token):
    assert requests.get(f"{site.url}/status/{token}", timeout=TIMEOUT).status_code == 404


def test_an_agents_token_opens_no_client_page(site):
    job = site.put(site.order(), "dropped")
    assert requests.get(f"{site.url}/status/{site.agent_token(job)}", timeout=TIMEOUT).status_code == 404


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("fa", "rtl"), ("de", "ltr")])
def test_the_visitors_page_needs_nothing_from_elsewhere(language, direction):
    page = holding_page(language, "shop")
    assert f'dir="{direction}"' in page
    assert "$" not in page
    # The page itself, asked for again by who wants to, is not elsewhere
    assert re.search(r'(?:src|href)=(?!"")|url\(|@import', page) is None
    assert "http-equiv" not in page
    assert len(page.encode()) < 65536
