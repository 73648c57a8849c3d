"""The package is built once for the run; each test has a system of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pages import PROJECT
from tests.system.packages.machines.tree import Tree

BUILDER = PROJECT / "packaging" / "debian" / "build.py"


def build(folder, *options):
    """Build the package into `folder` and return its path."""
    command = [sys.executable, str(BUILDER), "--output", str(folder), *options]
    # Whatever this clone's user has set: the commit's moment counts
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Who builds it sees what matters
    assert len(done.stderr.splitlines()) < 20, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The path of the package, built from this clone."""
    for tool in ("dpkg-deb", "unshare", "nsenter"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there: no package is built and installed")
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def newer(package, tmp_path_factory):
    """The package of a later version."""
    shown = subprocess.run(["dpkg-deb", "-f", package, "Version"], check=True, stdout=subprocess.PIPE, text=True)
    return build(tmp_path_factory.mktemp("newer"), "--version", "9" + shown.stdout.strip())


@pytest.fixture
def tree(tmp_path):
    """A system over this machine, without network."""
    made = Tree(tmp_path / "tree")
    yield made
    made.close()


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A system with nothing but what the package depends on."""
    if shutil.which("debootstrap") is None:
        pytest.skip("debootstrap is not installed")
    folder = tmp_path_factory.mktemp("base")
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    command = [
        "debootstrap",
        "--variant=minbase",
        "--include=python3-venv,ca-certificates,man-db",
        release["VERSION_CODENAME"],
    ]
    done = subprocess.run([*command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        pytest.skip(f"debootstrap makes no system here: {done.stdout[-200:]}")
    return folder
