"""The agent's code on every interpreter there is, from 3.6 on."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from controller.agent_archive.build import build_agent
from tests.support.machine.interpreters import as_numbers, interpreters
from tests.support.worlds.agent_box import Keys

PROJECT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    path = tmp_path_factory.mktemp("range") / "agent.pyz"
    build_agent(path, [Keys().public])
    return path


def test_some_interpreter_was_found():
    assert interpreters()


@pytest.mark.parametrize("version", interpreters())
def test_agent_and_shared_compile_and_start_on(version, agent, tmp_path):
    python = interpreters()[version]
    sources = [str(path) for folder in ("agent", "shared") for path in (PROJECT / folder).rglob("*.py")]
    check = "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name, encoding='utf-8').read(), name)"
    subprocess.run([python, "-I", "-c", check, *sources], check=True)
    done = subprocess.run(
        [python, "-I", "-W", "error", str(agent), "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_module_of_the_agent_imports_on_the_oldest_interpreter(agent):
    versions = interpreters()
    oldest = min(versions, key=as_numbers)
    with zipfile.ZipFile(agent) as archive:
        carried = [Path(name) for name in archive.namelist() if name.startswith(("agent/", "shared/"))]
    names = [
        ".".join(path.with_suffix("").parts)
        for path in carried
        if path.suffix == ".py" and path.name not in ("__main__.py", "__init__.py")
    ]
    assert len(names) > 60
    code = "import sys; sys.path.insert(0, sys.argv[1])\nfor name in sys.argv[2:]: __import__(name)"
    done = subprocess.run(
        [versions[oldest], "-I", "-c", code, str(agent), *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
