"""Every page in every state it has, each by a function that brings it about and opens it."""

import time
from dataclasses import dataclass

import requests
from selenium.webdriver.common.by import By

from shared.events import make_event
from tests.browser.chromium.waiting import click, until
from tests.support.worlds.web_site import OPERATOR, csrf_of

TIMEOUT = 120
#: One who may only look, and what they sign in with.
LOOKER = "mina"
LONG = "a-rather-long-name-for-a-small-shop-of-leather-goods.isfahan.example"
FOLLOW_UPS = {
    "nonce": "0123abcd", "checks": [], "admin_folder": "admin77",
    "jobs": {
        kind: {"statements": [{"sql": "UPDATE x SET y = %s", "params": []}], "edits": [], "back": {"edits": []}}
        for kind in ("set_admin_password", "https_on", "remove")
    },
}  # fmt: skip


@dataclass(frozen=True)
class State:
    """A page's state: `open(site, driver)` shows it, answered with `status`; `endpoint` is None for what no page is."""

    name: str
    endpoint: str | None
    open: object
    status: int = 200
    user: str = OPERATOR
    #: In an installation that has nothing yet.
    empty: bool = False


STATES = {}


def state(name, endpoint, **more):
    """Register the function as the state `name` of the page `endpoint`."""

    def register(function):
        assert name not in STATES, name
        STATES[name] = State(name, endpoint, function, **more)
        return function

    return register


def open_path(site, driver, path):
    driver.get(site.url + path)


def appears(driver, selector):
    """Wait for what only the page has that a form leads to: its address and status may be those of the form."""
    until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, selector))


# -- signing in ---------------------------------------------------------------------------------------------------


@state("login", "admin.login")
def login(site, driver):
    open_path(site, driver, "/admin/login")


def try_to_sign_in(site, driver, user):
    open_path(site, driver, "/admin/login")
    driver.find_element(By.NAME, "user").send_keys(user)
    driver.find_element(By.NAME, "password").send_keys("not the password")
    click(driver, By.ID, "login")


@state("login, wrong", "admin.login", status=401)
def login_wrong(site, driver):
    try_to_sign_in(site, driver, "somebody")


@state("login, too often", "admin.login", status=429)
def login_throttled(site, driver):
    browser = requests.Session()
    page = browser.get(site.url + "/admin/login", timeout=TIMEOUT)
    form = {"user": "somebody", "password": "wrong", "csrf_token": csrf_of(page.text)}
    while browser.post(site.url + "/admin/login", data=form, timeout=TIMEOUT).status_code != 429:
        pass
    try_to_sign_in(site, driver, "somebody")


# -- jobs ---------------------------------------------------------------------------------------------------------


@state("jobs, none", "admin.jobs", empty=True)
def jobs_none(site, driver):
    open_path(site, driver, "/admin/jobs")


def every_state(site):
    """One job in each state, and enough to fill two pages."""
    if site.service.jobs.counts().get("ignored", 0) >= 30:
        return
    for state_name in JOBS:
        JOBS[state_name](site)
    for _ in range(30):
        site.put(site.order(), "ignored")


@state("jobs, all", "admin.jobs")
def jobs_all(site, driver):
    every_state(site)
    open_path(site, driver, "/admin/jobs")


@state("jobs, filtered, second page", "admin.jobs")
def jobs_filtered(site, driver):
    every_state(site)
    open_path(site, driver, "/admin/jobs?state=ignored&page=2")


@state("jobs, none in this state", "admin.jobs", empty=True)
def jobs_none_in_state(site, driver):
    open_path(site, driver, "/admin/jobs?state=stalled")


def done_up_to(site, job, last):
    now = time.time()
    for name in ("account", "database", "database_user", "privileges", "php", "drop", "cron", "agent", "check", "tls"):
        site.put_step(job, name, "done", attempts=1, started_at=now - 70, finished_at=now - 68)
        if name == last:
            return job
    return job


def received(site):
    return site.order()


