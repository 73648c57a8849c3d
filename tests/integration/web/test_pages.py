"""Operator pages over real HTTP: who gets in, what a form needs, what pages never tell."""

import re
import time

import pytest
import requests

from controller.access import operators
from controller.access.actor import command_line
from controller.db.identities.logins import MAX_PER_ADDRESS
from controller.settings.loading import load_config
from controller.setup import installation
from tests.support.worlds.web_site import OPERATOR, PASSWORD, Site, csrf_of

TIMEOUT = 120


def sign_in(site, browser, user=OPERATOR, password=PASSWORD, **options):
    page = browser.get(site.url + "/admin/login", timeout=TIMEOUT)
    form = {"user": user, "password": password, "csrf_token": csrf_of(page.text)}
    where = site.url + options.pop("path", "/admin/login")
    return browser.post(where, data=form, timeout=TIMEOUT, allow_redirects=False, **options)


def post(site, browser, path, **form):
    page = browser.get(site.url + "/admin/jobs", timeout=TIMEOUT)
    form.setdefault("csrf_token", csrf_of(page.text))
    return browser.post(site.url + path, data=form, timeout=TIMEOUT)


PAGES = ("/admin/", "/admin/jobs", "/admin/servers", "/admin/audit", "/admin/jobs/x", "/admin/jobs/x/certificate")


@pytest.mark.parametrize("path", PAGES)
def test_nobody_sees_a_page_without_signing_in(site, path):
    answer = requests.get(site.url + path, timeout=TIMEOUT, allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login?next=")


def test_a_forged_session_cookie_opens_nothing(site):
    cookies = {"shoplaunch": "eyJ1c2VyIjoibm9yYSJ9.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb"}
    answer = requests.get(site.url + "/admin/jobs", cookies=cookies, timeout=TIMEOUT, allow_redirects=False)
    assert answer.status_code == 302


def test_signing_in_leads_to_the_page_that_was_wanted_but_never_to_another_host(site):
    browser = requests.Session()
    assert sign_in(site, browser, path="/admin/login?next=/admin/audit").headers["Location"] == "/admin/audit"
    for evil in ("https://evil.example/", "//evil.example/", "/\\evil.example", "/admin/\\evil", "/status/x"):
        answer = sign_in(site, requests.Session(), path="/admin/login?next=" + requests.utils.quote(evil))
        assert answer.headers["Location"] == "/admin/jobs"


@pytest.mark.parametrize(("user", "password"), [(OPERATOR, "wrong"), ("nobody", PASSWORD), ("", ""), (OPERATOR, "")])
def test_a_wrong_password_and_a_wrong_user_look_the_same(site, user, password):
    answer = sign_in(site, requests.Session(), user, password)
    assert answer.status_code == 401
    assert "User, password or code is wrong." in answer.text


def test_too_many_wrong_passwords_have_to_wait_and_the_right_one_too(site):
    browser = requests.Session()
    for _ in range(MAX_PER_ADDRESS):
        assert sign_in(site, browser, "someone", "wrong").status_code == 401
    answer = sign_in(site, browser)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 90
    site.forget_failed_logins()
    assert sign_in(site, browser).status_code == 303


def test_a_made_up_forwarded_address_does_not_escape_the_throttle(site):
    browser = requests.Session()
    codes = [
        sign_in(site, browser, f"u{n}", "wrong", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(MAX_PER_ADDRESS + 1)
    ]
    assert codes == [401] * MAX_PER_ADDRESS + [429]


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(site):
    cookie = sign_in(site, requests.Session()).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    # The public address of this installation is plain http on loopback
    assert "Secure" not in cookie


def test_behind_https_cookies_are_secure_and_the_browser_is_instructed_to_stay():
    secure = Site(SHOPLAUNCH_PUBLIC_URL="https://control.example", SHOPLAUNCH_TRUSTED_PROXIES="1")
    try:
        secure.start()
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "control.example", "X-Forwarded-For": "192.0.2.9"}
        answer = requests.get(secure.url + "/admin/login?lang=fa", headers=headers, timeout=TIMEOUT)
        cookies = answer.raw.headers.getlist("Set-Cookie")
        assert len(cookies) == 2
        assert all("; Secure" in cookie for cookie in cookies)
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        jar = {cookie.split("=")[0]: cookie.split(";")[0].split("=", 1)[1] for cookie in cookies}
        form = {"user": OPERATOR, "password": PASSWORD, "csrf_token": csrf_of(answer.text)}
        requests.post(
            secure.url + "/admin/login", data=form, headers=headers, cookies=jar, timeout=TIMEOUT, allow_redirects=False
        )
        assert secure.service.access.list_audit(limit=1, offset=0)[0].detail == "192.0.2.9"
    finally:
        secure.stop()


def test_signing_in_begins_another_session_so_that_a_planted_one_is_worth_nothing(site):
    browser = requests.Session()
    browser.get(site.url + "/admin/login", timeout=TIMEOUT)
    planted = browser.cookies["shoplaunch"]
    sign_in(site, browser)
    assert browser.cookies["shoplaunch"] != planted
    answer = requests.get(
        site.url + "/admin/jobs", cookies={"shoplaunch": planted}, timeout=TIMEOUT, allow_redirects=False
    )
    assert answer.status_code == 302


def test_signing_out_ends_the_session(site, operator):
    post(site, operator, "/admin/logout")
    assert operator.get(site.url + "/admin/jobs", timeout=TIMEOUT).url.startswith(site.url + "/admin/login")


FORMS = ("/admin/logout", "/admin/login", "/admin/jobs/{}/retry", "/admin/jobs/{}/cancel", "/admin/jobs/{}/undo-cancel")


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "x" * 43, "توکن"], ids=["none", "empty", "wrong", "not ASCII"])
def test_a_form_without_the_sessions_token_changes_nothing(site, operator, path, token):
    job = site.order()
    form = {} if token is None else {"csrf_token": token}
    answer = operator.post(site.url + path.format(job.id), data=form, timeout=TIMEOUT)
    assert answer.status_code == 400
    assert site.service.jobs.get(job.id).version == job.version
    assert operator.get(site.url + "/admin/jobs", timeout=TIMEOUT).url.endswith("/admin/jobs")


