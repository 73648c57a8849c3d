"""A kind of panel is one entry and the driver's package: offered, asked for, checked, shown, worked with."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.panels.registry import PANELS, here, is_here, starts
from tests.integration.registries.shoplaunch import DUMMY

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def shoplaunch(house, tmp_path):
    """A function that runs commands of a controller with that entry; `login` are what a server is added with."""
    (tmp_path / "token").write_text("A1" * 16)

    def run(*words, code=0):
        command = [sys.executable, "-m", "tests.integration.registries.shoplaunch", *words]
        environment = {**os.environ, "SHOPLAUNCH_HOME": str(house.config.home)}
        done = subprocess.run(
            command, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    run.login = ["--url", "one", "--user", "owner", "--token-file", str(tmp_path / "token")]
    return run


def test_it_is_offered_and_the_help_says_what_it_needs(shoplaunch):
    help_text = " ".join(shoplaunch("server", "add", "--help").split())
    assert "[local|cpanel|dummy]" in help_text
    assert (
        "Settings of Dummy servers: color (red, green)" in help_text
        and "Settings of cPanel servers: package" in help_text
    )
    assert "cPanel: https://host:2087; Dummy: a name, without a scheme" in help_text
    assert "a Dummy server needs --url" in shoplaunch("server", "add", "d1", "--panel", "dummy", code=2)


def test_it_is_added_checked_and_changed(house, shoplaunch):
    refused = shoplaunch("server", "add", "d1", "--panel", "dummy", *shoplaunch.login, "--option", "color=blue", code=1)
    assert "dummies have no color=blue" in refused
    shoplaunch("server", "add", "d1", "--panel", "dummy", *shoplaunch.login, "--option", "color=red")
    with reading(house.engine) as connection:
        row = servers.get(connection, "d1")
    assert (row.panel, row.url, row.user, row.settings) == ("dummy", "dummy://one", "OWNER", {"color": "red"})
    assert house.keys.decrypt(row.token_encrypted) == "A1" * 16
    checks = {one["name"]: one["ok"] for one in json.loads(shoplaunch("server", "check", "d1", "--json", code=3))}
    assert checks == {"color": True, "taste": False, "start at once": True}
    shoplaunch("server", "set", "d1", "--option", "color=green")
    listed = {one["name"]: one for one in json.loads(shoplaunch("server", "list", "--json"))}
    assert (listed["d1"]["panel"], listed["d1"]["start"]) == ("dummy", "cron")
    assert "d1: taste" in shoplaunch("doctor", code=1)
    assert "dummy" in house.page("/admin/servers")


def test_a_job_is_prepared_on_it(house, monkeypatch):
    monkeypatch.setitem(PANELS, "dummy", DUMMY)
    transact(house.engine, lambda connection: servers.add(connection, Server("d1", "dummy"), time.time()))
    service = Service(Installation(house.config, house.engine, house.keys, billing=house.mail, clock=house.clock))
    job = house.order(server="d1")
    worker = service.jobs.worker()
    while worker.run_due():
        pass
    assert house.job(job).state == "dropped", house.status(job)
    assert (house.config.home / "dummy" / "alice" / ".shoplaunch" / "agent.pyz").is_file()


@pytest.mark.parametrize(("own", "start"), [(True, "auto"), (False, "cron")])
def test_what_follows_from_being_this_machine_follows_from_the_entry(monkeypatch, own, start):
    monkeypatch.setitem(PANELS, "dummy", type(DUMMY)(DUMMY.package, DUMMY.title, is_here=own))
    assert (is_here("dummy"), "dummy" in here(), starts(Server("d1", "dummy"))) == (own, own, start)