def preparing(site):
    job = done_up_to(site, site.order(), "database")
    site.put_step(job, "php", "running", attempts=3, started_at=time.time())
    return site.put(job, "preparing", step="php", percent=4)


def trying_again(site):
    job = done_up_to(site, site.order(), "agent")
    error = {"code": "check_failed", "message": "front: / answered 500", "advice": "a", "retryable": True}
    site.put_step(job, "check", "waiting", not_before=time.time() + 3600, failures=4, error=error)
    return site.put(job, "finishing", step="check", error=error, percent=97)


def dropped(site):
    return site.put(done_up_to(site, site.order(), "cron"), "dropped", step="agent", percent=5)


def restoring(site):
    job = site.put(done_up_to(site, site.order(LONG), "cron") if not _known(site, LONG) else dropped(site), "dropped")
    token = site.agent_token(job)
    events = [("stage_started", "unpack", 5), ("stage_finished", "unpack", 40), ("stage_started", "import", 41)]
    for seq, (kind, stage, percent) in enumerate(events, 1):
        event = make_event(job.id, 1, seq, kind, time.time(), stage=stage, percent=percent)
        assert site.report(token, event).status_code == 202
    return site.service.jobs.get(job.id)


def _known(site, domain):
    return any(job.domain == domain for job in site.service.jobs.listed())


def finishing(site):
    return site.put(done_up_to(site, site.order(), "agent"), "finishing", step="check", percent=97)


def live(site, facts=None, **more):
    urls = {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}
    waits = {"tls": "asked", "tls_reason": "“x.example” does not resolve to any IP addresses"}
    job = done_up_to(site, site.order(service_id=None, variant=None), "tls")
    columns = {"percent": 100, "later": FOLLOW_UPS, "facts": {**urls, **waits, **(facts or {})}}
    return site.put(job, "live", domain_key=None, account_key=None, **columns, **more)


def failed(site):
    return site.fail(site.order(), "php", "panel_refused", "no PHP 8.1 here: <b>" + "x" * 120)


def stalled(site):
    job = done_up_to(site, site.order(), "cron")
    error = {"code": "cron_never_fired", "message": "nothing was heard of cron", "advice": "a", "retryable": True}
    return site.put(job, "stalled", step="agent", error=error, percent=5, alarm="wanted")


def cancelled(site):
    return site.service.jobs.cancel(site.order().id)


def ignored(site):
    return site.put(site.order(), "ignored")


JOBS = {
    "received": received,
    "preparing": preparing,
    "trying again": trying_again,
    "dropped": dropped,
    "restoring": restoring,
    "finishing": finishing,
    "live": live,
    "failed": failed,
    "stalled": stalled,
    "cancelled": cancelled,
    "ignored": ignored,
}


def _job_page(make):
    return lambda site, driver: open_path(site, driver, f"/admin/jobs/{make(site).id}")


for _name, _make in JOBS.items():
    state(f"job, {_name}", "admin.job")(_job_page(_make))
state("job, seen by one who only looks", "admin.job", user=LOOKER)(_job_page(live))


def started(site, way, reason=""):
    """A job whose agent has reported how it was started."""
    fact = {"way": "" if reason else way, "reason": reason, "seconds": 0.1, "at": time.time() - 40}
    facts = {"cron_seconds": 60, "start": fact}
    job = site.put(done_up_to(site, site.order(), "cron"), "dropped", step="agent", percent=5, facts=facts)
    begun = {} if reason else {"start": way}
    assert site.report(site.agent_token(job), make_event(job.id, 1, 1, "started", time.time(), **begun)).ok
    return job


state("job, its agent started at once", "admin.job")(_job_page(lambda site: started(site, "account")))
state("job, its agent left to cron", "admin.job")(_job_page(lambda site: started(site, "", "functions_disabled")))


@state("take the cancellation back?", "admin.confirm_undo_cancel")
def undo_cancel(site, driver):
    open_path(site, driver, f"/admin/jobs/{cancelled(site).id}/undo-cancel")


def _follow_up_page(kind):
    return lambda site, driver: open_path(site, driver, f"/admin/jobs/{live(site).id}/later/{kind}")


