"""`shoplaunch --version` says which program it is; with --json, what it works with."""

import json
import platform
import sqlite3
import subprocess
import sys
from importlib import metadata

import pytest
from click.testing import CliRunner

from agent import VERSION
from controller.cli import main
from controller.cli.installation import versions
from tests.pages import PROJECT


def asked(*arguments):
    return CliRunner().invoke(main, arguments)


def test_the_version_is_one_line():
    assert asked("--version").output == f"shoplaunch, version {metadata.version('shoplaunch')}\n"


@pytest.mark.parametrize("arguments", [("--version", "--json"), ("--json", "--version")])
def test_json_names_program_python_agent_and_drivers(arguments):
    shown = json.loads(asked(*arguments).output)
    assert set(shown) == {"version", "commit", "python", "agent", "drivers"}
    assert shown["python"] == platform.python_version()
    assert shown["agent"] == VERSION
    assert shown["drivers"]["sqlite"] == sqlite3.sqlite_version
    assert shown["drivers"]["pymysql"] == metadata.version("pymysql")
    assert shown["drivers"]["psycopg"] == metadata.version("psycopg")


def test_a_clone_knows_its_commit():
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert versions.commit() == (done.stdout.strip() or None)


def test_a_package_knows_the_commit_it_was_built_from(tmp_path, monkeypatch):
    noted = tmp_path / "commit.txt"
    noted.write_text("0123456789abcdef0123456789abcdef01234567\n")
    monkeypatch.setattr(versions, "COMMIT_FILE", noted)
    assert versions.commit() == "0123456789abcdef0123456789abcdef01234567"


def test_json_without_version_is_wrong_usage():
    for arguments in (("--json",), ("--json", "errors")):
        done = asked(*arguments)
        assert done.exit_code == 2
        assert "--version" in done.output


def test_the_command_line_looks_at_drivers_and_distributions_only_when_asked():
    code = "import sys; from controller.cli import main; print(*sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "controller.cli.installation.version_option" in said
    assert {"controller.cli.installation.versions", "psycopg", "pymysql", "sqlite3"} & set(said) == set()