@pytest.mark.parametrize("path", FORMS[2:])
def test_changes_are_never_made_by_following_a_link(site, operator, path):
    job = site.order()
    operator.get(site.url + path.format(job.id), timeout=TIMEOUT)
    assert site.service.jobs.get(job.id).version == job.version


def test_every_page_forbids_frames_foreign_scripts_and_caches(site, operator):
    job = site.order()
    for path in ("/admin/jobs", f"/admin/jobs/{job.id}", "/admin/nothing", "/nothing", "/healthz"):
        headers = operator.get(site.url + path, timeout=TIMEOUT).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_pages_carry_no_inline_script_or_style_which_the_policy_would_block(site, operator):
    job = site.order()
    site.fail(job, "database", "panel_unreachable", "no route to the panel")
    for path in ("/admin/jobs", f"/admin/jobs/{job.id}", f"/admin/jobs/{job.id}/cancel", "/admin/audit"):
        page = operator.get(site.url + path, timeout=TIMEOUT).text
        assert re.search(r"<script(?![^>]*\bsrc=)", page) is None
        assert re.search(r"\sstyle=|\son[a-z]+=|<style", page) is None


def test_what_others_wrote_is_shown_as_text(site, operator):
    job = site.order()
    site.fail(job, "database", "panel_unreachable", "<script>alert(1)</script>")
    page = operator.get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_the_list_is_filtered_and_turned_page_by_page(site, operator):
    made = [site.order() for _ in range(30)]
    for job in made:
        site.put(job, "ignored")
    seen = set()
    for page in ("1", "2", "999999", "0", "-1", "x"):
        text = operator.get(site.url + f"/admin/jobs?state=ignored&page={page}", timeout=TIMEOUT).text
        seen |= set(re.findall(r'data-job="(\w+)"', text))
    assert {job.id for job in made} <= seen
    other = site.order()
    text = operator.get(site.url + "/admin/jobs?state=ignored", timeout=TIMEOUT).text
    assert other.id not in text
    assert other.id in operator.get(site.url + "/admin/jobs?state=nonsense", timeout=TIMEOUT).text