for _kind in FOLLOW_UPS["jobs"]:
    state(f"{_kind}?", "admin.confirm_follow_up")(_follow_up_page(_kind))


@state("set_admin_password?, too short", "admin.begin_follow_up", status=422)
def later_short(site, driver):
    open_path(site, driver, f"/admin/jobs/{live(site).id}/later/set_admin_password")
    field = driver.find_element(By.NAME, "password")
    driver.execute_script("arguments[0].removeAttribute('minlength')", field)
    field.send_keys("short")
    click(driver, By.ID, "confirm")


@state("error, another job is under way", "admin.begin_follow_up", status=409)
def later_busy(site, driver):
    job = live(site)
    site.service.jobs.start_follow_up(job.id, "https_on", {})
    open_path(site, driver, f"/admin/jobs/{job.id}/later/remove")
    click(driver, By.ID, "confirm")


@state("job, with follow-up jobs", "admin.job")
def job_with_later(site, driver):
    job = live(site)
    ended = site.service.jobs.start_follow_up(job.id, "set_admin_password", {"admin.password": "correct horse"})
    site.put(ended, "live", account_key=None, domain_key=None)
    site.service.jobs.start_follow_up(job.id, "https_on", {})
    open_path(site, driver, f"/admin/jobs/{job.id}")


@state("job, a follow-up job", "admin.job")
def follow_up_job(site, driver):
    child = site.service.jobs.start_follow_up(live(site).id, "https_on", {})
    open_path(site, driver, f"/admin/jobs/{child.id}")


@state("job, just retried", "admin.job")
def retried(site, driver):
    open_path(site, driver, f"/admin/jobs/{failed(site).id}")
    click(driver, By.ID, "retry")
    appears(driver, "p.note")


@state("retry what changes a living shop?", "admin.confirm_retry")
def retry_later(site, driver):
    child = site.service.jobs.start_follow_up(live(site).id, "remove", {})
    error = {"code": "panel_unreachable", "message": "no answer", "advice": "a", "retryable": True}
    site.put(child, "failed", step="account", error=error)
    open_path(site, driver, f"/admin/jobs/{child.id}")
    click(driver, By.ID, "retry")
    appears(driver, "#confirm")


@state("cancel?", "admin.confirm_cancel")
def cancel(site, driver):
    open_path(site, driver, f"/admin/jobs/{site.order().id}/cancel")


# -- certificates -------------------------------------------------------------------------------------------------


def started_after(way, seconds, reason=""):
    """Return the facts of an agent that was started by `way`, or by cron for `reason`, and waited for."""
    now = time.time()
    asked = {"way": "" if reason else way, "reason": reason, "seconds": 0.1, "at": now - seconds}
    return {"start": asked, "first_event": {"at": now, "way": way}}


@state("certificate, small", "admin.certificate")
def certificate_small(site, driver):
    job = live(site, started_after("web", 0.4))
    site.certify(job, {"files": 27062}, [])
    open_path(site, driver, f"/admin/jobs/{job.id}/certificate")


@state("certificate, everything open", "admin.certificate")
def certificate(site, driver):
    job = live(site, started_after("cron", 41.7, "closed"))
    evidence = {
        "files": 27062, "stages": {"import": 4.44, "verify": 0.41}, "bytes_read": 31_234_567,
        "digests": {f"ps_{number}": "a" * 64 for number in range(40)},
        "something_new": {"deep": [1, {"x": "<b>"}], "true": True, "false": False, "none": None},
    }  # fmt: skip
    visits = [
        {"name": name, "path": path, "status": 200, "bytes": 91234, "seconds": 0.2, "redirects": 0}
        for name, path in [("front", "/"), ("product", "/" + "a-long-name-of-a-product-" * 6)]
    ]
    site.certify(job, evidence, visits)
    open_path(site, driver, f"/admin/jobs/{job.id}/certificate")
    for summary in driver.find_elements(By.CSS_SELECTOR, "summary"):
        summary.click()
