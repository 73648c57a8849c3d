"""A machine of its own: a layer over a system in which a real systemd is process 1, without network.

It has namespaces of its own for everything, a group of its own in the kernel's second hierarchy of control groups, and
`/dev` and `/sys` from which nothing of this machine can be changed. It starts again from what it wrote.
"""

import contextlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from tests.system.packages.machines.tree import Tree

#: Newer ones know the second hierarchy of control groups alone, so it is theirs as a whole; controllers that this
#: machine has in the first one are missing there.
_BOOT = r"""
root=$2/root
mount --make-rprivate /
mount -t overlay overlay -o lowerdir="$1",upperdir="$2/upper",workdir="$2/work" "$root"
ip link set lo up
mount -t proc proc "$root/proc"
mount -o bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for device in null:3 zero:5 full:7 random:8 urandom:9 console:3; do
    mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
mknod -m 666 "$root/dev/fuse" c 10 229
cd "$root"
pivot_root . mnt
umount -l /mnt
# As on a machine that is none of another machine's: units have mounts of their own below these
mount --make-rshared /
exec setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-syslog,-mac_admin \
    env -i container=shoplaunch PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd --show-status=false
"""
_HELD = (
    "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork",
    "--kill-child",
)  # fmt: skip
#: Devices, clocks and terminals are the machine's below.
_MASKED = (
    "systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-logind.service",
    "systemd-timesyncd.service", "systemd-pstore.service", "systemd-binfmt.service", "console-getty.service",
    "proc-sys-fs-binfmt_misc.automount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
    "sys-kernel-config.mount", "sys-fs-fuse-connections.mount", "dev-hugepages.mount", "dev-mqueue.mount",
    "getty.target",
)  # fmt: skip


def second_hierarchy():
    """Return the folder of the second hierarchy of control groups, in which a group may be made."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _what, where, kind, options, *_ = line.split()
        if kind == "cgroup2" and "rw" in options.split(","):
            return Path(where)
    pytest.skip("no second hierarchy of control groups can be written here: systemd has none to be process 1 with")


class Machine(Tree):
    """A system over `base` with systemd as its process 1; `prepared` are shell lines that are run in it before."""

    def __init__(self, folder, base="/", prepared=""):
        self.folder, self.root, self._base = Path(folder), Path(folder) / "root", base
        self._group = second_hierarchy() / f"shoplaunch-{os.getpid()}-{self.folder.name}"
        # Not `super().__init__`, which holds a tree without a process 1 of its own
        tree = Tree(folder, base)
        try:
            self._prepare(tree, prepared)
        except BaseException:
            tree.close()
            raise
        tree.leave()
        self.boot()

    def _prepare(self, tree, prepared):
        """Leave nothing that would be started but what `prepared` asks for."""
        tree.run("rm", "-rf", "/usr/sbin/policy-rc.d", "/etc/fstab", "/var/log/journal", "/var/spool/cron/crontabs")
        tree.run("sh", "-c", "rm -rf /etc/systemd/system/*.wants /etc/systemd/system/shoplaunch* /etc/cron.d/*")
        tree.run("sh", "-c", "install -d -m 1730 -g crontab /var/spool/cron/crontabs; install -d /var/log/journal")
        tree.run("sh", "-c", "cat /proc/sys/kernel/random/uuid | tr -d - >/etc/machine-id; : >/etc/fstab")
        tree.run("sh", "-c", "rm -f /etc/resolv.conf; echo 127.0.0.1 localhost >/etc/hosts")
        tree.run("systemctl", "--root=/", "mask", "--quiet", *_MASKED)
        tree.run("sh", "-ec", prepared or ":")

    def boot(self):
        """Start process 1 and wait until it has started what it starts."""
        self._group.mkdir(exist_ok=True)
        # In the group before it has a namespace of groups, whose root this becomes
        join = 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"'
        command = ["sh", "-ec", join, "sh", self._group, *_HELD, "sh", "-ec", _BOOT, "sh", self._base, self.folder]
        self.log = open(self.folder / "boot.log", "ab")  # noqa: SIM115
        self._holder = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        wait_until(lambda: self._children() or self._holder.poll() is not None)
        self._inner = (self._children() or ["0"])[0]
        wait_until(lambda: self._state() in ("running", "degraded") or self._holder.poll() is not None)
        if self._holder.poll() is not None:
            said = (self.folder / "boot.log").read_text("utf-8", "replace")[-500:]
            self.close()
            pytest.skip(f"systemd does not become process 1 here: {said}")

    def _children(self):
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        return []

    def _state(self):
        done = subprocess.run(
            self.words("systemctl", "is-system-running"), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        return done.stdout.strip()

    def words(self, *command):
        """Return the command line that runs `command` in the machine."""
        first, *rest = super().words(*command)
        return [first, "--uts", "--ipc", "--cgroup", *rest]

    def reboot(self):
        """Let process 1 end everything, and start it again."""
        subprocess.run(self.words("systemctl", "reboot"), stdin=subprocess.DEVNULL, capture_output=True)
        wait_until(lambda: self._holder.poll() is not None)
        self.log.close()
        self.boot()

    def cut_off(self):
        """Take the power away, and start it again."""
        self._end()
        self.boot()

    def _end(self):
        self._holder.kill()
        self._holder.wait()
        # The next process 1 has the same files
        wait_until(lambda: "populated 0" in (self._group / "cgroup.events").read_text())
        self.log.close()

    def close(self):
        """End everything in the machine and remove it."""
        self._end()
        super().close()
        wait_until(self._groups_are_gone)

    def _groups_are_gone(self):
        """Remove the machine's control groups, inner ones first; return whether the last process is gone from them."""
        for folder, _, _ in os.walk(self._group, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        return not self._group.exists()
