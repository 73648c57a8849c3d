"""Skeleton files and decisions are being written, and that is killed at each change it makes: the next try ends it."""

from pathlib import Path

import pytest

from controller.agent_archive.ascii_armor import agent_digest
from controller.bundles.review import decisions
from controller.bundles.review.decisions import Decisions
from controller.panels.base import SkeletonFiles
from controller.panels.cpanel.account import agent_files
from controller.panels.cpanel.skeleton.local_store import LocalStore
from controller.panels.cpanel.skeleton.skeleton import PLACE, Skeleton
from controller.panels.local.settings import LocalSettings
from controller.panels.local.skeleton import Skeleton as LocalSkeleton
from shared.encoding import sha256_file, sha256_hex
from tests.attacks.table import attack
from tests.support.killed_at_changes import killed_at

#: No work here makes more changes.
MOST = 60
NAMES = {"run", "agent.pyz", "agent.sha256", "shop.bundle"}


def files_of(folder, version):
    """Return the files of a version, with a bundle."""
    bundle = folder / f"{version}.bundle"
    bundle.write_bytes(b"bundle " * 100 + version)
    return SkeletonFiles(b"#!/bin/sh\n# " + version, b"PK\x03\x04 agent " + version, str(bundle))


class Cpanel:
    """A cPanel server's skeleton on this machine."""

    def __init__(self, base):
        self._store = LocalStore(base)
        self._skeleton = Skeleton(self._store, self._store)
        self.folder = base / PLACE
        self.ensure = self._skeleton.ensure

    def claims(self):
        """Return what the record of the files says of them, or their content where nothing records it."""
        found = agent_files.status(self._store, PLACE)
        return {"run": found.launcher_sha256, "agent.pyz": found.agent_sha256, "shop.bundle": found.bundle_sha256}


class Local:
    """The skeleton of panel `local`."""

    def __init__(self, base):
        settings = LocalSettings(skeleton=str(base / "skeleton"), skeleton_source=str(base / "source"))
        self._skeleton = LocalSkeleton(settings)
        self.folder = base / "skeleton" / ".shoplaunch"
        self.ensure = self._skeleton.ensure

    def claims(self):
        """Return what the files are."""
        found = self._skeleton.status()
        return {"run": found.launcher_sha256, "agent.pyz": found.agent_sha256, "shop.bundle": found.bundle_sha256}


def digest(path):
    content = path.read_bytes()
    return agent_digest(content) or sha256_hex(content)


@attack(
    "`skeleton install` is killed at any change it makes, first or over another version",
    "what lies there is whole, nothing is taken for another version, and the next installation leaves nothing else",
)
@pytest.mark.root
@pytest.mark.parametrize("kind", [Cpanel, Local])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_skeleton_is_whole_whenever_its_installation_was_killed(tmp_path, kind, is_first):
    old, new = files_of(tmp_path, b"1"), files_of(tmp_path, b"2")
    known = {sha256_hex(content) for one in (old, new) for content in (one.launcher, one.agent)}
    known |= {str(sha256_file(Path(one.bundle_path))) for one in (old, new)}
    for number in range(1, MOST):
        base = tmp_path / str(number)
        base.mkdir()
        skeleton = kind(base)
        if not is_first:
            skeleton.ensure(old)
        was_killed = killed_at(lambda: skeleton.ensure(new), number)
        for name, claimed in (skeleton.claims() if skeleton.folder.is_dir() else {}).items():
            path = skeleton.folder / name
            assert not path.exists() or digest(path) in known, (number, name)
            assert claimed in (None, digest(path) if path.exists() else None), (number, name)
        skeleton.ensure(new)
        assert {path.name for path in skeleton.folder.iterdir()} <= NAMES, number
        assert {one.name for one in base.iterdir()} <= {"skeleton", "cpanel3-skel"}, number
        if not was_killed:
            break
    assert not was_killed and number > 5


@attack(
    "`pack --decisions` is killed while it writes the file of decisions, which quotes the template",
    "the decisions are there as before or as wanted, and the next run leaves no copy of them about",
)
def test_decisions_are_whole_and_once_whenever_their_writing_was_killed(tmp_path):
    file, head = tmp_path / "decisions.toml", decisions._HEAD
    for number in range(1, MOST):
        file.write_text("before")
        was_killed = killed_at(lambda: decisions.write(file, Decisions()), number)
        assert file.read_text() in ("before", head)
        decisions.write(file, Decisions())
        assert [path.name for path in tmp_path.iterdir()] == ["decisions.toml"], number
        if not was_killed:
            break
    assert not was_killed and number > 1
