"""Faults of the disk: full, over quota, read-only; and the kinds of disks they need."""

import os
import shutil
import subprocess
from contextlib import suppress

import pytest

from tests.resume.faults.model import Fault

#: Room for an account twice.
ROOM_BYTES = 24 << 20
IMAGE_BYTES = 128 << 20


def command(*words):
    """Run a command of the machine."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


class Places:
    """Where homes can be: `home` puts one onto a disk of a kind, "memory", "quota" or "disk".

    Skips where a file cannot be mounted as a disk, or the kernel knows no file system with quotas of its own.
    """

    def __init__(self, folder):
        self._folder = folder
        self._quota = None

    def home(self, kind, shop, cleanup):
        """Return the disk on which the home of `shop` is from now on; `cleanup` (ExitStack) takes it back."""
        kept = shop.base / "kept"
        shop.home.rename(kept)
        shop.home.mkdir()
        disk = {"memory": Memory, "quota": Quota, "disk": Disk}[kind](self, shop)
        cleanup.callback(disk.remove)
        command("cp", "-a", f"{kept}/.", str(shop.home))
        shutil.rmtree(kept)
        shop.home.chmod(0o711)
        os.chown(shop.home, shop.uid, shop.gid)
        return disk

    def image(self, name, *make):
        """Return the path of a new file system `name` in a file, made by the command `make`."""
        path = self._folder / name
        with path.open("wb") as stream:
            stream.truncate(IMAGE_BYTES)
        command(*make, str(path))
        return path

    def quota_folder(self):
        """Return the folder of a file system in which every folder can have a quota and be read-only."""
        if self._quota is None:
            folder = self._folder / "quota"
            folder.mkdir()
            mount(self.image("quota.disk", "mkfs.btrfs", "-q", "--mixed"), folder)
            command("btrfs", "quota", "enable", str(folder))
            self._quota = folder
        return self._quota

    def close(self):
        if self._quota is not None:
            command("umount", "-l", str(self._quota))


def mount(image, folder):
    """Mount the file `image` as a disk; skips where that cannot be."""
    done = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file can be mounted as a disk here: {done.stderr.strip()}")


class Memory:
    """A small disk in memory."""

    def __init__(self, places, shop):
        self.folder = shop.home
        command("mount", "-t", "tmpfs", "-o", f"size={ROOM_BYTES}", "shoplaunch-test", str(shop.home))

    def remove(self):
        command("umount", "-l", str(self.folder))


class Quota:
    """A folder with a quota of its own, which can be made read-only."""

    def __init__(self, places, shop):
        self.folder = places.quota_folder() / shop.user
        command("btrfs", "subvolume", "create", str(self.folder))
        self._above = places.quota_folder()
        asked = ["btrfs", "inspect-internal", "rootid", str(self.folder)]
        self._group = "0/" + subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        self._mounted = shop.home
        command("mount", "--bind", str(self.folder), str(shop.home))

    def remove(self):
        command("umount", "-l", str(self._mounted))
        command("btrfs", "subvolume", "delete", str(self.folder))

    def limit(self, to):
        """The folder may hold so much: bytes, or "none"."""
        command("btrfs", "qgroup", "limit", str(to), self._group, str(self._above))

    def read_only(self, is_so):
        """Nothing can be written any more, or again."""
        command("btrfs", "property", "set", str(self.folder), "ro", "true" if is_so else "false")


class Disk:
    """A disk of its own, of which a power cut leaves what was written to it."""

    def __init__(self, places, shop):
        self._folder = shop.home
        self._image = places.image(f"{shop.user}.disk", "mkfs.ext4", "-q", "-m", "0")
        mount(self._image, shop.home)
        (shop.home / "lost+found").rmdir()

    def sync(self):
        """What was written so far is on the disk."""
        command("sync", "-f", str(self._folder))

    def lose(self):
        """What is not on the disk is lost, as by a power cut. No process may be there."""
        found = self._image.with_suffix(".after")
        command("cp", "--sparse=always", str(self._image), str(found))
        self.remove()
        self._image = found
        mount(found, self._folder)

    def remove(self):
        command("umount", "-l", str(self._folder))
        self._image.unlink()


class Full(Fault):
    name = "disk full (ENOSPC)"
    usual = ("preflight", "unpack", "chunk", "configure", "switch", "report", "cleanup")
    disk = "memory"
    code = "quota_reached"
    how = "a file that fills the small file system with the home"
    what = "reported as `quota_reached` if anything has to be written; goes on once there is room"

    def begin(self, world):
        self._filler = world.shop.home / "filler"
        # The agent takes and gives back room meanwhile: until nothing goes in any more
        with suppress(OSError), self._filler.open("wb", buffering=0) as stream:
            while stream.write(bytes(65536)):
                continue

    def wait_until_met(self, world):
        code = world.wait()
        if world.controller.accepted("finished"):
            # To remove takes no room; and nobody waits for what there is to report of a shop that was reported ready
            assert set(world.errors()) <= {self.code}
        else:
            assert (code, world.reported_code()) == (1, self.code)

    def end(self, world):
        self._filler.unlink()


class NoInodes(Full):
    name = "no inode left (ENOSPC)"

    def begin(self, world):
        # The agent makes and removes files meanwhile
        while not self._take(world, self._used(world)):
            continue

    def end(self, world):
        assert self._take(world, self._used(world) + 100_000)

    @staticmethod
    def _used(world):
        status = os.statvfs(world.shop.home)
        return status.f_files - status.f_ffree

    @staticmethod
    def _take(world, count):
        words = ["mount", "-o", f"remount,nr_inodes={count}", str(world.shop.home)]
        return subprocess.run(words, check=False, capture_output=True).returncode == 0


class OverQuota(Full):
    name = "over quota (EDQUOT)"
    usual = ("unpack", "chunk", "configure", "switch", "report")
    disk = "quota"
    how = "a quota below what the home holds (btrfs)"

    def begin(self, world):
        command("sync", "-f", str(world.disk.folder))
        world.disk.limit(4096)

    def end(self, world):
        world.disk.limit("none")


class ReadOnly(OverQuota):
    name = "read-only disk (EROFS)"
    usual = ("preflight", "chunk", "prove", "switch", "cleanup")
    code = "read_only"
    how = "the home's subvolume is made read-only (btrfs)"
    what = "nothing is changed; goes on once the disk can be written to"

    def begin(self, world):
        world.disk.read_only(True)

    def end(self, world):
        world.disk.read_only(False)


class Rebooted(Fault):
    name = "reboot"
    usual = ("unpack", "chunk", "configure", "switch", "report", "cleanup")
    who = ("group",)
    disk = "disk"
    boots = True
    how = "what was not on the home's disk is lost, the database server killed, the boot id another"
    what = "what may be lost is unpacked again; no chunk is sent twice that was there"

    def begin(self, world):
        world.server.stop(hard=True)

    def restart(self, world):
        """The machine comes back."""
        world.disk.lose()
        world.shop.boot.write_text("another\n")
        world.server.start()
        world.shop.chunks.look_after_crash()


FAULTS = [Full(), OverQuota(), ReadOnly(), Rebooted()]
