"""A disk of its own that lets through only so much each second: by the kernel's limit for its device, if there is one.

Elsewhere every write waits for a moment, again and again, and a warning says that this is the next best thing.
"""

import contextlib
import os
import shutil
import warnings
from pathlib import Path

import pytest

from tests.integration.controller.db.test_database_disk_ails import Disk

#: What a cheap machine's disk does each second: bytes, and requests of any size.
LIMITS = {"bps": 12 << 20, "iops": 250}
ROOM = 3 << 30
_GROUPS = Path("/sys/fs/cgroup/blkio")


class SlowDisk(Disk):
    """A file system at `place` with room for a system; `limited()` slows it down, for whatever uses it."""

    room = ROOM

    @contextlib.contextmanager
    def limited(self):
        """The disk is slow within the `with` block."""
        groups = [folder for folder in _own_groups() if (folder / "blkio.throttle.write_bps_device").exists()]
        if not groups:
            warnings.warn("this kernel limits no device: each write to the disk waits instead", stacklevel=2)
            with self.slow():
                yield
            return
        device = os.stat(self.device).st_rdev
        name = f"{os.major(device)}:{os.minor(device)}"
        try:
            _limit(groups, name, LIMITS)
            yield
        finally:
            _limit(groups, name, dict.fromkeys(LIMITS, 0))


def _limit(groups, device, limits):
    for folder in groups:
        for kind, number in limits.items():
            for way in ("read", "write"):
                (folder / f"blkio.throttle.{way}_{kind}_device").write_text(f"{device} {number}")


def _own_groups():
    """Return the groups of this process and of the kernel's own threads, which write what was kept in memory."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = [line.split(":", 2)[2] for line in lines if "blkio" in line.split(":", 2)[1].split(",")]
    return {_GROUPS, *(_GROUPS / name.strip("/") for name in own)}


def made(folder, place):
    """Return a new SlowDisk at `place`, its device a file in `folder`; skip where none can be made."""
    if not all(map(shutil.which, ("mkfs.ext4", "losetup"))) or not os.path.exists("/dev/loop-control"):
        pytest.skip("no file system can be made on a device of its own here")
    return SlowDisk(folder, place)
