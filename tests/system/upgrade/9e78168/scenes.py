"""Jobs in every state, and accounts as agents leave them that are killed."""

import contextlib
import json
import os
import pwd
import time
import uuid

import requests
from making import MAIL, PORT, Failing

from controller.db.engine import make_engine
from controller.jobs import billed, changes
from controller.jobs.service import Service
from controller.web.signed import signature
from shared.errors import ShoplaunchError
from tests.integration.controller.mortal import die_at


def stalled(maker):
    """Agents that were not heard; first of all, since time has to pass."""
    unfired = maker.dropped("stalled", folder="tea")
    quiet = maker.dropped("quiet")
    maker.stopped_in_the_import(quiet)
    maker.clock.pass_by(300)
    maker.advance(unfired, "stalled")
    maker.clock.pass_by(200)
    maker.advance(quiet, "stalled")


def failed(maker):
    """Jobs that need somebody."""
    occupied = maker.dropped("occupied")
    (maker.root(occupied) / "index.html").write_text("my own page\n")
    maker.run_agent(occupied)
    maker.advance(occupied, "failed")
    denied = maker.dropped("denied")
    maker.stopped_in_the_import(denied)
    maker.sql(f"ALTER USER `{maker.database(denied)}`@localhost IDENTIFIED BY 'somebody changed it'")
    assert maker.run_agent(denied) == 3
    failing = maker.telling(Failing())
    maker.advance(denied, "failed", service=failing)
    assert maker.made.get_job(denied["id"]).alarm == "wanted"
    assert maker.made.get_job(occupied["id"]).alarm == "told"


def lives(maker):
    """Shops that live, and what goes on with them."""
    live = maker.living("live")
    small = maker.keep("livepassword", maker.made.start_kind(live["id"], "set_admin_password", given()))
    maker.advance(small, "dropped")
    assert maker.run_agent(small) == 0
    maker.advance(small, "live")
    # The agent of this one lies in the account
    later = maker.living("later", folder="tea")
    small = maker.keep("laterpassword", maker.made.start_kind(later["id"], "set_admin_password", given()))
    maker.advance(small, "dropped")
    # Nobody has begun with this one
    removed = maker.living("removed", bundle="second")
    maker.keep("removedremove", maker.made.start_kind(removed["id"], "remove", {}))
    maker.living("link", service=maker.telling(maker.linking))
    maker.known["link"] = maker.linking.links[-1]


def untold(maker):
    """A shop that lives, whose client could not be told yet."""
    failing = maker.telling(Failing())
    job = maker.living("untold", service=failing)
    for _ in range(3):
        maker.clock.pass_by(120)
        failing.advance(job["id"])


def given():
    """Return what the owner wants as the password."""
    return {"admin.password": "throw-away-password"}


def half(maker):
    """Accounts as killed agents leave them; the controller that goes away."""
    maker.dropped("dropped", variant="midnight")
    maker.dies(maker.dropped("unpack"), "unpack", 40)
    maker.stopped_in_the_import(maker.dropped("import"))
    maker.dies(maker.dropped("switch"), "switch", 3)
    maker.dies(maker.dropped("switching", language="fa"), "switch", 12)
    maker.dies(maker.dropped("cleanup"), "cleanup", 3)
    finishing = maker.dropped("finishing")
    assert maker.run_agent(finishing) == 0
    assert maker.made.get_job(finishing["id"]).state == "finishing"


def cancelled(maker):
    """Jobs that were cancelled: one is put back, the other is not begun with."""
    done = maker.dropped("cancelled")
    maker.made.cancel(done["id"])
    maker.made.advance(done["id"])
    maker.run_agent(done)
    for _ in range(20):
        maker.clock.pass_by(6)
        maker.made.advance(done["id"])
    assert maker.made.get_job(done["id"]).facts["undo"] == "done", maker.trouble(done)
    wanted = maker.dropped("cancelling")
    (maker.home(wanted) / "own.txt").write_text("of the owner\n")
    maker.stopped_in_the_import(wanted)
    maker.made.cancel(wanted["id"])


def waiting(maker):
    """What nobody has begun with, or was begun with a moment ago."""
    place(maker, "received")
    ignored = maker.order("ignored")
    free = dict.fromkeys(("domain_key", "account_key", "order_key", "wake_at"))
    changes.change(maker.engine, ignored["id"], maker.clock(), lambda _c, job: {**changes.moved(job, "ignore"), **free})
    maker.account("slebilled", expires=False)
    event = {
        "event": "module_created", "service_id": "1042", "order_id": "77", "client_id": "5", "product_id": "3",
        "server_host": "thishost", "bundle": "sample", "domain": "slebilled.localhost", "email": MAIL,
        "account": "slebilled", "first_name": "Nora", "last_name": "Karimi", "language": "fa", "country": "IR",
        "wait_for_acceptance": True,
    }  # fmt: skip
    billed.take(maker.made, event)
    with contextlib.suppress(ShoplaunchError):
        unknown = {"service_id": "1043", "bundle": "unknown", "account": "sleunknown", "domain": "x.localhost"}
        billed.take(maker.made, {**event, **unknown, "wait_for_acceptance": False})
    maker.order("cpanel", server="cp1", domain="slecpanel.example.com", account="slecpanel", create=True)


def place(maker, key):
    """Order a shop as billing does, in an account that is to be created."""
    user, path = f"sle{key}", "/api/v1/orders"
    order = {
        "event": "ordered", "service_id": "1041", "server": "thishost", "bundle": "sample", "email": MAIL,
        "domain": f"{user}.localhost", "account": user, "create_account": True, "shop_name": "Received",
        "language": "en",
    }  # fmt: skip
    body, stamp, event = json.dumps(order).encode(), str(int(time.time())), str(uuid.UUID(int=41, version=4))
    headers = {
        "X-Shoplaunch-Key": "billing", "X-Shoplaunch-Timestamp": stamp, "X-Shoplaunch-Event": event,
        "X-Shoplaunch-Signature": signature(maker.known["key"]["secret"].encode(), stamp, event, "POST", path, body),
        "Content-Type": "application/json",
    }  # fmt: skip
    answer = requests.post(f"http://127.0.0.1:{PORT}{path}", data=body, headers=headers, timeout=60)
    assert answer.status_code in (200, 201, 202), answer.text
    maker.keep(key, maker.made.find_service("1041"))


def interrupted(maker):
    """A job whose controller was killed while it prepared the account; it holds the lease."""
    job = maker.order("preparing", create=True)
    child = os.fork()
    if child == 0:
        engine = make_engine(maker.config.database_url)
        die_at(engine, 7, "after")
        Service(maker.config, engine, maker.keys, clock=maker.clock).advance(job["id"])
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 9
    found = maker.made.get_job(job["id"])
    assert found.state == "preparing", found
    pwd.getpwnam("slepreparing")


def unheard(maker):
    """The controller is away while an agent does all its work: what it has to tell waits in the account."""
    job = maker.dropped("unheard")
    maker.silent()
    assert maker.run_agent(job) == 1
    assert maker.made.get_job(job["id"]).state == "dropped"
