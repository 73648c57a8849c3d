"""The page behind which the client's password waits, over real HTTP."""

import time

import pytest
import requests

from controller.db import jobs
from controller.db.connection.engine import transact
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import credentials

TIMEOUT = 120
PASSWORD = "Kq7mVd3xTb9pWn2h"


@pytest.fixture
def waiting(site):
    """Return a function: what to change -> (job, address of its page) of a shop that lives and waits."""

    def make(offered_at=None, **order):
        facts = {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}
        job = site.put(
            site.order(**order),
            "live",
            facts=facts,
            **sealed(site.service.installation.keys, {"admin.password": PASSWORD}),
        )
        nonce = credentials.offer(
            site.service.installation.engine,
            site.service.installation.keys,
            job.id,
            "link",
            time.time() if offered_at is None else offered_at,
        )
        token = site.service.installation.tokens.for_credentials(job.id, nonce)
        return site.service.jobs.get(job.id), f"{site.url}/credentials/{token}"

    return make


def test_looking_changes_nothing_and_pressing_shows_the_password_once(site, waiting):
    job, address = waiting()
    for method in ("GET", "HEAD", "GET"):
        page = requests.request(method, address, timeout=TIMEOUT)
        assert page.status_code == 200 and PASSWORD not in page.text
    assert 'method="post"' in page.text
    shown = requests.post(address, timeout=TIMEOUT)
    assert shown.status_code == 200 and PASSWORD in shown.text and job.email in shown.text
    assert "http://x.example/admin77/" in shown.text
    for method in ("GET", "POST"):
        again = requests.request(method, address, timeout=TIMEOUT)
        assert again.status_code == 410 and PASSWORD not in again.text
        assert "support" in again.text and "shown already" in again.text
    assert site.service.jobs.get(job.id).secrets_encrypted is None


def test_two_who_press_at_once_are_one_who_sees_it(waiting):
    from concurrent.futures import ThreadPoolExecutor

    _job, address = waiting()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _n: requests.post(address, timeout=TIMEOUT), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410, 410]
    assert sum(PASSWORD in answer.text for answer in answers) == 1


