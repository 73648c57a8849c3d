"""What an earlier version left is never edited: the digests of each stored folder are written down beside it."""

import hashlib
import shutil
import subprocess

import pytest

from tests.pages import PROJECT
from tests.system.upgrade.conftest import VERSIONS

UPGRADE = PROJECT / "tests" / "system" / "upgrade"


def listed(version):
    """Return name -> digest, as the list beside a stored folder has them."""
    lines = (UPGRADE / f"{version}.sha256").read_text("utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def digests(folder, names):
    """Return name -> digest of these files of a folder."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def tracked(version):
    """Return the names of a stored folder's files."""
    done = subprocess.run(
        ["git", "ls-files", "."], cwd=UPGRADE / version, check=True, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stored_folder_is_as_it_was_made(version):
    assert digests(UPGRADE / version, tracked(version)) == listed(version)


def test_every_stored_folder_is_a_version_that_tests_go_on_with():
    folders = {path.name for path in UPGRADE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == set(VERSIONS) == {path.stem for path in UPGRADE.glob("*.sha256")}


def test_an_edited_a_missing_and_another_file_are_seen(tmp_path):
    version = VERSIONS[0]
    copy = tmp_path / version
    shutil.copytree(UPGRADE / version, copy)
    wanted = listed(version)
    assert digests(copy, wanted) == wanted
    (copy / "make.py").write_text((copy / "make.py").read_text("utf-8") + "\n")
    assert digests(copy, wanted) != wanted
    assert digests(UPGRADE / version, [*wanted, "../README.md"]) != wanted
    assert digests(UPGRADE / version, [*wanted][1:]) != wanted
