"""A machine with interpreters of a test's choosing: what others see of /opt and /usr/bin stays as it is."""

import glob
import os
import shutil
import subprocess
from pathlib import Path

import pytest

#: Where the launcher looks outside /opt.
SYSTEMS_OWN = ("/usr/bin/python3", "/usr/bin/python3.[0-9]*", "/usr/libexec/platform-python")
#: Those put there come first: what lies in a home is hidden when homes become enterable.
_PREPARE = """
mount -t tmpfs -o mode=755 tmpfs /opt
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "${2%/*}"; [ -e "$2" ] || : >"$2"; fi
    mount --bind "$1" "$2"
    shift 2
done
shift
if [ -n "$PREFIX" ]; then
    mount -t tmpfs -o mode=755 tmpfs /root
    mkdir -p "$PREFIX"
    mount --bind "$ALTERNATIVE" "$PREFIX"
fi
exec env -u PREFIX -u ALTERNATIVE "$@"
"""


class PrivateMachine:
    """Commands run by it see `/opt` with nothing in it but what is put there, and other files in the place of theirs.

    Skips where no file system may be mounted.
    """

    def __init__(self):
        self._binds = []
        self._hidden = {}
        done = subprocess.run(self.command(["true"]), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")

    def put(self, source, target):
        """The file or folder `source` is to be seen as `target`, which below /opt need not be there."""
        self._binds += [str(source), str(target)]

    def with_alternative(self, path):
        """Put the installation of the interpreter at `path` where CloudLinux has its alternatives; return its path.

        Of several the last may lie in root's home, where accounts have no way in; it is seen there, too.
        """
        prefix, version = Path(path).resolve().parent.parent, series_of(path)
        folder = f"/opt/alt/python{version.replace('.', '')}"
        self.put(prefix, folder)
        if prefix.is_relative_to("/root"):
            self._hidden = {"PREFIX": str(prefix), "ALTERNATIVE": folder}
        return f"{folder}/bin/python{version}"

    def with_system(self, path, instead):
        """The file `instead` is seen in the place of every Python of the system that the launcher knows but `path`."""
        found = {Path(place).resolve() for pattern in SYSTEMS_OWN for place in glob.glob(pattern)}
        for place in sorted(found - {path and Path(path).resolve()}):
            if not place.name.endswith("-config"):
                self.put(instead, place)

    def with_first(self, path):
        """The launcher finds the interpreter at `path`, before any of the system's other ones."""
        if path.startswith("/usr/bin/"):
            self.with_system(path, "/dev/null")
        else:
            self.with_alternative(path)

    def command(self, command):
        """Return the command line that runs `command` (list) on this machine; as root."""
        names = [f"{name}={self._hidden.get(name, '')}" for name in ("PREFIX", "ALTERNATIVE")]
        return ["env", *names, "unshare", "--mount", "sh", "-ec", _PREPARE, "sh", *self._binds, "--", *command]


def series_of(path):
    """Return the series such as "3.6" of the interpreter at `path`."""
    asked = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"
    return subprocess.run([str(path), "-c", asked], capture_output=True, text=True, check=True).stdout


def python2():
    """Return the path of a real CPython 2.7; skips where there is none."""
    places = [*glob.glob(os.path.expanduser("~/.pyenv/versions/2.7*/bin/python2.7")), shutil.which("python2.7")]
    found = [place for place in places if place]
    if not found:
        pytest.skip("no Python 2.7 here")
    return found[0]
