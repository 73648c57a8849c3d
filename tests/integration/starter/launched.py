"""A launcher that leaves evidence: as whom, in what surroundings and how often it was started."""

import json

from shared.job import FOLDER, LAUNCHER_FILE
from tests.support.waiting import wait_until

WAIT_SECONDS = 60
#: Written whole at the end, so that nobody reads half of it.
LAUNCHER = r"""#!/bin/sh
new={home}/started.new.$$
# In a shell of its own: this one would hold a pipe's ends, or what it has redirected, for a moment
(ls -l /proc/$$/fd >"$new.fd")
{{
    sed -n 's/.* \([0-9]*\) -> /fd=\1 /p' "$new.fd"
    echo "uid=$(id -u)"
    echo "session=$(ps -o sid= -p $$ | tr -d ' ')"
    echo "pid=$$"
    echo "umask=$(umask)"
    echo "cwd=$(pwd)"
    echo "ppid=$PPID"
    env | sed 's/^/env=/'
}} >"$new" 2>/dev/null
rm -f "$new.fd"
mv "$new" "{home}/started.$$"
{more}
"""


def put_launcher(home, more=""):
    """The launcher lies in the home; return its path."""
    folder = home / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / LAUNCHER_FILE
    path.write_text(LAUNCHER.format(home=home, more=more))
    path.chmod(0o700)
    return path


def starts(home):
    """Return what every start left: a list of {name: [value, ...]}."""
    found = []
    for path in sorted(home.glob("started.[0-9]*")):
        start = {}
        for line in path.read_text().splitlines():
            name, _, value = line.partition("=")
            start.setdefault(name, []).append(value)
        found.append(start)
    return found


def wait_for_start(home, number=1):
    """Return what one of the starts left, once there are so many; None for none."""
    wait_until(lambda: len(starts(home)) >= number, "nothing was started", seconds=WAIT_SECONDS)
    return next(iter(starts(home)), None)


def said(body):
    """Return what the starter answered."""
    return json.loads(body)
