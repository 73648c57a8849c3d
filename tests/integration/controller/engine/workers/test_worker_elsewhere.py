"""A worker on another machine has the folders that the operators' page says are copied there, and makes shops."""

import re
import shutil
from pathlib import Path

from tests.attacks.clocks.clock_process import HOME_HERE, SECONDS
from tests.support.waiting import wait_until
from tests.support.worlds.world import DOMAIN

PAGE = Path(__file__).parents[5] / "controller" / "OPERATING.md"


def copied_folders():
    """Return the folders of the page's table."""
    text = PAGE.read_text("utf-8").partition("A worker's machine needs")[2].partition("**Servers of panel")[0]
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_a_worker_with_the_folders_that_are_copied_makes_a_shop(tmp_path, shared):
    elsewhere = tmp_path / "elsewhere"
    for folder in copied_folders():
        shutil.copytree(tmp_path / "home" / folder, elsewhere / folder)
    shared.start("elsewhere", {HOME_HERE: str(elsewhere)})
    job = shared.order()
    wait_until(lambda: shared.job(job).state == "dropped", seconds=SECONDS)
    shared.play_agent(job)
    shared.until_ended(job)
    assert shared.job(job).state == "live"
    assert shared.notes.calls("ensure_account", "alice") == ["elsewhere"]
    assert shared.notes.calls("hand_over", DOMAIN) == ["elsewhere"]
