"""A system whose disk is slow, while web server and worker work: an upgrade of the package ends well, nothing is half.

All of the system lies there: what dpkg unpacks, the virtual environment, state, backup and tables.
"""

import shutil

import pytest

from tests.bench.year.upgrade import EARLIER, become_earlier
from tests.support.waiting import wait_until
from tests.system.packages.machines import slow_disks
from tests.system.packages.machines.tree import Tree
from tests.system.packages.upgrades.test_killed_installer import is_whole
from tests.system.packages.upgrades.test_upgrades import BACKUPS, STATE, each_night, in_use, state_of, tried

pytestmark = [pytest.mark.root, pytest.mark.nightly]
REVISION = f"""
import sqlite3
state = sqlite3.connect("file:{STATE}/shoplaunch.db?mode=ro", uri=True)
print(*state.execute("SELECT version_num FROM alembic_version"))
"""


@pytest.fixture
def disk(tmp_path):
    made = slow_disks.made(tmp_path, tmp_path / "disk")
    yield made
    made.unmount()


@pytest.fixture
def tree(disk):
    """A system over this machine; whatever is written there lies on the disk."""
    made = Tree(disk.place / "tree")
    yield made
    made.close()


def test_an_upgrade_on_a_slow_disk_ends_well_during_traffic(package, newer, tree, disk, tmp_path):
    job = in_use(tree, package, tmp_path)
    services = {words: tree.start("shoplaunch", *words) for words in (("serve", "--no-worker"), ("worker",))}
    wait_until(lambda: "panel_unreachable" in tried(tree, job))
    with disk.limited():
        tree.run("dpkg", "-i", tree.give(newer))
        # As the service manager would, which is not there
        assert [tree.stop(one, "shoplaunch", *words) for words, one in services.items()] == [0, 0]
        # They ran on from their own until they were stopped
        assert each_night(tree) == "" and is_whole(tree)
        (saved,) = tree.path(BACKUPS).iterdir()
        tree.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{saved.name}")
        before = tried(tree, job)
        worker = tree.start("shoplaunch", "worker")
        wait_until(lambda: tried(tree, job) != before)
        assert tree.stop(worker, "shoplaunch", "worker") == 0


def make_tables_earlier(tree, folder):
    """The state's tables are an earlier version's; nobody uses them meanwhile."""
    # Outside: SQLite would follow the link that leads into the tree
    for file in tree.path(STATE).glob("shoplaunch.db*"):
        shutil.copyfile(file, folder / file.name)
    become_earlier(folder / "shoplaunch.db")
    tree.run("mv", tree.give(folder / "shoplaunch.db"), f"{STATE}/earlier.db")
    back = "rm {0}/shoplaunch.db*; mv {0}/earlier.db {0}/shoplaunch.db; chown shoplaunch: {0}/shoplaunch.db"
    tree.run("sh", "-ec", back.format(STATE))


def test_tables_of_an_earlier_version_are_migrated_on_a_slow_disk(newer, tree, disk, tmp_path):
    job = in_use(tree, newer, tmp_path)
    make_tables_earlier(tree, tmp_path)
    assert EARLIER in tree.run("python3", "-c", REVISION)
    with disk.limited():
        tree.run("dpkg", "-i", tree.give(newer))
    assert EARLIER not in tree.run("python3", "-c", REVISION)
    assert state_of(tree, job)["id"] == job and is_whole(tree)
