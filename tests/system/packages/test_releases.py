"""Each release of Debian and Ubuntu that the package is for, with nothing else installed, has all the package needs."""

import json
import os
import shutil

import pytest

from tests.support.waiting import wait_until
from tests.system.packages.machines.bases import RELEASES, base_of
from tests.system.packages.machines.operating import follow, lines_back
from tests.system.packages.machines.tree import Tree
from tests.system.packages.upgrades.test_killed_installer import is_whole, killed_while_it_unpacks
from tests.system.packages.upgrades.test_upgrades import (
    LATER_TABLES,
    STATE,
    in_use,
    killed_before_each_statement,
    moves_to,
    state_of,
    tried,
)

pytestmark = [pytest.mark.root, pytest.mark.nightly]


@pytest.fixture(scope="module", params=RELEASES)
def release(request, tmp_path_factory):
    """A release's name and the folder of a system with nothing but what the package depends on."""
    folder = tmp_path_factory.mktemp(request.param)
    base = base_of(request.param, ("python3-venv", "man-db", "procps", "strace"), (), folder / "base")
    yield request.param, base
    if "SHOPLAUNCH_TEST_BASES" not in os.environ:
        shutil.rmtree(folder)


@pytest.fixture
def system(release, tmp_path):
    """The release's name and a system of it, without network."""
    name, base = release
    tree = Tree(tmp_path / "tree", base)
    yield name, tree
    tree.close()


def environments(tree):
    return [path.name for path in tree.path("/opt/shoplaunch/environments").iterdir()]


def test_a_system_with_nothing_else_has_all_it_needs(package, system):
    name, tree = system
    tree.run("dpkg", "-i", tree.give(package))
    shown = json.loads(tree.run("shoplaunch", "init", "--json"))
    assert shown["agent"] is True
    assert json.loads(tree.run("shoplaunch", "--version", "--json"))["python"].startswith(RELEASES[name][0] + ".")
    service = tree.start("shoplaunch", "serve")
    # What is red there is what an operator has yet to say
    wait_until(lambda: green_rows(tree) >= {"keys", "database", "agent", "web"})
    assert tree.stop(service, "shoplaunch", "serve") == 0
    assert "SHOPLAUNCH" in tree.run("man", "shoplaunch")
    tree.run("dpkg", "--purge", "shoplaunch")
    assert not tree.path(STATE).exists()


def green_rows(tree):
    return {row["name"] for row in json.loads(tree.run("shoplaunch", "doctor", "--json", code=1)) if row["ok"]}


def test_a_python_put_anew_changes_nothing_and_one_that_is_not_for_it_is_refused(package, system):
    name, tree = system
    tree.run("dpkg", "-i", tree.give(package))
    before = environments(tree)
    tree.run("dpkg-trigger", "--by-package=dpkg", "/usr/bin/python3")
    tree.run("dpkg", "--triggers-only", "-a")
    assert environments(tree) == before and before[0].endswith(f"-{RELEASES[name][0]}")
    tree.path("/usr/bin/python3").unlink()
    tree.path("/usr/bin/python3").write_text("#!/bin/sh\necho 3.99\n")
    tree.path("/usr/bin/python3").chmod(0o755)
    tree.run("dpkg-trigger", "--by-package=dpkg", "/usr/bin/python3")
    assert "and not for 3.99" in tree.run("dpkg", "--triggers-only", "-a", code=1)
    # It still runs from the one it had
    tree.run("shoplaunch", "--version")


def test_an_upgrade_the_way_back_and_another_host_keep_a_job_in_flight(package, newer, release, system, tmp_path):
    _name, tree = system
    job = in_use(tree, package, tmp_path)
    former = environments(tree)
    worker = tree.start("shoplaunch", "worker")
    wait_until(lambda: "panel_unreachable" in tried(tree, job))
    tree.run("dpkg", "-i", tree.give(newer))
    tree.stop(worker, "shoplaunch", "worker")
    before = tried(tree, job)
    worker = tree.start("shoplaunch", "worker")
    wait_until(lambda: tried(tree, job) != before)
    tree.stop(worker, "shoplaunch", "worker")
    moves_to(Tree(tmp_path / "other", release[1]), tree, newer, job)
    tree.run("python3", "-c", LATER_TABLES, f"{STATE}/shoplaunch.db")
    # As the service manager would, which is not there
    follow(tree, [line for line in lines_back(tree, package) if not line.startswith("systemctl")])
    assert environments(tree) == former
    assert state_of(tree, job)["id"] == job


def test_an_upgrade_killed_in_every_step_goes_on_with_the_releases_own_dpkg_and_python(
    package, newer, system, tmp_path
):
    _name, tree = system
    job = in_use(tree, package, tmp_path)
    tree.run("dpkg", "--unpack", killed_while_it_unpacks(tree, package, newer, job))
    killed_before_each_statement(tree, job)
    assert is_whole(tree)
