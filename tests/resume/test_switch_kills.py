"""SIGKILL right before every change of names in switch, report, cleanup and undo: the same end as undisturbed.

Of the changes of undo every second one comes each day, in turn, and each nightly.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

from tests.integration.agent_work.conftest import Shop
from tests.support.sampling import choose_day
from tests.support.shops.handmade import Handmade

RULES = {
    "keep": [".well-known"],
    "default_pages": [],
    "htaccess_blocks": [{"start": "^# BEGIN panel", "end": "^# END panel"}],
    "occupied": "move",
}
#: More changes than any of the series has.
MANY = 400


class SwitchedAccount:
    """One account, put back to the moment before the switch as often as needed."""

    def __init__(self, shop):
        self.shop = shop
        self.kept = shop.base / "kept"

    def prepare(self):
        """Bring the account to its switch and keep it as it is there."""
        root = self.shop.root
        (root / ".well-known" / "acme").mkdir(parents=True)
        (root / ".well-known" / "acme" / "token").write_text("token")
        (root / "old").mkdir()
        (root / "old" / "page.html").write_text("old page")
        (root / "index.php").write_text("old site")
        (root / ".htaccess").write_bytes(b"# BEGIN panel\nphp\n# END panel\nOptions -Indexes")
        self.shop.own()
        self.before = tree(root)
        self.shop.drop(document_root=RULES)
        self.kill_at("switch", 1)
        assert self.shop.run() == -9
        subprocess.run(["cp", "-a", str(self.shop.home), str(self.kept)], check=True)

    def keep(self):
        """Keep the account as it is once the agent has died."""
        controller, self.shop.controller.answer = self.shop.controller.answer, self._only_at_the_end
        assert self.shop.run() == -9
        self.shop.controller.answer = controller
        shutil.rmtree(self.kept)
        subprocess.run(["cp", "-a", str(self.shop.home), str(self.kept)], check=True)

    @staticmethod
    def _only_at_the_end(event):
        return (410, {}) if event["event"] == "finished" else None

    def reset(self, start, at):
        """The account is as it was right before the switch; the agent will die at change `at` counted from `start`."""
        shutil.rmtree(self.shop.home)
        subprocess.run(["cp", "-a", str(self.kept), str(self.shop.home)], check=True)
        (self.shop.home / "changes").unlink(missing_ok=True)
        self.kill_at(start, at)
        self.shop.cron()

    def kill_at(self, start, at):
        (self.shop.home / "kill.json").write_text(json.dumps({"from": start, "at": at}))

    def changes(self):
        return (self.shop.home / "changes").read_text().splitlines()

    def finish(self):
        """Let ticks come, as long as there is an agent to start; fail when it never leaves."""
        (self.shop.home / "kill.json").unlink()
        for _ in range(30):
            if not (self.shop.folder / "run").exists():
                return
            self.shop.run()
        raise AssertionError(f"the agent never leaves: {self.shop.state}, {self.shop.errors}")

    def left(self):
        """Return what there is besides the document root's content: names in the home, what was put aside."""
        ours = {"kill.json", "changes", "plan.json", ".shoplaunch"}
        aside = tree(self.shop.home / ".shoplaunch-replaced")
        # Named by the day, which may have changed meanwhile
        undated = {re.sub(r"^\d{4}-\d\d-\d\d-", "", name): what for name, what in aside.items()}
        return sorted(set(os.listdir(self.shop.home)) - ours), undated

    def check_folder(self):
        """Without the launcher nothing starts any more; the controller's last look removes what then is left."""
        if self.shop.folder.exists():
            assert not {"job", "shop.bundle", "run"} & set(os.listdir(self.shop.folder))
        else:
            assert "shoplaunch" not in (self.shop.crontab or "")
        assert "5 5 * * * true" in self.shop.crontab


def without_repeated_notes(changes):
    """Return (number, change) of each change, of several notes of state in a row only the first and the last."""
    notes = [change.endswith("state.json.tmp") for change in changes]
    inner = [all(notes[max(0, at - 1) : at + 2]) for at in range(len(changes))]
    return [(at + 1, change) for at, change in enumerate(changes) if not inner[at]]


def tree(root):
    """Return path -> (mode, content, link target, or None) of everything below `root`, filled files' times apart."""
    found = {}
    for path in sorted(root.rglob("*")):
        what = os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(root))] = (path.lstat().st_mode, what)
    return found


@pytest.fixture
def world(mariadb_server, controller, keys, killable):
    shop = Shop(mariadb_server, Handmade(mariadb_server, rows_each=20, chunks=2), controller, keys, killable)
    world = SwitchedAccount(shop)
    world.prepare()
    yield world
    shop.close()


def test_killed_at_every_change_from_the_switch_to_the_end_the_shop_is_the_same(world, controller):
    world.reset("switch", MANY)
    assert world.shop.run() == 0
    wanted = tree(world.shop.root), world.left()
    changes = world.changes()
    assert len(changes) > 25
    assert wanted[0]["index.php"][1] == b"<?php echo 'shop';\n"
    assert wanted[0][".well-known/acme/token"][1] == b"token"
    for at, change in without_repeated_notes(changes):
        world.reset("switch", at)
        assert world.shop.run() == -9, change
        world.finish()
        assert (tree(world.shop.root), world.left()) == wanted, change
        world.check_folder()


@pytest.mark.sampled(of=3, rests=True)
def test_killed_at_every_change_while_it_is_taken_back_the_account_is_as_it_was(world, controller):
    # Known from the final report on: everything has been moved by then
    controller.answer = lambda event: (410, {}) if event["event"] in ("finished", "started") else None
    world.reset("undo", 1)
    world.keep()
    world.reset("undo", MANY)
    assert world.shop.run() == 5
    changes = world.changes()
    assert len(changes) > 25
    # From the bundle on it is the cleaning up that the other series dies in
    (cleaning,) = [at for at, change in enumerate(changes) if change.endswith("/shop.bundle")]
    kills = without_repeated_notes(changes[: cleaning + 1])
    for at, change in kills if os.environ.get("SHOPLAUNCH_NIGHTLY") else kills[choose_day() % 2 :: 2]:
        world.reset("undo", at)
        assert world.shop.run() == -9, change
        world.finish()
        assert tree(world.shop.root) == world.before, change
        assert world.left() == (["public_html"], {}), change
        assert world.shop.tables() == set()
        world.check_folder()
