"""The pages of operators, keys and one's own access in every state they have."""

import sqlalchemy as sa
from selenium.webdriver.common.by import By

from controller.access import billing_keys, operators, second_factor, totp
from controller.access.actor import Actor
from controller.db.connection.engine import transact
from controller.db.identities.api_keys import ApiKey
from controller.db.tables import api_keys
from controller.db.tables import operators as operator_rows
from tests.browser.chromium.waiting import click, until
from tests.browser.states import LOOKER, open_path, state
from tests.support.worlds.web_site import PASSWORD

#: One who sets up a second factor, one who is changed; a key of every kind.
ENROLLED, CHANGED = "sara", "omid-of-a-long-name@hosting.example.com"
LIMITED = ApiKey("whmcs-limited", ("web-1",), ("boutique",), ("retry", "cancel"), 60)


def populate(site):
    """There are two more operators and two more keys; return who made them."""
    actor = Actor("command line", site.service.installation.engine, lambda: site.service.installation.keys)
    if "old-one" in {key.name for key in billing_keys.listed(actor)}:
        return actor
    for name, role in ((ENROLLED, "administer"), (CHANGED, "operate")):
        operators.add(actor, name, PASSWORD, role)
    second_factor.begin(actor, CHANGED)
    for key in (LIMITED, ApiKey("old-one", operations=())):
        billing_keys.add(actor, key)
        site.service.access.audit(f"key {key.name}", "order", None, "7 shop.example key_forbidden")
    billing_keys.revoke(actor, "old-one")
    return actor


def page(name, endpoint, path, **more):
    """Register the page at `path` of a populated site as a state."""

    @state(name, endpoint, **more)
    def show(site, driver):
        populate(site)
        open_path(site, driver, path)


def answer(driver, password=PASSWORD, /, **fields):
    """Fill the form of the page and send it."""
    until(driver, lambda: driver.find_elements(By.ID, "confirm"))
    for name, text in {**fields, "own_password": password}.items():
        driver.find_element(By.NAME, name).send_keys(text)
    click(driver, By.ID, "confirm")


def sent(name, endpoint, path, status=200, password=PASSWORD, /, **fields):
    """Register what comes of the form at `path` as a state."""

    @state(name, endpoint, status=status)
    def show(site, driver):
        populate(site)
        open_path(site, driver, path)
        answer(driver, password, **fields)


page("operators", "admin.operators", "/admin/operators")
page("operator, with a second factor", "admin.operator", f"/admin/operator/{CHANGED}")
page("operator, oneself", "admin.operator", "/admin/operator/nora")
page("operator, none of this name", "admin.operator", "/admin/operator/nobody", status=404)
page("operator, to add", "admin.ask_operator", "/admin/operators/add")
sent("operator, added twice", "admin.add_operator", "/admin/operators/add", 409, user=CHANGED)
page("role?", "admin.confirm_operator", f"/admin/operator/{CHANGED}/role?role=look")
for _change in ("second-factor", "sessions", "remove"):
    page(f"operator, {_change}?", "admin.confirm_operator", f"/admin/operator/{CHANGED}/{_change}")
sent("operator, not one's password", "admin.change_operator", f"/admin/operator/{CHANGED}/sessions", 401, "wrong")
page("new password?", "admin.confirm_password", f"/admin/operator/{CHANGED}/password")
sent("operator, the new password", "admin.new_password", f"/admin/operator/{CHANGED}/password")

page("keys", "admin.keys", "/admin/keys")
page("key, in use", "admin.key", f"/admin/key/{LIMITED.name}")
page("key, revoked", "admin.key", "/admin/key/old-one")
page("key, to add", "admin.ask_key", "/admin/keys/add")
sent("key, taken", "admin.add_key", "/admin/keys/add", 409, name="old-one")
for _change in ("renew", "revoke"):
    page(f"key, {_change}?", "admin.confirm_key", f"/admin/key/{LIMITED.name}/{_change}")
sent("key, the new secret", "admin.change_key", f"/admin/key/{LIMITED.name}/renew")
page("audit, of one key", "admin.audit_log", f"/admin/audit?user=key+{LIMITED.name}")

page("account", "admin.account", "/admin/account", user=LOOKER)
page("second factor?", "admin.ask_factor", "/admin/account/second-factor", user=LOOKER)
sent("second factor, the QR code", "admin.offer_factor", "/admin/account/second-factor")


def sealed_factor(site, text):
    """The one who looks has the sealed second factor `text`, and stays signed in."""
    query = sa.update(operator_rows).where(operator_rows.c.user == LOOKER).values(totp_encrypted=text)
    transact(site.service.installation.engine, lambda connection: connection.execute(query))


@state("no second factor?", "admin.ask_end_factor", user=LOOKER)
def end_factor(site, driver):
    sealed_factor(site, "sealed")
    open_path(site, driver, "/admin/account/second-factor/end")
    sealed_factor(site, None)


@state("keys, none", "admin.keys", empty=True)
def keys_none(site, driver):
    transact(site.service.installation.engine, lambda connection: connection.execute(sa.delete(api_keys)))
    open_path(site, driver, "/admin/keys")


def enrol(site, driver, steps):
    """Set up a second factor for ENROLLED with the code of so many steps from now."""
    second_factor.end(populate(site), ENROLLED)
    driver.delete_cookie("shoplaunch")
    open_path(site, driver, "/admin/login")
    for name, text in (("user", ENROLLED), ("password", PASSWORD)):
        driver.find_element(By.NAME, name).send_keys(text)
    click(driver, By.ID, "login")
    until(driver, lambda: driver.find_elements(By.ID, "logout"))
    open_path(site, driver, "/admin/account/second-factor")
    answer(driver)
    key = until(driver, lambda: driver.find_element(By.ID, "secret").get_attribute("textContent"))
    code = totp.code_at(key, int(site.service.now() // totp.STEP_SECONDS) + steps)
    driver.find_element(By.NAME, "code").send_keys(code)
    click(driver, By.ID, "confirm")


@state("second factor, a wrong code", "admin.confirm_factor", status=401)
def factor_wrong(site, driver):
    enrol(site, driver, 9)


@state("second factor, recovery codes", "admin.confirm_factor")
def factor_done(site, driver):
    enrol(site, driver, 0)
    until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, ".codes"))


@state("account, with a second factor", "admin.account")
def account_on(site, driver):
    factor_done(site, driver)
    open_path(site, driver, "/admin/account")
