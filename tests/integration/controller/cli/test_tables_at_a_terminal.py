"""Every command that prints tables, at real terminals of 80 and 60 columns: no id, address or date is broken."""

import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from controller.cli import main
from controller.db.connection.engine import transact
from controller.db.identities import sessions
from controller.db.orders import refused_orders
from shared.job import AGENT_FILE, LAUNCHER_FILE
from tests.attacks.table import attack
from tests.support.users.command_tree import commands_of
from tests.support.users.commands import run_within
from tests.support.users.terminal import at_terminal
from tests.support.worlds.agent_box import sample_members, write_bundle
from tests.support.worlds.web_site import Site

SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))
DOMAIN = "a-shop-whose-name-nobody-types.of-more-than-sixty-letters.shops.example.com"
PERSIAN = "فروشگاه-زیبای-من.example"
OPERATOR = "somebody-with-a-rather-long-name-for-an-operator"
#: Commands that print tables -> what they are given; {job} is a job that lives, {bundle} a bundle's file.
SHOWING = {
    "jobs": [],
    "show": ["{job}"],
    "watch": ["{job}"],
    "certificate": ["{job}"],
    "server list": [],
    "agent list": [],
    "agent status": [],
    "server check": ["web-1"],
    "bundle list": [],
    "bundle show": ["{bundle}"],
    "key list": [],
    "key trail": ["billing"],
    "engine status": [],
    "user list": [],
    "user sessions": [OPERATOR],
    "refused list": ["--all"],
    "skeleton status": ["web-1"],
    "doctor": [],
    "errors": [],
    "retention": [],
    "config show": [],
}
#: Their rows are what --json prints as a list.
LISTS = (
    "jobs",
    "server list",
    "agent list",
    "agent status",
    "bundle list",
    "key list",
    "key trail",
    "user list",
    "refused list",
    "errors",
)
#: Look at this machine, where other tests run.
CHANGING = ("doctor", "server check")
#: Prints tables, and is tried with a template of its own (test_command of the packer), with accounts, or with settings
#: that are wrong (tests/unit/settings).
ELSEWHERE = {"pack", "skeleton install", "config check"}
#: What such a command prints is a line or two, or a program goes on.
NO_TABLE = {
    "agent build", "agent follow", "agent keep", "agent remove", "agent roll-out", "agent stop",
    "backup", "bundle add", "bundle remove", "cancel", "forget", "https-on", "init", "key add",
    "key adopt", "key renew", "key retire", "key revoke", "key rotate", "key set", "migrate", "order", "prune",
    "refused dismiss", "refused send", "remove", "restore", "retry", "serve", "setup", "server add", "server remove",
    "server set", "set-admin-password", "skeleton remove", "skeleton sweep", "user add", "user password",
    "user remove", "user role", "user totp", "worker",
}  # fmt: skip
STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: Not the same at each call.
VARIES = re.compile(r"[0-9]+(\.[0-9]+)?")


def note_refused_orders(made):
    error = {"code": "bundle_unknown", "message": "no bundle " + PERSIAN, "advice": "word " * 40, "retryable": False}
    for domain in (DOMAIN, PERSIAN):
        values = {
            "source": "test",
            "service_id": "7",
            "domain": domain,
            "bundle": "b",
            "document": None,
            "error": error,
        }
        transact(
            made.service.installation.engine,
            lambda one, v=values: refused_orders.note(one, v["domain"][:40], time.time(), **v),
        )


