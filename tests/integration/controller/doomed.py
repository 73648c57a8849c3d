"""A process that changes something as an operator, a client or a billing system asks, and is killed behind a write."""

import time
import uuid

from click.testing import CliRunner

from controller.access import billing_keys
from controller.access.actor import command_line
from controller.cli import main
from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.identities import operators
from controller.db.identities.api_keys import ApiKey
from controller.db.orders import refused_orders
from controller.jobs.intake import service
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import credentials
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.api.signed_requests import signature
from controller.web.app import create_app
from shared.encoding import canonical_json
from shared.errors import ShoplaunchError
from tests.integration.controller.mortal import die_at
from tests.support.worlds.web_site import an_order, csrf_of, populate

OPERATOR, PASSWORD, KEY, CHOSEN = "nora", "correct horse battery", "billing", "another long password"
#: Who asks -> what is asked of the job (or refused order) of that name, by what the audit log calls it.
PAGES = {
    "retry": ("failed", "retry"),
    "cancel": ("new", "cancel"),
    "undo_cancel": ("cancelled", "undo-cancel"),
    "remove": ("living", "later"),
    "dismiss_refused": ("refused", "dismiss"),
    "resend": ("refused", "send"),
}
COMMANDS = {
    "retry": ("failed", ["retry"]),
    "cancel": ("new", ["cancel"]),
    "undo_cancel": ("cancelled", ["cancel", "--undo"]),
    "remove": ("living", ["remove"]),
    "dismiss_refused": ("refused", ["refused", "dismiss"]),
    "resend": ("refused", ["refused", "send"]),
}


def prepare(home):
    """Make an installation in `home` with what each operation is about; return {name: id, "secret": a key's}."""
    config = load_config({"SHOPLAUNCH_HOME": str(home)})
    installation.ensure_installation(config)
    installation.set_operator(config, OPERATOR, PASSWORD)
    secret = billing_keys.add(command_line(config), ApiKey(KEY))
    opened = service.open_service(config)
    transact(opened.installation.engine, populate)
    found = {"secret": secret}
    for name, columns in _states(opened).items():
        job = opened.orders.place(an_order(f"{name}.example"), source="test", signed_by=KEY)
        transact(
            opened.installation.engine,
            lambda made, job=job, columns=columns: jobs.update(made, job, time.time(), **columns),
        )
        found[name] = job.id
    # Like what opens it: so long it is refused
    domain = an_order("cancelled.example") | {"domain": "new.example"}
    try:
        opened.orders.place(domain, source="api", signed_by=KEY)
    except ShoplaunchError as error:
        assert error.code == "domain_busy"
    transact(
        opened.installation.engine,
        lambda made: jobs.update(made, jobs.get(made, found["new"]), time.time(), domain_key=None),
    )
    (refused,) = opened.orders.list_refused()
    found["refused"] = refused.id
    for name, mode in (("link", "link"), ("set", "set")):
        nonce = credentials.offer(opened.installation.engine, opened.installation.keys, found[name], mode, time.time())
        found[f"{name} page"] = f"/credentials/{opened.installation.tokens.for_credentials(found[name], nonce)}"
    opened.installation.engine.dispose()
    return found


def _states(opened):
    later = {"nonce": "x", "checks": [], "admin_folder": "admin77", "jobs": {}}
    later["jobs"] = {kind: {"statements": ["x"], "edits": []} for kind in ("remove", "set_admin_password")}
    urls = {"facts": {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}}
    private = sealed(opened.installation.keys, {credentials.PASSWORD: PASSWORD})
    lives = {"state": "live", "later": later, "domain_key": None, "account_key": None, **urls}
    return {
        "failed": {"state": "failed", "step": "account"},
        "new": {},
        "cancelled": {"state": "cancelled", "domain_key": None, "account_key": None, "order_key": None},
        "living": lives,
        "link": {**lives, **private},
        "set": {**lives, **private},
    }


def run(home, known, way, operation, number):
    """Do the `operation` by the `way`, and die right after the write `number`."""
    if way == "command":
        return _command(home, known, operation, number)
    config = load_config({"SHOPLAUNCH_HOME": str(home)})
    opened = service.open_service(config)
    browser = create_app(config, opened).test_client()
    if way == "page":
        _sign_in(browser)
    token = csrf_of(browser.get("/admin/login").text)
    die_at(opened.installation.engine, number, "after")
    if way == "signed":
        answer = _signed(browser, known)
    elif way == "client":
        form = {"password": CHOSEN, "again": CHOSEN} if operation == "set" else {}
        answer = browser.post(known[f"{operation} page"], data=form)
    elif operation == "logout":
        answer = browser.post("/admin/logout", data={"csrf_token": token})
    else:
        name, path = PAGES[operation]
        folder = "refused" if name == "refused" else "jobs"
        answer = browser.post(f"/admin/{folder}/{known[name]}/{path}", data={"csrf_token": token, "kind": operation})
    assert answer.status_code < 400, answer.text
    return None


def _sign_in(browser):
    form = {"user": OPERATOR, "password": PASSWORD, "csrf_token": csrf_of(browser.get("/admin/login").text)}
    assert browser.post("/admin/login", data=form).status_code == 303


def _command(home, known, operation, number):
    real = service.make_engine

    def doomed(url):
        engine = real(url)
        die_at(engine, number, "after")
        return engine

    service.make_engine = doomed
    if operation == "order":
        order = an_order("ordered.example")
        words = [
            "order",
            *(
                word
                for name in ("server", "bundle", "domain", "email", "account")
                for word in (f"--{name}", order[name])
            ),
        ]
    else:
        name, command = COMMANDS[operation]
        words = [*command, "--yes", str(known[name])]
    done = CliRunner(env={"SHOPLAUNCH_HOME": str(home)}).invoke(main, words)
    assert done.exit_code == 0, done.output


def _signed(browser, known):
    body = canonical_json(an_order("signed.example"))
    stamp, event = str(int(time.time())), str(uuid.uuid4())
    headers = {
        "X-Shoplaunch-Key": KEY, "X-Shoplaunch-Timestamp": stamp, "X-Shoplaunch-Event": event,
        "X-Shoplaunch-Signature": signature(known["secret"].encode(), stamp, event, "POST", "/api/v1/orders", body),
    }  # fmt: skip
    return browser.post("/api/v1/orders", data=body, headers=headers, content_type="application/json")


def seen(home):
    """Return (what operations change, the actions in the audit log, newest first)."""
    opened = service.open_service(load_config({"SHOPLAUNCH_HOME": str(home)}))
    with reading(opened.installation.engine) as connection:
        states = [
            (job.id, job.state, job.attempt, job.version)
            for job in sorted(opened.jobs.listed(), key=lambda job: job.id)
        ]
        refused = [(one.id, one.settled) for one in refused_orders.listed(connection, 100, settled=True)]
        sessions = operators.access.generation(connection, OPERATOR)
    entries = opened.access.list_audit(100, 0)
    opened.installation.engine.dispose()
    return (states, refused, sessions), [(row.user, row.action, row.job, row.detail) for row in entries]
