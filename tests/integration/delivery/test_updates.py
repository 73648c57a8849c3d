"""After an update `migrate` brings database and agent to this version; until then `doctor` tells of the old agent."""

import json
import platform
import zipfile

import pytest

from controller.agent_archive import build, bytecode
from controller.settings.loading import load_config
from controller.setup.installation import ensure_installation
from shared.errors import ShoplaunchError
from tests.integration.bad_input.conftest import Commands
from tests.support.machine.interpreters import interpreters
from tests.support.worlds.agent_archive import sources_of, write_members


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


def named(commands, name):
    """Return what doctor tells in the row called `name`."""
    rows = json.loads(commands.run("doctor", "--json", code=1).stdout)
    (row,) = [row for row in rows if row["name"] == name]
    return row


def version(commands):
    """Return what doctor tells of the agent's version."""
    return named(commands, "agent's version")


def uncompiled(path):
    """Take the code of all Pythons out of the agent at `path`."""
    members = sources_of(path)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


AGE = {
    "another schema": lambda folder: older(folder / "agent.pyz", "shared/schemas/job.json", lambda old: old + b"\n"),
    "a module less": lambda folder: older(folder / "agent.pyz", "agent/run/command_line.py", lambda old: None),
    "a module more": lambda folder: older(folder / "agent.pyz", "agent/gone.py", lambda old: b"pass\n"),
    "another library": lambda folder: older(folder / "agent.pyz", "vendor.txt", lambda old: b"six==1.16\n"),
    "compiled by another Python": lambda folder: uncompiled(folder / "agent.pyz"),
    "another launcher": lambda folder: (folder / "run").write_bytes(b"#!/bin/sh\n"),
}


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("age", AGE.values(), ids=AGE.keys())
def test_an_agent_of_another_version_is_reported_and_built_anew_by_migrate(commands, age):
    folder = commands.home / "agent"
    new = (folder / "agent.pyz").read_bytes()
    assert version(commands)["ok"]
    age(folder)
    check = version(commands)
    assert not check["ok"]
    assert "shoplaunch migrate" in check["advice"] and "skeleton install" in check["advice"]
    said = commands.run("migrate", code=0).stdout
    assert "skeleton install" in said
    assert version(commands)["ok"]
    assert (folder / "agent.pyz").read_bytes() == new
    assert (folder / "run").read_bytes() == build.launcher()


def test_where_the_agent_cannot_be_built_migrate_does_the_rest_and_says_so(commands, monkeypatch, tmp_path):
    fetch = build.fetch_wheels
    monkeypatch.setattr(build, "fetch_wheels", lambda: fetch(tmp_path / "wheels"))
    done = commands.run("migrate", code=3, PIP_NO_INDEX="1")
    assert "The database is of this version" in done.stdout
    assert "agent_not_built" in done.stderr


def test_a_python_that_is_not_there_keeps_the_agent_as_it_is_and_is_named(commands):
    (commands.home / "shoplaunch.toml").write_text('agent_pythons = ["/nowhere/python3"]\n')
    before = (commands.home / "agent" / "agent.pyz").read_bytes()
    done = commands.run("migrate", code=3)
    assert "The database is of this version" in done.stdout
    assert "config_invalid" in done.stderr and "/nowhere/python3" in done.stderr
    assert (commands.home / "agent" / "agent.pyz").read_bytes() == before
    check = version(commands)
    assert not check["ok"] and "/nowhere/python3" in check["message"] and "agent_pythons" in check["advice"]
    assert named(commands, "agent")["ok"]


def test_a_python_that_hangs_is_waited_for_but_not_for_ever(tmp_path, monkeypatch):
    hanging = tmp_path / "python3"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(bytecode, "TIMEOUT_SECONDS", 0.1)
    with pytest.raises(ShoplaunchError, match=str(hanging)) as failure:
        bytecode.code_names([str(hanging)])
    assert failure.value.code == "config_invalid"


def test_no_newer_keys_are_made_where_no_agent_can_be_built_that_knows_them(commands):
    (commands.home / "shoplaunch.toml").write_text('agent_pythons = ["/nowhere/python3"]\n')
    before = {path.name: path.read_bytes() for path in (commands.home / "keys").iterdir()}
    assert "/nowhere/python3" in commands.run("key", "rotate", "--yes", code=1).stderr
    assert {path.name: path.read_bytes() for path in (commands.home / "keys").iterdir()} == before


@pytest.mark.sampled(of=2, rests=True)
def test_the_agent_is_compiled_for_the_pythons_of_the_settings(commands):
    own = ".".join(platform.python_version_tuple()[:2])
    others = [path for version, path in interpreters().items() if not f"{version}.".startswith(f"{own}.")]
    if not others:
        pytest.skip("one Python here, the controller's own")
    (commands.home / "shoplaunch.toml").write_text(f"agent_pythons = {json.dumps(others[:1])}\n")
    assert not version(commands)["ok"]
    commands.run("migrate", code=0)
    assert version(commands)["ok"]
    (commands.home / "shoplaunch.toml").write_text("agent_pythons = []\n")
    assert not version(commands)["ok"]
    (commands.home / "shoplaunch.toml").write_text(f"agent_pythons = {json.dumps(others[:1])}\n")
    with zipfile.ZipFile(commands.home / "agent" / "agent.pyz") as archive:
        assert len([name for name in archive.namelist() if name.startswith("bytecode/")]) == 2
