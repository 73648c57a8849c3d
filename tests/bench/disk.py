"""A new file system for every measured run: what earlier runs made or removed can neither help nor hinder it."""

import os
import subprocess
from pathlib import Path


class Disk:
    """A file system (ext4, as most hosts have it) in a file below `folder` (Path), mounted at `path` when it is new."""

    def __init__(self, folder):
        self._image = folder / "disk.image"
        self.path = folder / "disk"
        self.path.mkdir()
        self._is_mounted = False

    def renew(self, size):
        """Nothing is on the disk, and `size` bytes and their share of files fit; return its path."""
        self.remove()
        with self._image.open("wb") as stream:
            os.truncate(stream.fileno(), size)
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
            self._image.unlink()


def _run(*command):
    subprocess.run(command, check=True)
