"""Containers of Debian's podman in a network and mounts of their own; what runs there ends with the holder."""

import os
import shutil
import subprocess

import pytest

from tests.system.packages.machines.tree import SECONDS

#: Where version 2 is mounted together with version 1, crun starts nothing: there is no version 2 for these processes.
_MOUNTS = "mount --make-rprivate /; umount /sys/fs/cgroup/unified 2>/dev/null || true;"
_HOLD = f"set -e; {_MOUNTS} mount -t proc proc /proc; ip link set lo up; echo ready; exec sleep infinity"
_HELD = (
    "setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--net", "--fork", "--kill-child",
)  # fmt: skip
_TOOLS = ("podman", "buildah", "crun", "unshare", "nsenter")
#: As the service is to run: nothing writable but its volume and files of a moment.
CLOSED = (
    "--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges",
    "--ulimit=host", "--network=none",
)  # fmt: skip


class Containers:
    """A store of images in `folder`, and what runs of them; `pytest.skip` says why where nothing can run."""

    def __init__(self, folder):
        for tool in _TOOLS:
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not there: no container is built and run")
        self.store = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
        self.environment = {**os.environ, "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
        self._folder = folder
        self._holder = subprocess.Popen([*_HELD, "sh", "-c", _HOLD], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout.readline() == "ready\n"
        with open(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children") as children:
            self._inner = children.read().split()[0]

    def close(self):
        """End everything and remove the images."""
        self._holder.kill()
        self._holder.wait()
        unmounted = ["unshare", "--mount", "buildah", *self.store, "rmi", "--all", "--force"]
        subprocess.run(unmounted, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def outside(self, *command):
        """Run what builds: with the machine's network; return what it says."""
        # Without a container in a container, which not every kernel allows
        environment = {**self.environment, "BUILDAH_STORAGE": " ".join(self.store), "BUILDAH_ISOLATION": "chroot"}
        inner = ["unshare", "--mount", "sh", "-c", f'{_MOUNTS} exec "$@"', "sh", *map(str, command)]
        return _said(inner, environment)

    def import_base(self, tree, name):
        """Make an image of a debootstrapped system."""
        packed = tree.with_suffix(".tar")
        subprocess.run(["tar", "-C", str(tree), "-cf", str(packed), "."], check=True)
        self.outside("podman", *self.store, "import", packed, name)
        packed.unlink()

    def run(self, *command, code=0, **variables):
        """Run podman's `command` and return what it says; fail unless it ends with `code`."""
        return _said(
            [*self.enter(), "podman", *self.store, *map(str, command)], {**self.environment, **variables}, code
        )

    def runs(self):
        """Return why no container runs here, or nothing."""
        done = subprocess.run(
            [*self.enter(), "podman", *self.store, "run", "--rm", *CLOSED, "localhost/base", "true"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return "" if done.returncode == 0 else done.stdout[-300:]

    def enter(self):
        """Return the words that begin a command among the containers."""
        return ["nsenter", "--target", self._inner, "--mount", "--pid", "--net"]


def _said(command, environment, code=0):
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=SECONDS * 5,
    )  # fmt: skip
    assert done.returncode == code, (command, done.returncode, done.stdout[-3000:])
    return done.stdout
