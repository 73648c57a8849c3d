"""The pages of what needs somebody, of servers and of the audit log in every state they have."""

import json
import time

import sqlalchemy as sa
from selenium.webdriver.common.by import By

from controller.db.connection.engine import transact
from controller.db.facts import UNDO_WANTED, Facts, Undo, column
from controller.db.identities import access
from controller.db.machines import breakers, channels, servers, workers
from controller.db.machines.channels import Channel
from controller.db.machines.servers import Server
from controller.db.tables import audit as audit_table
from tests.browser.chromium.waiting import until
from tests.browser.states import appears, open_path, stalled, state
from tests.integration.billing.events import created
from tests.support.worlds.web_site import OPERATOR

# -- attention ----------------------------------------------------------------------------------------------------


def a_worker_runs(site):
    transact(site.service.installation.engine, lambda connection: workers.beat(connection, "one"))


@state("attention, nothing", "admin.attention", empty=True)
def attention_none(site, driver):
    a_worker_runs(site)
    open_path(site, driver, "/admin/attention")


def refused(site):
    """Return an order that was refused for an unknown bundle."""
    event = created(server_host="web-1", bundle="nothing")
    assert site.signed("POST", "/api/v1/orders", json.dumps(event).encode()).status_code == 422
    return next(order for order in site.service.orders.list_refused() if order.domain == event["domain"])


@state("attention, refused orders and alarms", "admin.attention")
def attention(site, driver):
    refused(site)
    stalled(site)
    problem = {"code": "mail_undeliverable", "message": "554 not here, " + "x" * 90}
    site.put(stalled(site), "stalled", facts={"alarm_problem": problem})
    open_path(site, driver, "/admin/attention")


@state("attention, other alarms", "admin.attention")
def other_alarms(site, driver):
    stopped = Channel("stable", "1", "2", 1, 0.0, 1.0, "more jobs fail", "wanted")
    transact(site.service.installation.engine, lambda made: channels.write(made, stopped))
    open_path(site, driver, "/admin/attention")
    # What is known of the installation's health may be some seconds old
    until(driver, lambda: driver.find_elements(By.ID, "other-alarms") or driver.refresh())


@state("send again?", "admin.confirm_resend")
def send_again(site, driver):
    open_path(site, driver, f"/admin/refused/{refused(site).id}/send")


@state("dismiss?", "admin.confirm_dismiss")
def dismiss(site, driver):
    open_path(site, driver, f"/admin/refused/{refused(site).id}/dismiss")


# -- servers, audit -----------------------------------------------------------------------------------------------


@state("servers, none", "admin.servers", empty=True)
def servers_none(site, driver):
    transact(site.service.installation.engine, lambda connection: servers.remove(connection, "web-1"))
    open_path(site, driver, "/admin/servers")


def locked_server(site):
    def work(connection):
        if "cpanel-locked" not in {server.name for server in servers.listed(connection)}:
            url = "https://a-host-with-a-long-name.hosting.example:2087"
            servers.add(connection, Server(name="cpanel-locked", panel="cpanel", url=url, user="root"), time.time())
        servers.lock(connection, "cpanel-locked", "WHM answered 401: the token is invalid", time.time() - 4000)

    transact(site.service.installation.engine, work)


@state("servers, one locked", "admin.servers")
def servers_locked(site, driver):
    locked_server(site)
    open_path(site, driver, "/admin/servers")


@state("servers, one failing", "admin.servers")
def servers_failing(site, driver):
    def fails(connection):
        for _ in range(breakers.FAILURES):
            breakers.note_failure(connection, "web-1", "https://web-1.example:2087 gave no answer in time", time.time())

    transact(site.service.installation.engine, fails)
    open_path(site, driver, "/admin/servers")


@state("job, waits for its server", "admin.job")
def job_waits_for_server(site, driver):
    job = site.put(site.order(), "preparing", step="account", wake_at=time.time() + 60)
    servers_failing(site, driver)
    open_path(site, driver, f"/admin/jobs/{job.id}")
    appears(driver, "#waits-for-server")


@state("job, waits for a removal without an answer", "admin.job")
def job_waits_for_removal(site, driver):
    # Of two reasons the page tells that the server fails, as it does in other states
    transact(site.service.installation.engine, lambda connection: breakers.note_answer(connection, "web-1"))
    undo = Undo(UNDO_WANTED, began_at=time.time() - 90, lost_at=time.time() - 60)
    job = site.put(site.order(), "cancelled", wake_at=time.time() + 540, **column(Facts(undo=undo)))
    open_path(site, driver, f"/admin/jobs/{job.id}")
    appears(driver, "#waits-for-removal")


@state("audit, nothing", "admin.audit_log", empty=True)
def audit_none(site, driver):
    transact(site.service.installation.engine, lambda connection: connection.execute(sa.delete(audit_table)))
    open_path(site, driver, "/admin/audit")


@state("audit, many", "admin.audit_log")
def audit(site, driver):
    job = site.order()

    def work(connection):
        for number in range(60):
            access.add_audit(connection, time.time(), "command line", "user password", None, f"operator-{number}")
        # As long as a bundle's digest with its name, which leaves the other columns what is left
        long = f"a-bundle-with-a-long-name-0123456789ab {'0123456789abcdef' * 4}"
        access.add_audit(connection, time.time(), "command line", "bundle add", job.id, long)
        access.add_audit(connection, time.time(), OPERATOR, "retry", job.id, "php")

    transact(site.service.installation.engine, work)
    open_path(site, driver, "/admin/audit")
