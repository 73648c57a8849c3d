"""Building the agent: reproducible, pinned, unmodified, with nothing secret in it."""

import ast
import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.agent_archive import build as agent_build
from controller.agent_archive import bytecode
from shared.encoding import canonical_json
from shared.errors import CODES, ShoplaunchError
from tests.support.machine.interpreters import interpreters
from tests.support.worlds.agent_archive import once_loaded

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


def test_the_agent_knows_every_error_code_and_advises_in_english_alone(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        carried = json.loads(archive.read("shared/error_codes.json"))["codes"]
        # Its advice is that of a clone, whatever built it: it needs nothing that knows of others
        assert "shared/installed.py" not in archive.namelist()
    assert carried == {
        code: {"retryable": entry["retryable"], "advice": {"en": entry["advice"]["en"]}}
        for code, entry in CODES.items()
    }


def test_schemas_of_what_agents_neither_read_nor_write_stay_out(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        carried = {Path(name).stem for name in archive.namelist() if name.startswith("shared/schemas/")}
    assert {"job", "state", "ack"} <= carried and not {"certificate", "agent-view"} & carried


def test_the_agents_own_modules_say_nothing_about_types(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        own = [name for name in archive.namelist() if name.startswith(("agent/", "shared/")) and name.endswith(".py")]
        nodes = [node for name in own for node in ast.walk(ast.parse(archive.read(name)))]
    assert len(own) > 60
    assert not [node for node in nodes if getattr(node, "annotation", None) or getattr(node, "returns", None)]
    assert not [node for node in nodes if getattr(node, "module", "") in ("typing", "shared.documents")]


def test_the_archive_is_small_enough_for_every_account(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert (tmp_path / "a.pyz").stat().st_size < 850_000


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_the_bytes_do_not_depend_on_the_process_that_builds_them(tmp_path, seed):
    build = "import sys; from pathlib import Path; from controller.agent_archive.build import build_agent;"
    build += "build_agent(Path(sys.argv[1]), [bytes(32)])"
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    subprocess.run([sys.executable, "-c", build, str(tmp_path / "a.pyz")], check=True, env=environment)
    agent_build.build_agent(tmp_path / "b.pyz", [bytes(32)])
    assert (tmp_path / "a.pyz").read_bytes() == (tmp_path / "b.pyz").read_bytes()


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("version", interpreters())
def test_compiled_modules_do_not_depend_on_what_else_the_compiling_python_knows(version):
    sources = canonical_json(
        {path.name: path.read_text() for path in (bytecode.COMPILER.parents[2] / "agent").rglob("*.py")}
    )
    busy = f"import http.client, runpy; runpy.run_path({str(bytecode.COMPILER)!r}, run_name='__main__')"
    made = [
        subprocess.run([interpreters()[version], "-I", "-S", *start], input=sources, check=True, capture_output=True)
        for start in ([str(bytecode.COMPILER)], ["-c", busy])
    ]
    assert made[0].stdout == made[1].stdout


def changed(agent, change):
    """Write the archive `agent` with `change(members)` done to its members (name -> content); return its path."""
    with zipfile.ZipFile(agent) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    path = agent.with_name(f"changed-{agent.name}")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def loader_of(python, agent, module):
    """Return the class that loads `module` of the archive `agent` when `python` starts it."""

    def ask(members):
        once_loaded(members, f"import {module}; print(type({module}.__spec__.loader).__name__); sys.exit()")

    command = [python, "-I", "-S", str(changed(agent, ask))]
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout.strip()


@pytest.mark.parametrize("module", ["agent.run.start", "shared.job", "pymysql.connections", "ecdsa.eddsa", "six"])
def test_the_python_that_built_the_agent_compiles_nothing_of_it(tmp_path, module):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert loader_of(sys.executable, tmp_path / "a.pyz", module) == "Compiled"


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("version", interpreters())
def test_a_python_the_agent_was_built_for_compiles_nothing_of_it(tmp_path, version):
    python = interpreters()[version]
    agent_build.build_agent(tmp_path / "a.pyz", KEYS, pythons=[python])
    assert loader_of(python, tmp_path / "a.pyz", "agent.stages.import_") == "Compiled"


def test_any_other_python_goes_by_the_sources(tmp_path):
    def of_another(members):
        (own,) = (name for name in members if name.startswith("bytecode/"))
        members["bytecode/0123abcd"] = members.pop(own)

    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    assert loader_of(sys.executable, changed(tmp_path / "a.pyz", of_another), "agent.run.start") == "zipimporter"


def test_unpacked_into_a_folder_it_starts_all_the_same(tmp_path):
    agent_build.build_agent(tmp_path / "a.pyz", KEYS)
    with zipfile.ZipFile(tmp_path / "a.pyz") as archive:
        archive.extractall(tmp_path / "agent")
    command = [sys.executable, "-I", "-S", str(tmp_path / "agent"), "--version"]
    assert subprocess.run(command, check=True, text=True, capture_output=True).stdout.startswith("shoplaunch agent")


@pytest.mark.parametrize(
    ("python", "word"),
    [
        ("/bin/false", "no word"),
        ("/nowhere/python3", "No such file"),
        ("/bin/true", "is no Python"),
        ("/bin/echo", "is no"),
    ],
)
def test_what_is_no_python_compiles_nothing(tmp_path, python, word):
    with pytest.raises(ShoplaunchError, match=word) as error:
        agent_build.build_agent(tmp_path / "a.pyz", KEYS, pythons=[python])
    assert error.value.code == "config_invalid"
    assert not (tmp_path / "a.pyz").exists()


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


def test_a_python_without_zlib_can_read_where_the_archive_starts(tmp_path):
    agent_build.build_agent(tmp_path / "agent.pyz", [b"k" * 32])
    with zipfile.ZipFile(tmp_path / "agent.pyz") as archive:
        assert archive.getinfo("__main__.py").compress_type == zipfile.ZIP_STORED


def test_the_archive_starts_with_the_file_that_is_linted_and_finds_its_bytecode(tmp_path):
    agent_build.build_agent(tmp_path / "agent.pyz", [b"k" * 32])
    with zipfile.ZipFile(tmp_path / "agent.pyz") as archive:
        assert archive.read("__main__.py") == agent_build.MAIN.read_bytes()
        assert any(name.startswith(f"{bytecode.BYTECODE}/") for name in archive.namelist())
    assert f'install(sys.path[0], "{bytecode.BYTECODE}")\n' in agent_build.MAIN.read_text()
