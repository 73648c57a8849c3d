"""A disk of the state that is slow, stands still for a while, or becomes read-only under the service."""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
import requests
import sqlalchemy as sa

from controller.db.connection.engine import transact
from controller.db.connection.write_protection import is_protected
from controller.jobs.intake.service import open_service
from controller.panels.local.private_stack.stack import free_port
from controller.settings.loading import load_config
from tests.integration.controller.db.test_database_disk_full import refused, run
from tests.integration.controller.db.test_database_of_a_mount import answer
from tests.support.waiting import wait_until
from tests.support.worlds.web_site import populate

pytestmark = pytest.mark.root
FREEZE, THAW = 0xC0045877, 0xC0045878
#: How long each write waits on the slow disk, and how long writes are let through then.
STILL_SECONDS, OPEN_SECONDS = 0.3, 0.05
COMMAND = (sys.executable, "-c", "from controller.cli import main; main()")
ORDER = ("order", "--server", "web-1", "--bundle", "boutique", "--domain", "shop.example.com", "--account", "nobodys")
ORDER += ("--email", "owner@example.com")


class Disk:
    """A file system of its own at `place`, on a device made of a file."""

    #: Bytes it holds.
    room = 64 << 20

    def __init__(self, folder, place):
        self.place = place
        place.mkdir(parents=True)
        self._image = folder / "disk.img"
        with self._image.open("wb") as stream:
            stream.truncate(self.room)
        self._mounted = False
        subprocess.run(["mkfs.ext4", "-q", str(self._image)], check=True)
        self.mount()

    def mount(self):
        command = ["losetup", "--find", "--show", str(self._image)]
        self.device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["mount", "-o", "errors=remount-ro", self.device, str(self.place)], check=True)
        self._mounted = True

    def unmount(self):
        if self._mounted:
            subprocess.run(["umount", str(self.place)], check=True)
            self._detach(self.device)
        self._mounted = False

    @staticmethod
    def _detach(device):
        subprocess.run(["losetup", "--detach", device], check=True)

    def become_read_only(self):
        """As the kernel does when it meets an error on the disk: also for files that are open."""
        name = self.device.rpartition("/")[2]
        with open(f"/sys/fs/ext4/{name}/trigger_fs_error", "w") as stream:
            stream.write("an error of the disk")

    def repair(self):
        """As an operator does; afterwards the disk is another device, as it may be whenever one is attached anew."""
        former = self.device
        subprocess.run(["umount", str(self.place)], check=True)
        self._mounted = False
        # Its image, as another process's mount namespace may keep the device in use. 1: it was repaired
        assert subprocess.run(["e2fsck", "-p", str(self._image)], capture_output=True).returncode in (0, 1)
        self.mount()
        assert self.device != former
        self._detach(former)

    @contextlib.contextmanager
    def standing_still(self):
        """Every write waits until the end of the `with` block."""
        folder = os.open(self.place, os.O_RDONLY)
        fcntl.ioctl(folder, FREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(folder, THAW, 0)
            os.close(folder)

    @contextlib.contextmanager
    def slow(self):
        """Every write waits for a moment, again and again."""
        over = threading.Event()

        def pulse():
            while not over.is_set():
                with self.standing_still():
                    time.sleep(STILL_SECONDS)
                time.sleep(OPEN_SECONDS)

        thread = threading.Thread(target=pulse)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture
def disk(tmp_path):
    if not all(map(shutil.which, ("mkfs.ext4", "losetup", "e2fsck"))) or not os.path.exists("/dev/loop-control"):
        pytest.skip("no file system can be made on a device of its own here")
    made = Disk(tmp_path, tmp_path / "home" / "data")
    yield made
    made.unmount()


class Home:
    """An installation whose database is on the disk: its service with a worker, and commands."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.database = f"sqlite:///{folder}/data/state.db"
        self.log = folder.parent / "log"
        self.run("init")
        self.service = self._open()
        transact(self.service.installation.engine, populate)
        self.process = None
        self.start()

    def _open(self):
        config = load_config({"SHOPLAUNCH_HOME": str(self.folder), "SHOPLAUNCH_DATABASE_URL": self.database})
        return open_service(config)

    def environment(self):
        own = {"SHOPLAUNCH_HOME": str(self.folder), "SHOPLAUNCH_DATABASE_URL": self.database}
        return {**os.environ, **own, "SHOPLAUNCH_PUBLIC_URL": f"http://127.0.0.1:{self.port}"}

    def start(self):
        where = ["serve", "--bind", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*COMMAND, *where], env=self.environment(), stdout=log, stderr=log)
        # a service stays with the file it has opened: that of this test, too, begins anew
        self.service.installation.engine.dispose()
        self.service = self._open()
        wait_until(lambda: self.ready() == (200, None))

    def end(self):
        """Nothing of the installation uses the disk."""
        self.service.installation.engine.dispose()
        self.process.terminate()
        return self.process.wait(120)

    def run(self, *words):
        return run(self.folder, *words, code=0).stdout.strip()

    def ready(self):
        return answer(self.port)

    def is_alive(self):
        found = requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=30)
        return self.process.poll() is None and found.status_code == 200

    def is_moved(self, job):
        """The job has met what keeps it from going on: its bundle has no file."""
        wait_until(lambda: self.service.jobs.get(job).state == "failed")
        assert "bundle_missing" in str(self.service.jobs.get(job).error)


@pytest.fixture
def home(disk):
    made = Home(disk.place.parent)
    yield made
    if made.process.poll() is None:
        made.end()


@pytest.mark.sampled(of=3, rests=True)
def test_on_a_slow_disk_an_order_is_taken_its_job_moved_and_a_backup_is_whole(disk, home):
    with disk.slow():
        home.is_moved(home.run(*ORDER))
        home.run("backup", disk.place / "saved")
        assert home.ready() == (200, None)
    home.run("backup", "--verify", disk.place / "saved")


@pytest.mark.sampled(of=3, rests=True)
def test_while_the_disk_stands_still_the_service_answers_and_an_order_is_taken_once_it_moves(disk, home):
    with disk.standing_still():
        ordering = subprocess.Popen([*COMMAND, *ORDER], env=home.environment(), stdout=subprocess.PIPE, text=True)
        assert home.is_alive()
    job = ordering.communicate(timeout=120)[0].strip()
    assert (ordering.returncode, [one.id for one in home.service.jobs.listed()]) == (0, [job])
    home.is_moved(job)
    assert home.ready() == (200, None)


def test_a_disk_that_becomes_read_only_is_named_by_everything_and_repaired_all_goes_on(disk, home):
    # SQLite has two words for it: which of them depends on what it does just then
    problem = sqlite3.OperationalError("disk I/O error")
    problem.sqlite_errorcode = sqlite3.SQLITE_IOERR
    at = sa.engine.make_url(f"sqlite:///{disk.place}/shoplaunch.db")
    assert not is_protected(problem, at)
    disk.become_read_only()
    assert is_protected(problem, at)
    wait_until(lambda: home.ready() == (503, "database_unwritable"))
    assert refused(home.folder, *ORDER) == "database_unwritable"
    assert home.is_alive()
    assert "database_unwritable" in home.log.read_text()
    assert home.end() == 0
    disk.repair()
    home.start()
    home.is_moved(home.run(*ORDER))
