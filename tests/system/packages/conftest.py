"""The package is built once for the run; each test has a system of its own."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.pages import PROJECT
from tests.system.packages.tree import Tree

BUILDER = PROJECT / "packaging" / "debian" / "build.py"


def build(folder, *options):
    """Build the package into `folder` and return its path."""
    command = [sys.executable, str(BUILDER), "--output", str(folder), *options]
    # Whatever this clone's user has set: the commit's moment counts
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The path of the package, built from this clone."""
    for tool in ("dpkg-deb", "unshare", "nsenter"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not there: no package is built and installed")
    return build(tmp_path_factory.mktemp("package"))


@pytest.fixture
def tree(tmp_path):
    """A system over this machine, without network."""
    made = Tree(tmp_path / "tree")
    yield made
    made.close()
