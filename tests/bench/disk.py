"""A new file system for every measured run: what earlier runs made or removed can neither help nor hinder it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

#: Where there is room for it a disk lies in memory: what the machine's own is asked by others does not count then.
MEMORY = Path("/dev/shm")


class Disk:
    """A file system (ext4, as most hosts have it) in a file, mounted at `path`, else below `folder` (Path)."""

    def __init__(self, folder, path=None):
        self._folder = folder
        self._image = None
        self.path = path or folder / "disk"
        self.path.mkdir(exist_ok=True)
        self._is_mounted = False

    def renew(self, size):
        """Nothing is on the disk, and `size` bytes and their share of files fit; return its path."""
        self.remove()
        in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > size
        # In a folder of its own: folders are noted, for the case that the run is killed
        self._image = Path(tempfile.mkdtemp(prefix="slbench-disk-", dir=MEMORY if in_memory else self._folder), "image")
        with self._image.open("wb") as stream:
            stream.truncate(size)
        # Nothing is left for the kernel to do in the background
        _run("mkfs.ext4", "-q", "-m", "0", "-i", "8192", "-E", "nodiscard", str(self._image))
        _run("mount", "-o", "loop,noinit_itable", str(self._image), str(self.path))
        self._is_mounted = True
        return Path(self.path)

    def remove(self):
        """The disk is gone with all that is on it."""
        if self._is_mounted:
            _run("umount", str(self.path))
            self._is_mounted = False
        if self._image is not None:
            shutil.rmtree(self._image.parent)
            self._image = None


def _run(*command):
    subprocess.run(command, check=True)
