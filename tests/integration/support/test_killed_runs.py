"""A run that is killed for real leaves a MariaDB, a browser and a mounted disk: the next run takes them away."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.browser.chromium.chrome import BROWSERS
from tests.support import leftovers
from tests.support.machine.resources import words_of
from tests.support.waiting import wait_until

MARIADB = """
from tests.support.servers.databases import mariadb
server = mariadb.start_private(mariadb.FEW_FILES)
"""
BROWSER = """
from tests.browser.chromium.chrome import chrome
opened = chrome()
opened.__enter__().get("data:text/html,<p>Left open</p>")
"""
#: As benches make it: mounted below a folder, its image in memory.
DISK = """
from tests.bench.disk import Disk
made = Path(tempfile.mkdtemp(prefix="slbench"))
disk = Disk(made)
left = subprocess.Popen(["sleep", "600"], cwd=disk.renew(32 << 20), start_new_session=True)
Path(sys.argv[1]).with_name("image").write_text(str(disk._image))
"""
RUN = """
import os, pathlib, signal, subprocess, sys, tempfile
from pathlib import Path
from tests.support import leftovers
leftovers.note_folders(Path(sys.argv[1]))
{what}
os.kill(os.getpid(), signal.SIGKILL)
"""
pytestmark = pytest.mark.root


def killed(what, notes):
    """Run `what` in a process of its own, which is then killed; return the folders it has noted."""
    killing = [sys.executable, "-c", RUN.format(what=what), str(notes)]
    # A pipe would be held open by what is left
    with (notes.parent / "said").open("w") as said:
        done = subprocess.run(killing, stderr=said, check=False)
    folders = [line for path in notes.glob("*-*") for line in path.read_text().splitlines()]
    if done.returncode != -9:
        leftovers.clear(notes)
        raise AssertionError((notes.parent / "said").read_text())
    return folders


def living(folders):
    """Return the processes that have to do with one of the folders."""
    return [pid for folder in folders for pid in leftovers._processes(folder, [])]


def gone(folders):
    """Tell whether nothing of the folders is left, nor of what ran in them."""
    return not living(folders) and not any(os.path.exists(folder) for folder in folders)


def test_a_mariadb(tmp_path):
    folders = killed(MARIADB, tmp_path / "notes")
    assert living(folders)
    assert set(leftovers.clear(tmp_path / "notes")) <= set(folders)
    assert gone(folders)


@pytest.mark.skipif(
    not any(map(os.path.exists, BROWSERS)) or shutil.which("chromedriver") is None, reason="no Chromium with its driver"
)
def test_a_browser_and_what_drives_it(tmp_path):
    folders = killed(BROWSER, tmp_path / "notes")
    names = {name for pid in living(folders) for name in words_of(pid)[:1]}
    assert any("chromedriver" in name for name in names) and len(names) > 1, names
    leftovers.clear(tmp_path / "notes")
    assert gone(folders)


def test_a_benchs_disk(tmp_path, loop_devices):
    folders = killed(DISK, tmp_path / "notes")
    image = (tmp_path / "image").read_text()
    try:
        assert leftovers._loop_devices(image) and living(folders)
        leftovers.clear(tmp_path / "notes")
        assert gone(folders) and not os.path.exists(image)
        # The kernel gives a device back a little later than its mount
        wait_until(lambda: not leftovers._loop_devices(image))
    finally:
        shutil.rmtree(os.path.dirname(image), ignore_errors=True)
