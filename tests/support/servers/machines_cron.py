"""The machine's cron: started where none runs, as on a machine that was never booted, and ended again."""

import os
import shutil
import subprocess
import time


def start_missing():
    """Start cron unless it runs; return the process, None where there is none to start or it ran before."""
    program = shutil.which("cron", path="/usr/sbin:/usr/bin")
    if program is None or runs():
        return None
    null = subprocess.DEVNULL
    process = subprocess.Popen([program, "-f"], stdin=null, stdout=null, stderr=null, start_new_session=True)
    while not runs():
        assert process.poll() is None, "cron ends as soon as it is started"
        time.sleep(0.02)
    return process


def end(process):
    """End what `start_missing` returned."""
    if process is not None:
        process.terminate()
        process.wait()


def runs(name="cron"):
    """Return whether a process of that name runs on this very machine: a container's cron serves the container."""
    words = ["pgrep", "--ns", str(os.getpid()), "--nslist", "pid", "-x", name]
    return subprocess.run(words, check=False, stdout=subprocess.DEVNULL).returncode == 0