def test_who_may_only_look_sees_no_empty_box_of_follow_up_jobs(site):
    config = load_config(site.environment)
    installation.set_operator(config, "mina", PASSWORD)
    operators.set_role(command_line(config), "mina", "look")
    job = site.put(site.order(), "live", percent=100)
    for user, seen in ((OPERATOR, True), ("mina", False)):
        page = site.signed_in(user).get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text
        assert ('id="follow-ups"' in page) == seen


@pytest.mark.parametrize("state", ["cancelled", "ignored"])
def test_an_order_that_is_closed_shows_no_progress_and_no_step_that_waits(site, operator, state):
    job = site.put(site.order(), state)
    page = operator.get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text
    assert "<progress" not in page and "Skipped" in page and "Waiting" not in page
    status = site.service.jobs.status(job)["status_url"]
    page = requests.get(status, timeout=TIMEOUT).text
    assert job.domain in page and "<progress" not in page and "0%" not in page


def test_a_state_without_jobs_is_not_an_installation_without_orders(site, operator):
    page = operator.get(site.url + "/admin/jobs?state=stalled", timeout=TIMEOUT).text
    assert "No job is in this state." in page and "Orders arrive from billing" not in page


def test_what_an_agent_tries_again_by_itself_is_shown_with_a_button_to_retry_at_once(site, operator):
    job = site.order()
    for name in ("account", "database", "database_user", "privileges", "php", "drop", "cron"):
        site.put_step(job, name, "done")
    site.put(job, "dropped", step="agent")
    where, token = site.url + f"/admin/jobs/{job.id}", site.agent_token(job)
    begun = {"job": job.id, "attempt": 1, "seq": 1, "event": "started", "at": time.time()}
    site.report(token, begun).raise_for_status()
    assert 'id="retry"' not in operator.get(where, timeout=TIMEOUT).text
    error = {"code": "disk_space", "message": "77 MB are missing", "advice": "a", "retryable": True}
    site.report(token, {**begun, "seq": 2, "event": "failed", "error": error}).raise_for_status()
    page = operator.get(where, timeout=TIMEOUT).text
    assert "77 MB are missing" in page and 'id="retry"' in page
    post(site, operator, f"/admin/jobs/{job.id}/retry")
    after = site.service.jobs.get(job.id)
    assert (after.state, after.step, after.attempt, after.error) == ("preparing", "drop", 2, None)


def test_a_check_that_waits_for_its_next_try_is_shown_with_a_button_to_try_at_once(site, operator):
    job = site.order()
    for name in ("account", "database", "database_user", "privileges", "php", "drop", "cron", "agent"):
        site.put_step(job, name, "done")
    where = site.url + f"/admin/jobs/{job.id}"
    site.put(job, "finishing", step="check")
    assert 'id="retry"' not in operator.get(where, timeout=TIMEOUT).text
    error = {"code": "check_failed", "message": "front: / answered 500", "advice": "a", "retryable": True}
    site.put_step(job, "check", "waiting", not_before=time.time() + 3600, failures=4, error=error)
    site.put(job, "finishing", error=error)
    page = operator.get(where, timeout=TIMEOUT).text
    assert "front: / answered 500" in page and "Retrying automatically: Visit the shop" in page
    assert re.search(r'id="retry">\s*Retry “Visit the shop”', page)
    post(site, operator, f"/admin/jobs/{job.id}/retry")
    after = site.service.jobs.get(job.id)
    assert (after.state, after.step, after.attempt) == ("finishing", "check", 1)
    assert after.wake_at <= time.time()


