"""Building the agent: reproducible, pinned, unmodified, with nothing secret in it."""

import importlib
import os
import subprocess
import sys
import zipfile
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.bundles import agent_build, bytecode
from shared.errors import ShoplaunchError

KEYS = [bytes(range(32)), bytes(32)]


def test_the_same_inputs_give_the_same_bytes(tmp_path):
    first = agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert agent_build.build_agent(tmp_path / "b.pyz", KEYS) == first
    assert (tmp_path / "a.pyz").read_bytes() == (tmp_path / "b.pyz").read_bytes()
    assert agent_build.build_agent(tmp_path / "c.pyz", KEYS[:1]) != first


def test_the_libraries_are_carried_unmodified_with_their_licences(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        names = archive.namelist()
        for wheel in agent_build.fetch_wheels():
            with zipfile.ZipFile(wheel) as original:
                modules = [n for n in original.namelist() if n in names and n.endswith(".py")]
                assert modules
                assert all(original.read(name) == archive.read(name) for name in modules)
        assert len([name for name in names if name.startswith("licenses/")]) == 4
        assert "agent/keys.json" in names and not any("examples" in name or "__pycache__" in name for name in names)


def test_the_archive_is_small_enough_for_every_account(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert (tmp_path / "a.pyz").stat().st_size < 800_000


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_bytes_do_not_depend_on_the_process_that_builds_them(tmp_path, seed):
    build = "import sys; from pathlib import Path; from controller.bundles.agent_build import build_agent;"
    build += "build_agent(Path(sys.argv[1]), [bytes(32)])"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", build, str(tmp_path / "a.pyz")], check=True, env=environment)
    agent_build.build_agent(tmp_path / "b.pyz", [bytes(32)])
    assert (tmp_path / "a.pyz").read_bytes() == (tmp_path / "b.pyz").read_bytes()


def file_of(python, agent, module):
    """Return what `python` loads `module` from, of the archive `agent`."""
    ask = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}; print({module}.__file__)"
    command = [python, "-I", "-c", ask, str(agent)]
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout.strip()


@pytest.mark.parametrize("module", ["agent.entry", "shared.job", "pymysql.connections", "ecdsa.eddsa", "six"])
def test_the_python_that_built_the_agent_compiles_nothing_of_it(tmp_path, module):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert file_of(sys.executable, tmp_path / "a.pyz", module).endswith(".pyc")


def test_any_other_python_goes_by_the_sources(tmp_path, monkeypatch):
    magic = (int.from_bytes(MAGIC_NUMBER[:2], "little") + 1).to_bytes(2, "little") + MAGIC_NUMBER[2:]
    monkeypatch.setattr(bytecode, "MAGIC_NUMBER", magic)
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert file_of(sys.executable, tmp_path / "a.pyz", "agent.entry").endswith(".py")


def test_an_altered_library_is_refused(tmp_path, monkeypatch):
    for wheel in agent_build.fetch_wheels():
        (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    victim = next(tmp_path.glob("six*.whl"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(agent_build, "_download", lambda folder: None)
    with pytest.raises(ShoplaunchError, match="vendor_digest"):
        agent_build.fetch_wheels(tmp_path)


def test_where_the_libraries_cannot_be_fetched_the_agent_is_not_built(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ShoplaunchError) as error:
        agent_build.fetch_wheels(tmp_path / "wheels")
    assert error.value.code == "agent_not_built"
    assert list((tmp_path / "wheels").iterdir()) == []


@pytest.mark.parametrize("keys", [[], [b"short"], [bytes(33)]])
def test_an_agent_without_usable_keys_is_not_built(tmp_path, keys):
    with pytest.raises(ShoplaunchError, match="config_invalid"):
        agent_build.build_agent(tmp_path / "a.pyz", keys)


def test_the_command_builds_with_the_keys_of_a_file(tmp_path):
    (tmp_path / "keys").write_text(f"# ours\n{KEYS[0].hex()}\n{KEYS[1].hex()}  # newest\n")
    arguments = ["build", "-o", str(tmp_path / "a.pyz"), "--keys-from", str(tmp_path / "keys")]
    command = importlib.import_module("controller.cli.agents").agent
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        assert KEYS[1].hex() in archive.read("agent/keys.json").decode()


@pytest.mark.parametrize("text", ["zz" * 32, "00" * 31])
def test_a_file_that_holds_no_keys_is_refused(tmp_path, text):
    path = Path(tmp_path / "keys")
    path.write_text(text)
    with pytest.raises(ShoplaunchError, match="config_invalid"):
        agent_build.read_keys(path)
