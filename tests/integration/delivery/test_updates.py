"""After an update `migrate` brings database and agent to this version; until then `doctor` tells of the old agent."""

import json

import pytest

from controller.bundles import agent_build
from controller.config import load_config
from controller.installation import ensure_installation
from tests.agent_archive import sources_of, write_members
from tests.integration.bad_input.conftest import Commands


@pytest.fixture
def commands(tmp_path):
    """The command line of an installation whose agent was built by an older version (Commands)."""
    home = tmp_path / "home"
    home.mkdir()
    ensure_installation(load_config({"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:1"}))
    commands = Commands(home)
    commands.run("migrate", code=0)
    return commands


def older(path, name, change):
    """Change the member `name` of the agent at `path`: `change` is given its content, None leaves it out."""
    members = sources_of(path)
    content = change(members.pop(name, b""))
    write_members(path, members if content is None else {**members, name: content})


def version(commands):
    """Return what doctor tells of the agent's version."""
    rows = json.loads(commands.run("doctor", "--json", code=1).stdout)
    (row,) = [row for row in rows if row["name"] == "agent's version"]
    return row


AGE = {
    "another schema": lambda folder: older(folder / "agent.pyz", "shared/schemas/job.json", lambda old: old + b"\n"),
    "a module less": lambda folder: older(folder / "agent.pyz", "agent/cli.py", lambda old: None),
    "a module more": lambda folder: older(folder / "agent.pyz", "agent/gone.py", lambda old: b"pass\n"),
    "another library": lambda folder: older(folder / "agent.pyz", "vendor.txt", lambda old: b"six==1.16\n"),
    "another launcher": lambda folder: (folder / "run").write_bytes(b"#!/bin/sh\n"),
}


@pytest.mark.parametrize("age", AGE.values(), ids=AGE.keys())
def test_an_agent_of_another_version_is_told_and_built_anew_by_migrate(commands, age):
    folder = commands.home / "agent"
    new = (folder / "agent.pyz").read_bytes()
    assert version(commands)["ok"]
    age(folder)
    told = version(commands)
    assert not told["ok"]
    assert "shoplaunch migrate" in told["advice"] and "skeleton install" in told["advice"]
    said = commands.run("migrate", code=0).stdout
    assert "skeleton install" in said
    assert version(commands)["ok"]
    assert (folder / "agent.pyz").read_bytes() == new
    assert (folder / "run").read_bytes() == agent_build.launcher()


def test_where_the_agent_cannot_be_built_migrate_does_the_rest_and_says_so(commands, monkeypatch, tmp_path):
    fetch = agent_build.fetch_wheels
    monkeypatch.setattr(agent_build, "fetch_wheels", lambda: fetch(tmp_path / "wheels"))
    done = commands.run("migrate", code=3, PIP_NO_INDEX="1")
    assert "The database is of this version" in done.stdout
    assert "agent_not_built" in done.stderr
