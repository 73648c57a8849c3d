"""The pages of clients in every state they have, and what is answered where there is no page."""

import time

import requests
from selenium.webdriver.common.by import By

from controller.db import proofs
from controller.db.connection.engine import transact
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import credentials
from tests.browser.chromium.waiting import click
from tests.browser.states import JOBS, LOOKER, TIMEOUT, appears, live, open_path, state

CLIENT_PASSWORD = "Kq7mVd3xTb9pWn2h"


# -- clients ------------------------------------------------------------------------------------------------------


def _clients_page(make):
    def show(site, driver):
        job = site.service.jobs.get(make(site).id)
        driver.get(site.service.jobs.status(job)["status_url"])

    return show


for _name, _make in JOBS.items():
    state(f"client, {_name}", "status.show")(_clients_page(_make))


@state("client, a wrong address", "status.show", status=404)
def client_unknown(site, driver):
    open_path(site, driver, "/status/nothing")


def offered(site, mode, offered_at=None):
    """Return (job, address) of a shop whose password waits."""
    private = sealed(site.service.installation.keys, {"admin.password": CLIENT_PASSWORD})
    job = live(site, **private)
    now = time.time() if offered_at is None else offered_at
    nonce = credentials.offer(site.service.installation.engine, site.service.installation.keys, job.id, mode, now)
    return job, f"{site.url}/credentials/{site.service.installation.tokens.for_credentials(job.id, nonce)}"


@state("password, waiting", "credentials.show")
def password_waiting(site, driver):
    driver.get(offered(site, "link")[1])


@state("password, shown", "credentials.reveal")
def password_shown(site, driver):
    driver.get(offered(site, "link")[1])
    click(driver, By.CSS_SELECTOR, "form button")
    appears(driver, "[data-view=shown]")


@state("password, used", "credentials.show", status=410)
def password_used(site, driver):
    _job, address = offered(site, "link")
    requests.post(address, timeout=TIMEOUT)
    driver.get(address)


@state("password, too late", "credentials.show", status=410)
def password_gone(site, driver):
    driver.get(offered(site, "link", time.time() - 8 * 86400)[1])


def choose(driver, address, password, again):
    driver.get(address)
    driver.find_element(By.NAME, "password").send_keys(password)
    driver.find_element(By.NAME, "again").send_keys(again)
    click(driver, By.CSS_SELECTOR, "form button")


@state("password, to choose", "credentials.show")
def password_choose(site, driver):
    driver.get(offered(site, "set")[1])


@state("password, chosen twice differently", "credentials.reveal", status=422)
def password_different(site, driver):
    choose(driver, offered(site, "set")[1], "correct horse", "correct house")


@state("password, being set", "credentials.reveal")
def password_setting(site, driver):
    choose(driver, offered(site, "set")[1], "correct horse", "correct horse")
    appears(driver, "[data-view=setting]")


def chosen(site, driver, then):
    job, address = offered(site, "set")
    form = {"password": "correct horse", "again": "correct horse"}
    requests.post(address, data=form, timeout=TIMEOUT).raise_for_status()
    [child] = site.service.jobs.follow_ups(job.id)
    site.put(child, then, account_key=None, domain_key=None)
    driver.get(address)


@state("password, set", "credentials.show")
def password_done(site, driver):
    chosen(site, driver, "live")


@state("password, in trouble", "credentials.show")
def password_trouble(site, driver):
    chosen(site, driver, "failed")


# -- what is no page ----------------------------------------------------------------------------------------------


@state("error, no such page", None, status=404)
def not_found(site, driver):
    open_path(site, driver, "/nothing")


@state("error, no such job", "admin.job", status=404)
def no_job(site, driver):
    open_path(site, driver, "/admin/jobs/nothing")


@state("error, not allowed to", "admin.confirm_cancel", status=403, user=LOOKER)
def not_allowed(site, driver):
    open_path(site, driver, f"/admin/jobs/{site.order().id}/cancel")


@state("error, no longer possible", "admin.cancel", status=409)
def too_late(site, driver):
    job = site.order()
    open_path(site, driver, f"/admin/jobs/{job.id}/cancel")
    site.put(job, "live")
    click(driver, By.ID, "confirm")


@state("error, an old form", "admin.cancel", status=400)
def old_form(site, driver):
    open_path(site, driver, f"/admin/jobs/{site.order().id}/cancel")
    driver.execute_script("document.querySelector('main form [name=csrf_token]').value = 'old'")
    click(driver, By.ID, "confirm")


@state("interface for programs", "openapi.page")
def interface_for_programs(site, driver):
    open_path(site, driver, "/docs/api")


@state("error, wrong method", None, status=405)
def wrong_method(site, driver):
    open_path(site, driver, f"/admin/jobs/{site.order().id}/retry")


@state("error, unforeseen", "status.show", status=500)
def unforeseen(site, driver):
    job = site.put(site.order(), "received", facts={"noun": "zebra"})
    driver.get(site.service.jobs.status(job)["status_url"])


@state("error, a damaged certificate", "admin.certificate", status=400)
def damaged_certificate(site, driver):
    job = live(site)
    transact(
        site.service.installation.engine,
        lambda connection: proofs.put_certificate(connection, job.id, "damaged", time.time()),
    )
    open_path(site, driver, f"/admin/jobs/{job.id}/certificate")
