"""bootstrap.sh makes a bare Debian 12 or Ubuntu 24.04 one in which the tests run, and starts nothing there."""

import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.pages import PROJECT
from tests.system.packages.machines.bases import RELEASES, base_of
from tests.system.packages.machines.tree import Tree

pytestmark = [
    pytest.mark.root,
    pytest.mark.nightly,
    pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="not a clone: git does not say which files there are"),
]
CLONE = "/srv/clone"
#: What would run if installing had started it.
SERVICES = (
    "mariadbd|apache2|cron|php-fpm|postgres|redis-server|beam|epmd|prometheus|nginx|caddy|sshd|freshclam|dbus-daemon"
)


@pytest.fixture(scope="module", params=["bookworm", "noble"])
def bare(request, tmp_path_factory):
    """The release's name and a bare system of it, with the machine's network and a clone of the project."""
    folder = tmp_path_factory.mktemp(request.param)
    base = base_of(request.param, (), (), folder / "base")
    tree = Tree(folder / "tree", base, online=True)
    try:
        tree.fetching = _lets_fetch(tree)
        _copy_clone(tree.path(CLONE))
        yield request.param, tree
    finally:
        tree.close()
        if "SHOPLAUNCH_TEST_BASES" not in os.environ:
            shutil.rmtree(base)


def _lets_fetch(tree):
    """Give the tree what this machine reaches its mirrors with; return the variables that say so to pip."""
    for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/pip.conf"):
        if Path(name).exists():
            shutil.copyfile(name, tree.path(name))
    authorities = "/etc/authorities.pem"
    shutil.copyfile(os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile, tree.path(authorities))
    said = {name: value for name, value in os.environ.items() if name.upper().endswith("_PROXY") or name[:4] == "PIP_"}
    return [f"{name}={value}" for name, value in {**said, "PIP_CERT": authorities}.items()]


def _copy_clone(target):
    listed = subprocess.run(["git", "-C", PROJECT, "ls-files", "-z"], check=True, stdout=subprocess.PIPE, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target / name, follow_symlinks=False)


def test_a_bare_system_gets_all_that_tests_need_and_nothing_of_it_is_started(bare):
    release, tree = bare
    # As on a system without a policy that starts nothing
    tree.run("rm", "/usr/sbin/policy-rc.d")
    tree.run("env", *tree.fetching, f"{CLONE}/packaging/bootstrap.sh", "test")
    assert not tree.path("/usr/sbin/policy-rc.d").exists()
    tree.run("pgrep", "-l", SERVICES, code=1)
    version = tree.run(f"{CLONE}/.venv/bin/python", "--version")
    assert version.startswith(f"Python {RELEASES[release][0]}.")


def test_the_tests_run_there(bare):
    _release, tree = bare
    pytest_ = (f"{CLONE}/.venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider")
    said = tree.run("env", "-C", CLONE, *pytest_, "tests/unit/settings")
    assert " passed" in said


def test_once_more_it_changes_nothing(bare):
    _release, tree = bare
    assert tree.run(f"{CLONE}/packaging/bootstrap.sh", "test") == ""
