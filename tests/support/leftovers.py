"""What a run that was killed left on the machine goes away: folders, with processes, mounts, loop devices and accounts.

Each process of a run notes its folders in a file of its own. `python -m tests.support.leftovers`, `make clean` and the
next run clear up after every process that lives no more.
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
#: In a folder that somebody else named, such as pytest's base: the note of the process for which it was made.
MARK = ".shoplaunch-test-run"
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


def note_base(folder, notes=NOTES):
    """The new `folder` is noted, too, whatever its name; a mark in it says that it is this process's."""
    own = own_notes(notes)
    Path(folder, MARK).write_text(own.name)
    with own.open("a") as file:
        file.write(f"{folder}\n")


@contextlib.contextmanager
def noted_run():
    """What killed runs left is cleared away; what is made within is noted until it has ended by itself."""
    if os.geteuid() != 0:
        yield
        return
    clear()
    note_folders()
    yield
    # Not after an error: what it left is cleared away by the next run
    own_notes().unlink(missing_ok=True)


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
        if os.path.isabs(line) and os.path.isdir(line) and _is_of(line, path.name):
            _remove(line)
            gone.append(line)
    path.unlink(missing_ok=True)
    return gone


def _is_of(folder, note):
    """Tell whether `folder` was made for the tests: a numbered one may be another run's by now."""
    if os.path.basename(folder).startswith(OURS):
        return True
    try:
        return Path(folder, MARK).read_text() == note
    except OSError:
        return False


def _remove(folder):
    accounts = [one.pw_name for one in pwd.getpwall() if _is_below(one.pw_dir, folder)]
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := _processes(folder, accounts)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    devices = _loop_devices(folder)
    for place in reversed(_mounts(folder, devices)):
        subprocess.run(["umount", "--lazy", place], check=False)
    for device in devices:
        # Mostly it is gone with its mount
        subprocess.run(["losetup", "--detach", device], check=False, stderr=subprocess.DEVNULL)
    for name in accounts:
        subprocess.run(["crontab", "-r", "-u", name], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["userdel", name], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["chattr", "-R", "-f", "-i", folder], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder, ignore_errors=True)


def _is_below(path, folder):
    return path == folder or path.startswith(folder + "/")


def _processes(folder, accounts):
    """Return the processes that work in `folder`, name something in it, have their home there, or are of one of the
    `accounts`; those by which this one was started may look at it."""
    uids = {one.pw_uid for one in pwd.getpwall() if one.pw_name in accounts}
    found, kept = [], _own_line()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or entry.name in kept:
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            works = os.readlink(entry / "cwd")
            named = any(_is_below(part, folder) for word in words for part in word.replace("=", " ").split())
            if named or _is_below(works, folder) or entry.stat().st_uid in uids or _is_below(_home(entry), folder):
                found.append(int(entry.name))
    return found


def _own_line():
    """Return the numbers of this process and of all by which it was started."""
    line, pid = [], str(os.getpid())
    while pid != "0":
        line.append(pid)
        pid = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
    return line


def _home(process):
    """Return the home of a controller's process, "" of every other one: `ip netns exec` takes its folder away."""
    variables = (process / "environ").read_bytes().decode("utf-8", "replace").split("\0")
    return next((one.partition("=")[2] for one in variables if one.startswith(HOME)), "")


def _loop_devices(folder):
    """Return the loop devices whose images lie in `folder`."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        # A device may go while it is looked at
        with contextlib.suppress(OSError):
            if _is_below(file.read_text().rstrip("\n").removesuffix(" (deleted)"), folder):
                found.append(f"/dev/{file.parts[3]}")
    return found


def _mounts(folder, devices):
    """Return where something is mounted in `folder`, or one of `devices` elsewhere."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [words[4] for words in lines if _is_below(words[4], folder) or words[words.index("-") + 2] in devices]


if __name__ == "__main__":
    for one in clear():
        print(f"{one} of a run that was killed is gone")
