"""A power cut takes what was in memory only: what the disk holds is a shop in full or the page, never half a shop."""

import json
import subprocess
from contextlib import ExitStack

import pytest

from agent.tree.holding_page import MARK
from tests.integration.agent_work.conftest import Shop
from tests.resume.test_switch_kills import MANY, RULES, tree, without_repeated_notes
from tests.support.shops.handmade import Handmade

#: Room for the account twice.
DISK_BYTES = 64 << 20


def mount(image, folder):
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)


class OwnDisk:
    """An account whose home lies on a disk of its own, which can be looked at as a power cut leaves it.

    `cleanup` (contextlib.ExitStack) gets everything that has to be taken back.
    """

    def __init__(self, shop, folder, cleanup):
        self.shop = shop
        self._folder = folder
        self.image, self.kept = folder / "disk", folder / "kept"
        self._cuts = 0
        with self.image.open("wb") as stream:
            stream.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(self.image)], check=True)
        home = shop.home.rename(folder / "home")
        shop.home.mkdir()
        mount(self.image, shop.home)
        cleanup.callback(subprocess.run, ["umount", "-l", str(shop.home)], check=True)
        subprocess.run(["cp", "-a", f"{home}/.", str(shop.home)], check=True)
        (shop.home / "lost+found").rmdir()
        subprocess.run(["sync", "-f", str(shop.home)], check=True)

    def cut(self):
        """Keep what the disk holds at this moment."""
        self._cuts += 1
        subprocess.run(["cp", "--sparse=always", str(self.image), str(self._copy)], check=True)

    @property
    def _copy(self):
        # A name of its own each time: a process that watches for disks may hold the last one a little longer
        return self._folder / f"copy{self._cuts}"

    def left(self):
        """Return the document root's tree as the next boot finds it after `cut` (tree of test_switch_kills)."""
        found = self._folder / f"after{self._cuts}"
        found.mkdir()
        mount(self._copy, found)
        try:
            return tree(found / self.shop.root.name)
        finally:
            subprocess.run(["umount", "-l", str(found)], check=True)
            self._copy.unlink()

    def dies(self, at):
        """The agent dies right before the change `at` of names, counted from the switch on, if there are so many."""
        (self.shop.home / "kill.json").write_text(json.dumps({"from": "switch", "at": at}))
        assert self.shop.run() == (0 if at == MANY else -9), self.shop.errors

    def keep(self):
        """Keep the account as it is, for `reset`."""
        subprocess.run(["cp", "-a", str(self.shop.home), str(self.kept)], check=True)

    def reset(self):
        """The account is as it was when it was kept; what was unpacked is in memory, and not on the disk yet."""
        subprocess.run(["find", str(self.shop.home), "-mindepth", "1", "-delete"], check=True)
        subprocess.run(["sync", "-f", str(self.shop.home)], check=True)
        subprocess.run(["cp", "-a", f"{self.kept}/.", str(self.shop.home)], check=True)
        durable = [path for folder in (self.shop.folder, self.shop.root) for path in folder.rglob("*")]
        subprocess.run(["sync", *map(str, durable)], check=True)
        self.shop.cron()


@pytest.fixture
def disk(loop_devices, mariadb_server, controller, keys, killable, tmp_path):
    with ExitStack() as cleanup:
        shop = Shop(mariadb_server, Handmade(mariadb_server, rows_each=20, chunks=2), controller, keys, killable)
        cleanup.callback(shop.close)
        made = OwnDisk(shop, tmp_path, cleanup)
        shop.cron()
        yield made


def test_a_power_cut_right_after_the_last_report_takes_nothing_of_the_shop(disk, controller):
    disk.shop.drop()
    controller.answer = lambda event: disk.cut() if event["event"] == "finished" else None
    assert disk.shop.run() == 0, disk.shop.errors
    wanted = tree(disk.shop.root)
    assert wanted["index.php"][1] == b"<?php echo 'shop';\n"
    found = disk.left()
    assert {path: entry for path, entry in found.items() if entry != wanted[path]} == {}
    assert found.keys() == wanted.keys()


def test_a_power_cut_at_any_change_of_the_switch_leaves_the_page_or_the_whole_shop(disk):
    disk.shop.drop(document_root=RULES)
    disk.dies(1)
    (disk.shop.home / "changes").unlink()
    disk.keep()
    disk.dies(MANY)
    wanted = tree(disk.shop.root)
    changes = (disk.shop.home / "changes").read_text().splitlines()
    seen = set()
    # The bundle goes first of all that is cleaned up
    (end,) = [at for at, change in enumerate(changes) if change.endswith("/shop.bundle")]
    for at, change in without_repeated_notes(changes[:end]):
        disk.reset()
        disk.dies(at)
        disk.cut()
        found = disk.left()
        is_open = MARK not in found[".htaccess"][1]
        seen.add(is_open)
        if is_open:
            assert {path for path, entry in wanted.items() if found.get(path) != entry} == set(), change
    assert seen == {False, True}
