"""What a run that was killed left on the machine goes away: folders, and the processes, mounts and accounts in them.

Each process of a run notes its folders in a file of its own, before they are made. `python -m tests.support.leftovers`,
`make clean` and the next run clear up after every process that lives no more.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

NOTES = Path("/var/tmp/shoplaunch-test-runs")
#: How the names of the tests' own folders begin.
OURS = ("sl", "shoplaunch-")
WAIT_SECONDS = 20
#: The variable that names a controller's home.
HOME = "SHOPLAUNCH_HOME="


def began(pid):
    """Return when the process `pid` began, in the kernel's ticks; None where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def own_notes(notes=NOTES):
    """Return the file in which this process notes its folders."""
    return notes / f"{os.getpid()}-{began(os.getpid())}"


def note_folders(notes=NOTES):
    """From now on every folder that this process makes for its tests is noted in `notes`."""
    notes.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = own_notes(notes)
    make, owner = tempfile.mkdtemp, os.getpid()

    def noted(suffix=None, prefix=None, dir=None):
        folder = make(suffix, prefix, dir)
        if os.getpid() == owner and os.path.basename(folder).startswith(OURS):
            with path.open("a") as file:
                file.write(f"{folder}\n")
        return folder

    tempfile.mkdtemp = noted


def clear(notes=NOTES):
    """Clear up after every noted process that lives no more; return the folders that were taken away."""
    if not notes.is_dir():
        return []
    with (notes / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return [folder for path in sorted(notes.iterdir()) for folder in _clear_after(path)]


def _clear_after(path):
    pid, _, start = path.name.partition("-")
    if not pid.isdigit() or began(pid) == start:
        return []
    try:
        text = path.read_text()
    except FileNotFoundError:
        # Its process has cleared up after itself, and ended, meanwhile
        return []
    gone = []
    for line in text.splitlines():
        if os.path.isabs(line) and os.path.basename(line).startswith(OURS) and os.path.isdir(line):
            _remove(line)
            gone.append(line)
    path.unlink(missing_ok=True)
    return gone


def _remove(folder):
    accounts = [one.pw_name for one in pwd.getpwall() if _is_below(one.pw_dir, folder)]
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := _processes(folder, accounts)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    for place in reversed(_mounts(folder)):
        subprocess.run(["umount", "--lazy", place], check=False)
    for name in accounts:
        subprocess.run(["crontab", "-r", "-u", name], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["userdel", name], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["chattr", "-R", "-f", "-i", folder], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)


def _is_below(path, folder):
    return path == folder or path.startswith(folder + "/")


def _processes(folder, accounts):
    """Return the processes that work in `folder`, name something in it, have their home there, or are of one of the
    `accounts`."""
    uids = {one.pw_uid for one in pwd.getpwall() if one.pw_name in accounts}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            works = os.readlink(entry / "cwd")
            named = any(_is_below(part, folder) for word in words for part in word.replace("=", " ").split())
            if named or _is_below(works, folder) or entry.stat().st_uid in uids or _is_below(_home(entry), folder):
                found.append(int(entry.name))
    return found


def _home(process):
    """Return the home of a controller's process, "" of every other one: `ip netns exec` takes its folder away."""
    variables = (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
    return next((one.partition("=")[2] for one in variables if one.startswith(HOME)), "")


def _mounts(folder):
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [place for place in places if _is_below(place, folder)]


if __name__ == "__main__":
    for one in clear():
        print(f"{one} of a run that was killed is gone")