def keep_two_agents(made):
    (made.home / "agent").mkdir(exist_ok=True)
    for content in (b"agent before an update", b"agent"):
        for name in (AGENT_FILE, LAUNCHER_FILE):
            (made.home / "agent" / name).write_bytes(content)
        run(made, ["agent", "keep", "--channel", "stable"])


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A controller that knows something for every table."""
    made = Site()
    job = made.order(DOMAIN)
    made.order(PERSIAN)
    made.fail(
        made.order(), "account", "panel_refused", f"the panel of https://{DOMAIN}:2087/ refused it: " + "word " * 60
    )
    address = f"https://{DOMAIN}/"
    job = made.put(job, "live", facts={"shop_url": address, "admin_url": address + "backoffice/"})
    made.certify(
        job,
        {"rows": 5, "stages": {"import": 1.5}},
        [{"name": "front", "path": "/" + DOMAIN, "status": 200, "bytes": 9, "seconds": 0.1}],
    )
    for words in (
        ["user", "add", OPERATOR, "--role", "look"],
        ["key", "add", "another-key-with-a-long-name", "--server", "web-1", "--bundle", "boutique", "--may", "retry"],
    ):
        run(made, words)
    address = "2001:db8:85a3:8d3:1319:8a2e:370:7348"
    transact(made.service.installation.engine, lambda one: sessions.begin(one, OPERATOR, address, time.time()))
    made.service.access.audit("key billing", "order", job.id, DOMAIN)
    note_refused_orders(made)
    keep_two_agents(made)
    path = tmp_path_factory.mktemp("bundle") / "a-bundle-with-a-rather-long-name.bundle"
    write_bundle(path, sample_members())
    made.words = {"job": job.id, "bundle": str(path)}
    yield made
    made.stop()


def command_line(house, command):
    return [*command.split(), *(word.format(**house.words) for word in SHOWING[command])]


def run(house, words):
    """Run a command whose output is read by a program; return it."""
    return run_within(words, house.environment).stdout


def words_in(text):
    """Return the words; a heading has a colon where a row is no line."""
    return {VARIES.sub("0", word).rstrip(":") for word in STYLE.sub("", text).split()}


def rows_in(command, printed):
    """Return the words of what was printed; headings of columns without any value are not needed."""
    lines = printed.splitlines()
    return words_in("\n".join(lines[1:] if command in (*LISTS, *CHANGING) else lines))


@pytest.mark.sampled(of=4)
@attack(
    "an operator copies an id, an address or a date out of a table in a terminal of 80 or 60 columns",
    "each of them stands whole on one line, and no word is lost",
)
@pytest.mark.parametrize("command", SHOWING)
def test_at_a_terminal_no_word_is_broken_or_lost(house, command):
    words = command_line(house, command)
    environment = {**os.environ, **house.environment}
    before = rows_in(command, run(house, words))
    shown = [at_terminal([SHOPLAUNCH, *words], environment, columns=columns)[1] for columns in (80, 60)]
    # What is looked at may change meanwhile
    wanted = before & rows_in(command, run(house, words)) if command in CHANGING else before
    assert len(wanted) > 3, command
    for text in shown:
        assert wanted - words_in(text) <= {"\u2013"}
        if command in ("jobs", "show", "watch", "refused list", "certificate"):
            assert DOMAIN in text


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("command", LISTS)
def test_for_a_program_a_row_is_a_line(house, command):
    words = command_line(house, command)
    rows = json.loads(run(house, [*words, "--json"]))
    printed = run(house, words).splitlines()
    assert rows and len(printed) == len(rows) + 1
    for row, line in zip(rows, printed[1:], strict=True):
        texts = [value for name, value in row.items() if isinstance(value, str) and name in line_of(command)]
        assert texts and all(" ".join(value.split()) in " ".join(line.split()) for value in texts)


def line_of(command):
    """Return the fields that a listing's line holds as they are."""
    return {
        "jobs": ("id", "domain", "state", "updated_at"), "server list": ("name",), "bundle list": ("manifest_sha256",),
        "key list": ("name",), "key trail": ("at", "action", "detail"), "user list": ("user", "created_at"),
        "agent list": ("version",), "agent status": ("channel",),
        "refused list": ("domain", "last_at", "message", "advice"), "errors": ("code", "advice"),
    }[command]  # fmt: skip


def test_every_command_is_here():
    """A new command is tried here when it prints a table."""
    known = set(SHOWING) | ELSEWHERE | NO_TABLE
    found = set()
    for name, command in commands_of(main).items():
        found |= {f"{name} {one}" for one in commands_of(command)} or {name}
    assert found == known
