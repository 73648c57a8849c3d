"""Agents side by side: named by what they run, whatever keys they know; a rotation of keys reaches each."""

import json
import zipfile

import pytest

from controller.agent_archive import versions
from controller.agent_archive.build import build_agent, launcher
from controller.files import write_durably
from shared.errors import ShoplaunchError
from tests.support.killed_at_changes import killed_at

KEY, NEWER = b"k" * 32, b"n" * 32


@pytest.fixture
def folder(tmp_path):
    """The folder of an installed agent."""
    build_agent(tmp_path / "agent.pyz", [KEY])
    (tmp_path / "run").write_bytes(launcher())
    return tmp_path


def test_a_version_is_what_is_run_and_not_whose_keys_it_knows(folder):
    first = versions.installed(folder).version
    build_agent(folder / "agent.pyz", [KEY, NEWER])
    assert versions.installed(folder).version == first
    (folder / "run").write_bytes(launcher() + b"# changed\n")
    assert versions.installed(folder).version != first
    assert versions.kept(folder) == []


def test_a_kept_agent_stays_as_it_is_when_another_is_installed(folder):
    version = versions.keep(folder)
    before = versions.files(folder, version)
    (folder / "agent.pyz").write_bytes(b"PK another")
    assert versions.files(folder, version) == before
    assert versions.files(folder, "").agent == b"PK another"
    assert versions.kept(folder) == [version]


def test_a_kept_agent_learns_new_keys_and_is_the_same_version(folder):
    version = versions.keep(folder)
    versions.trust(folder, [KEY, NEWER])
    found = versions.files(folder, version)
    assert (found.version, versions.kept(folder)) == (version, [version])
    with zipfile.ZipFile(folder / "versions" / version / "agent.pyz") as archive:
        assert json.loads(archive.read("agent/keys.json"))["keys"] == [KEY.hex(), NEWER.hex()]
    build_agent(folder / "agent.pyz", [KEY, NEWER])
    assert found.agent == (folder / "agent.pyz").read_bytes()


def test_a_version_that_is_not_kept_here_is_the_installed_one(folder):
    assert versions.files(folder, "9.9-0123456789") == versions.installed(folder)
    with pytest.raises(ShoplaunchError, match="agent_unknown"):
        versions.remove(folder, "../agent")


def test_a_removed_version_is_gone(folder):
    version = versions.keep(folder)
    versions.remove(folder, version)
    assert versions.kept(folder) == []


@pytest.mark.parametrize("left", ["agent.pyz", "run"])
def test_a_version_cut_off_while_it_came_or_went_is_none(folder, left):
    version = versions.keep(folder)
    other = {"agent.pyz": "run", "run": "agent.pyz"}[left]
    (folder / "versions" / version / other).unlink()
    assert versions.kept(folder) == []
    assert versions.files(folder, version) == versions.installed(folder)
    assert versions.keep(folder) == version
    assert versions.kept(folder) == [version]


def test_what_was_killed_while_it_wrote_an_agent_goes_with_the_next(folder):
    kept = folder / versions.FOLDER / versions.keep(folder)
    for path in (folder / "agent.pyz", folder / "run", kept / "agent.pyz"):
        # Opened is the first change, renamed the second
        assert killed_at(lambda path=path: write_durably(path, b"PK another", 0o644), 2)
        assert len(list(path.parent.glob(".*"))) == 1 + (path.name == "run")
    with versions.alone_with_agents(folder):
        assert not [path for path in folder.rglob(".*") if path.is_file()]