def test_an_error_is_named_in_the_page_s_language_before_its_technical_message(site, operator):
    job = site.order()
    site.fail(job, "php", "panel_refused", "no PHP 8.1 here")
    for language, title in (("en", "The panel refused the operation"), ("fa", "پنل عملیات را نپذیرفت")):
        page = operator.get(site.url + f"/admin/jobs/{job.id}?lang={language}", timeout=TIMEOUT).text
        assert re.search(rf'{title}</p>\s*<p [^>]*dir="ltr" lang="en">no PHP 8.1 here</p>', page), language


def test_a_message_that_has_its_sentence_in_persian_is_read_in_persian(site, operator):
    job = site.order()
    site.fail(job, "php", "panel_refused", "the shop needs PHP 8.1; the server offers <7.4>")
    page = operator.get(site.url + f"/admin/jobs/{job.id}?lang=fa", timeout=TIMEOUT).text
    assert 'فروشگاه <bdi dir="ltr">PHP <bdi>8.1</bdi></bdi> لازم دارد؛ سرور <bdi>&lt;7.4&gt;</bdi> دارد</p>' in page


def test_retry_runs_exactly_the_failed_step_and_is_noted(site, operator):
    job = site.order()
    site.fail(job, "php", "panel_refused", "no PHP 8.1 here")
    page = operator.get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text
    assert "no PHP 8.1 here" in page
    assert '<input type="hidden" name="step" value="php">' in page
    post(site, operator, f"/admin/jobs/{job.id}/retry", step="php")
    after = site.service.jobs.status(site.service.jobs.get(job.id))
    states = {step["name"]: step["state"] for step in after["steps"]}
    assert after["state"] == "preparing"
    assert (states["privileges"], states["php"], states["drop"]) == ("done", "waiting", "waiting")
    noted = site.service.access.list_audit(limit=1, offset=0)[0]
    assert (noted.user, noted.action, noted.job, noted.detail) == (OPERATOR, "retry", job.id, "php")


def test_what_the_state_does_not_allow_is_said_and_not_noted(site, operator):
    job = site.order()
    before = site.service.access.count_audit()
    for path in ("retry", "undo-cancel"):
        answer = post(site, operator, f"/admin/jobs/{job.id}/{path}")
        assert answer.status_code == 409
        assert "does not allow" in answer.text
    assert site.service.access.count_audit() == before


def test_cancel_and_taking_it_back(site, operator):
    job = site.order()
    post(site, operator, f"/admin/jobs/{job.id}/cancel")
    assert site.service.jobs.get(job.id).state == "cancelled"
    post(site, operator, f"/admin/jobs/{job.id}/undo-cancel")
    assert site.service.jobs.get(job.id).state == "preparing"
    log = operator.get(site.url + "/admin/audit", timeout=TIMEOUT).text
    assert "Took a cancellation back" in log


def test_an_unknown_job_and_a_missing_certificate_are_not_found(site, operator):
    assert operator.get(site.url + "/admin/jobs/nothing", timeout=TIMEOUT).status_code == 404
    assert operator.get(site.url + f"/admin/jobs/{site.order().id}/certificate", timeout=TIMEOUT).status_code == 404