def test_nobody_keeps_the_page_and_nothing_finds_it(waiting):
    _job, address = waiting()
    for answer in (requests.get(address, timeout=TIMEOUT), requests.post(address, timeout=TIMEOUT)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "noindex" in answer.headers["X-Robots-Tag"] and 'name="robots" content="noindex"' in answer.text
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_after_seven_days_there_is_nothing_to_show(waiting):
    _job, address = waiting(offered_at=time.time() - 7 * 86400 - 60)
    for method in ("GET", "POST"):
        answer = requests.request(method, address, timeout=TIMEOUT)
        assert answer.status_code == 410 and PASSWORD not in answer.text and f"{credentials.DAYS} days" in answer.text


def test_a_shop_whose_service_ended_shows_nothing(site, waiting):
    job, address = waiting()
    change = {"ended_at": time.time(), "secrets_encrypted": None}
    transact(site.service.installation.engine, lambda c: jobs.update(c, jobs.get(c, job.id), time.time(), **change))
    assert requests.post(address, timeout=TIMEOUT).status_code == 410


def test_a_forged_or_foreign_address_is_not_found(site, waiting):
    job, address = waiting()
    status = site.service.jobs.status(job)["status_url"].rpartition("/")[2]
    wrong_nonce = site.service.installation.tokens.for_credentials(job.id, "AAAAAAAAAAAA")
    for token in ("x", address.rpartition("/")[2][:-1], status, wrong_nonce):
        for method in ("GET", "POST"):
            answer = requests.request(method, f"{site.url}/credentials/{token}", timeout=TIMEOUT)
            assert answer.status_code == 404 and "support" in answer.text
    assert requests.get(f"{site.url}/status/{address.rpartition('/')[2]}", timeout=TIMEOUT).status_code == 404


def test_a_persian_client_reads_persian_dates_and_digits(waiting):
    _job, address = waiting(language="fa")
    page = requests.get(address, timeout=TIMEOUT).text
    assert 'lang="fa" dir="rtl"' in page and "نمایش گذرواژه" in page
    assert any(digit in page for digit in "۰۱۲۳۴۵۶۷۸۹")
    shown = requests.post(address, timeout=TIMEOUT).text
    assert f'dir="ltr" id="password">{PASSWORD}<' in shown
    # No link on that page leads to itself: the password would be gone
    assert "?lang=" not in shown


def test_that_it_was_shown_is_in_the_audit_log_without_the_password(site, waiting):
    job, address = waiting()
    requests.post(address, timeout=TIMEOUT)
    rows = [row for row in site.service.access.list_audit(20, 0) if row.job == job.id]
    assert [(row.user, row.action) for row in rows] == [("client", "password shown")]
    assert PASSWORD not in site.log() and PASSWORD not in str(rows)


FOLLOW_UPS = {
    "nonce": "0123abcd", "checks": [], "admin_folder": "admin77",
    "jobs": {"set_admin_password": {"statements": [{"sql": "UPDATE x SET y = %s", "params": []}], "edits": []}},
}  # fmt: skip
CHOSEN = "correct horse ۱۲ battery"


@pytest.fixture
def choosing(site):
    """Return a function: -> (job, address) of a shop whose client is to choose a password."""

    def make(later=FOLLOW_UPS, **order):
        facts = {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}
        private = sealed(site.service.installation.keys, {"admin.password": PASSWORD})
        job = site.put(
            site.order(**order), "live", facts=facts, later=later, domain_key=None, account_key=None, **private
        )
        nonce = credentials.offer(
            site.service.installation.engine, site.service.installation.keys, job.id, "set", time.time()
        )
        assert site.service.jobs.get(job.id).secrets_encrypted is None
        return site.service.jobs.get(
            job.id
        ), f"{site.url}/credentials/{site.service.installation.tokens.for_credentials(job.id, nonce)}"

    return make


def choose(address, password=CHOSEN, again=None):
    return requests.post(address, data={"password": password, "again": again or password}, timeout=TIMEOUT)


def test_a_client_chooses_a_password_once_and_sees_when_it_works(site, choosing):
    job, address = choosing()
    assert 'type="password"' in requests.get(address, timeout=TIMEOUT).text
    assert "being set" in choose(address).text
    [child] = site.service.jobs.follow_ups(job.id)
    assert child.kind == "set_admin_password"
    import bcrypt

    hashed = site.service.installation.keys.decrypt(child.secrets_encrypted)
    assert CHOSEN not in hashed
    import json

    assert bcrypt.checkpw(CHOSEN.encode(), json.loads(hashed)["admin.password_hash"].encode())
    assert "being set" in choose(address, "another password").text
    assert len(site.service.jobs.follow_ups(job.id)) == 1
    site.put(child, "live")
    assert "sign in with it now" in requests.get(address, timeout=TIMEOUT).text
    site.put(child, "failed")
    assert "Our team has been notified" in requests.get(address, timeout=TIMEOUT).text
    assert CHOSEN not in site.log()


def test_a_password_is_not_said_to_be_set_while_another_job_sets_another_one(site, choosing):
    job, address = choosing()
    given = {"admin.password": "what the operator chose"}
    begun = site.service.jobs.start_follow_up(job.id, "set_admin_password", given)
    assert "not possible at this moment" in choose(address).text
    site.put(begun, "failed")
    assert "not possible at this moment" in choose(address).text
    site.put(begun, "live", domain_key=None, account_key=None)
    assert "being set" in choose(address).text
    assert len(site.service.jobs.follow_ups(job.id)) == 2


@pytest.mark.parametrize(
    ("password", "again", "said"),
    [
        ("short", None, "at least 10 characters"),
        ("long enough 1", "long enough 2", "not the same"),
        ("ب" * 40, None, "at least 10 characters"),
        ("with\x00null bytes", None, "at least 10 characters"),
    ],
    ids=ascii,
)
def test_an_unfit_password_is_refused_and_the_link_stays(site, choosing, password, again, said):
    job, address = choosing()
    answer = choose(address, password, again)
    assert answer.status_code == 422 and said in answer.text and password not in answer.text
    assert site.service.jobs.follow_ups(job.id) == []
    assert "being set" in choose(address).text


def test_what_keeps_the_shop_from_taking_it_leaves_the_link_for_later(site, choosing):
    job, address = choosing(later={**FOLLOW_UPS, "jobs": {}})
    answer = choose(address)
    assert answer.status_code == 422 and "try again in a few minutes" in answer.text
    assert requests.get(address, timeout=TIMEOUT).status_code == 200
    assert credentials.state(site.service.jobs.get(job.id), time.time()) == credentials.WAITING


def test_two_who_choose_at_once_are_one_whose_password_it_is(site, choosing):
    from concurrent.futures import ThreadPoolExecutor

    job, address = choosing()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda n: choose(address, f"password number {n}"), range(5)))
    assert len(site.service.jobs.follow_ups(job.id)) == 1
    rows = [row for row in site.service.access.list_audit(50, 0) if row.job == job.id]
    assert [row.action for row in rows] == ["password chosen"]


@pytest.mark.parametrize(("seconds", "said"), [(0, "is being set"), (3600, "takes a little longer")])
def test_who_asks_while_the_job_of_a_choice_is_only_being_made_hears_that_it_is_under_way(
    site, choosing, seconds, said
):
    job, address = choosing()
    nonce = site.service.jobs.get(job.id).facts["credentials"]["nonce"]
    assert credentials.claim(site.service.installation.engine, job.id, nonce, time.time() - seconds)
    assert said in requests.get(address, timeout=TIMEOUT).text


def test_a_persian_client_chooses_in_persian(choosing):
    _job, address = choosing(language="fa")
    assert "ثبت گذرواژه" in requests.get(address, timeout=TIMEOUT).text
    assert "یکسان نیستند" in choose(address, "long enough 1", "long enough 2").text
