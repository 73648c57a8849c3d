"""A system of its own to install packages into: a layer over this or a debootstrapped one, without network.

Whatever is mounted and started there ends with the process that holds it.
"""

import shutil
import subprocess
from pathlib import Path

#: The layer is mounted where nothing else sees it. No network: what a package needs it carries.
_HOLD = """
mount --make-rprivate /
mount -t overlay overlay -o lowerdir="$1",upperdir="$2/upper",workdir="$2/work" "$2/root"
ip link set lo up
mount -t proc proc "$2/root/proc"
mount -t tmpfs tmpfs "$2/root/run"
mount --rbind /dev "$2/root/dev"
rm -rf "$2/root/var/lib/shoplaunch" "$2/root/etc/shoplaunch" "$2/root/opt/shoplaunch" "$2/root/var/backups/shoplaunch"
printf '#!/bin/sh\\nexit 101\\n' >"$2/root/usr/sbin/policy-rc.d"
chmod 755 "$2/root/usr/sbin/policy-rc.d"
exec chroot "$2/root" sh -c 'echo ready; exec sleep infinity'
"""
#: A run that is killed leaves nothing behind either.
_HELD = (
    "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child",
)  # fmt: skip
_CLEAN = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
    "DEBIAN_FRONTEND": "noninteractive",
}

#: Only what hangs meets this: machines with much other work are slow.
SECONDS = 300


class Tree:
    """A system over `base`, with its own processes; `folder` holds what differs from it.

    `online` leaves it the machine's network.
    """

    def __init__(self, folder, base="/", online=False):
        self.folder, self.root = Path(folder), Path(folder) / "root"
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True)
        command = [*(word for word in _HELD if not online or word != "--net"), "sh", "-ec", _HOLD, "sh"]
        self._holder = subprocess.Popen([*command, str(base), str(folder)], stdout=subprocess.PIPE, text=True)
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            raise RuntimeError("no layer can be mounted over this system")
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._inner = children[0]

    def leave(self):
        """End everything in the tree; what was written stays."""
        self._holder.kill()
        self._holder.wait()

    def close(self):
        """End everything in the tree and remove it."""
        self.leave()
        shutil.rmtree(self.folder, ignore_errors=True)

    def words(self, *command):
        """Return the command line that runs `command` in the tree."""
        enter = ["nsenter", "--target", self._inner, "--mount", "--pid", "--net", "--root", "--wd"]
        names = [f"{name}={value}" for name, value in _CLEAN.items()]
        return [*enter, "env", "-i", *names, *map(str, command)]

    def run(self, *command, code=0):
        """Run `command` as root in the tree and return what it says; fail unless it ends with `code`."""
        done = subprocess.run(
            self.words(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert done.returncode == code, (command, done.returncode, done.stdout)
        return done.stdout

    def start(self, *command):
        """Start `command` in the tree and return its process; `stop` ends it."""
        return subprocess.Popen(self.words(*command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self, process, *command):
        """Ask the `command` that was started to end, and return how it ended."""
        # Inside: what entered the tree waits for it, and passes no signal on
        self.run("pkill", "-TERM", "-o", "-f", " ".join(command))
        return process.wait(SECONDS)

    def give(self, file):
        """Copy `file` into the tree and return its path there."""
        target = self.path("/var/tmp") / Path(file).name
        shutil.copyfile(file, target)
        return f"/var/tmp/{target.name}"

    def path(self, inside):
        """Return where this process finds the path `inside` of the tree."""
        return Path(f"/proc/{self._inner}/root") / inside.lstrip("/")

    def written(self, pattern):
        """Return the names of what was written in the tree and is still there, below its root."""
        upper = self.folder / "upper"
        # What a layer takes away of the system below is a device there
        found = (path for path in upper.rglob(pattern) if not path.is_char_device())
        return [name for name in (str(path.relative_to(upper)) for path in found) if not name.startswith("var/tmp/")]