def test_the_birth_certificate_shows_all_evidence_with_its_signed_document(site, operator):
    job = site.put(site.order(), "live", facts={"shop_url": "http://x.example/", "admin_url": "http://x.example/adm/"})
    evidence = {
        "files": 27062,
        "tables": {f"ps_{number}": number for number in range(500)},
        "stages": {"import": 4.44, "verify": 0.41},
        "bytes_read": 31_234_567,
        "bytes_written": 267_000_001,
        "sql_bytes": 987_654,
        "peak_rss_bytes": 59_000_002,
        "something_new": {"deep": [1, {"x": "<b>"}]},
    }
    visits = [{"name": "front", "path": "/", "status": 200, "bytes": 9, "seconds": 0.2, "redirects": 0}]
    visits[0]["assets"] = {"asked": 16, "answered": 15}
    signed = site.certify(job, evidence, visits)
    page = operator.get(site.url + f"/admin/jobs/{job.id}/certificate", timeout=TIMEOUT).text
    for shown in (
        "27,062",
        "31,234,567",
        "267,000,001",
        "987,654",
        "59,000,002",
        "4.4 s",
        "ps_0",
        "100 more rows",
        "Something new",
        "Parts of the page",
        "15 of 16",
        "&lt;b&gt;",
        signed,
    ):
        assert shown in page
    for name in ("Bytes read", "Bytes written to files", "Bytes of SQL sent", "Peak memory (bytes)"):
        assert name in page
    assert page.index("Verify job and bundle") < page.index("Import database")
    assert "Birth certificate" in operator.get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text


def test_an_operator_starts_a_follow_up_job_and_finds_it_on_its_shops_page(site, operator):
    statement = {"sql": "UPDATE ps_employee SET passwd = %s", "params": ["x"]}
    kinds = {"set_admin_password": {"statements": [statement], "edits": []}}
    later = {"nonce": "1a2b3c4d", "jobs": kinds, "checks": [], "admin_folder": "backoffice77"}
    parent = site.put(site.order(), "live", later=later, domain_key=None, account_key=None)
    path = f"/admin/jobs/{parent.id}"
    page = operator.get(site.url + path, timeout=TIMEOUT).text
    assert 'id="set_admin_password"' in page and 'id="https_on"' in page
    form = {"kind": "set_admin_password", "password": "correct horse battery"}
    answer = post(site, operator, path + "/later", **form)
    (job,) = site.service.jobs.follow_ups(parent.id)
    assert answer.url.endswith(f"/admin/jobs/{job.id}")
    assert "The job has begun." in answer.text and "New administrator password" in answer.text
    assert parent.id in answer.text and "correct horse" not in answer.text
    assert job.id in operator.get(site.url + path, timeout=TIMEOUT).text
    assert "This is under way already." in post(site, operator, path + "/later", **form).text
    assert len(site.service.jobs.follow_ups(parent.id)) == 1
    audit = operator.get(site.url + "/admin/audit", timeout=TIMEOUT).text
    assert "Set a new administrator password" in audit and "correct horse" not in audit
    assert post(site, operator, path + "/later", kind="nonsense").status_code == 409
    assert post(site, operator, path + "/later", csrf_token="", **form).status_code in (400, 403)


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Asked for; the shop is on http"), ("fa", "درخواست شده؛ فروشگاه روی http است")]
)
def test_an_operator_sees_what_keeps_a_shop_from_its_certificate(site, operator, language, words):
    facts = {"tls": "asked", "tls_reason": "“shop.example” does not resolve <to> any IP addresses"}
    job = site.put(site.order(), "live", facts=facts, domain_key=None, account_key=None)
    page = operator.get(site.url + f"/admin/jobs/{job.id}?lang={language}", timeout=TIMEOUT).text
    assert words in page
    assert "“shop.example” does not resolve &lt;to&gt; any IP addresses" in page


def test_numbers_are_written_in_each_readers_language_in_any_order_of_readers(site, operator):
    job = site.put(site.order(), "restoring", percent=41)
    for page in (f"/admin/jobs/{job.id}", "/admin/jobs"):
        for language, words, others in (("en", "41%", "٪"), ("fa", "۴۱٪", "%</"), ("en", "41%", "٪")):
            text = operator.get(f"{site.url}{page}?lang={language}", timeout=TIMEOUT).text
            assert words in text and others not in text
