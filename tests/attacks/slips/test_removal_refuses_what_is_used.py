"""Servers and bundles that jobs, living shops or keys need are not removed by a slip; what nobody needs goes."""

import json

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import transact
from controller.db.jobs import get, update
from tests.attacks.table import attack
from tests.support.worlds.web_site import Site


@pytest.fixture
def house():
    with Site() as made:
        (made.home / "bundles" / "boutique.bundle").write_bytes(b"b")
        yield made


def command(house, *words, code=0, answer=None):
    done = CliRunner().invoke(main, words, env=house.environment, input=answer)
    assert done.exit_code == code, done.output
    return done.output


def names(house, what):
    return [row["name"] for row in json.loads(command(house, what, "list", "--json"))]


def put(house, job, state, **columns):
    def work(connection):
        update(connection, get(connection, job.id), 1.0, state=state, **columns)

    transact(house.service.installation.engine, work)


#: state -> (columns, what is in use)
STATES = {
    "received": ({}, ("server", "bundle")),
    "failed": ({}, ("server", "bundle")),
    "live": ({"later": {"jobs": {}}}, ("server",)),
    "an older live": ({}, ("server", "bundle")),
    "ended live": ({"ended_at": 5.0}, ()),
    "cancelled": ({"facts": {"undo": "wanted"}}, ("server", "bundle")),
    "cancelled and taken back": ({"facts": {"undo": "done"}}, ()),
    "ignored": ({}, ()),
}
NAMES = {"server": "web-1", "bundle": "boutique"}


@pytest.mark.sampled(of=3)
@attack("an operator removes a server or bundle that a job or a shop needs", "it stays, and what needs it is named")
@pytest.mark.parametrize("what", NAMES)
@pytest.mark.parametrize("case", STATES)
def test_what_jobs_need_stays(house, case, what):
    columns, used = STATES[case]
    job = house.order()
    put(house, job, "live" if case.endswith("live") else case.split()[0], **columns)
    said = command(house, what, "remove", NAMES[what], "--yes", code=1 if what in used else 0)
    assert ("in_use" in said and job.id in said) == (what in used)
    assert (NAMES[what] in names(house, what)) == (what in used)
    assert (house.home / "bundles" / "boutique.bundle").exists() == (what == "server" or what in used)


@attack("an operator removes what a key is limited to", "it stays: the key would be limited to nothing")
@pytest.mark.parametrize("what", NAMES)
def test_what_keys_need_stays(house, what):
    command(house, "key", "add", "limited", f"--{what}", NAMES[what])
    assert "key limited" in command(house, what, "remove", NAMES[what], "--yes", code=1)
    command(house, "key", "revoke", "limited", "--yes")
    command(house, what, "remove", NAMES[what], "--yes")
    assert names(house, what) == []


@attack("an operator types the wrong name", "each removal asks first")
@pytest.mark.parametrize("what", NAMES)
def test_removing_asks(house, what):
    command(house, what, "remove", NAMES[what], code=1, answer="n\n")
    assert names(house, what) == [NAMES[what]]
    command(house, what, "remove", NAMES[what], answer="y\n")
    assert names(house, what) == []
    assert f"{what}_unknown" in command(house, what, "remove", NAMES[what], "--yes", code=1)
