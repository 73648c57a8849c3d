"""Processes of the private services: check whether one runs and answers, end it and its orphans."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from shared.errors import ShoplaunchError

START_SECONDS = 180
STOP_SCHEDULE = "TERM/30/KILL/10"
ORPHAN_SECONDS = 30


def runs(pid: Path, binary: str) -> bool:
    """Return whether the process that wrote the file `pid` is alive and is `binary`."""
    if not pid.exists():
        return False
    command = ["start-stop-daemon", "--status", "--pidfile", str(pid), "--exec", binary]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def exists(pid: Path) -> bool:
    """Return whether any process has the number in the file `pid`; it may not have become its binary yet."""
    return Path(f"/proc/{pid.read_text().strip()}").exists()


def stop(pid: Path, binary: str) -> None:
    """End the process of the file `pid` and its workers, and remove the file."""
    if not pid.exists():
        return
    command = ["start-stop-daemon", "--stop", "--oknodo", "--quiet", "--retry", STOP_SCHEDULE]
    run([*command, "--pidfile", str(pid), "--exec", binary], None)
    leader = int(pid.read_text()) if pid.exists() else 0
    deadline = time.monotonic() + ORPHAN_SECONDS
    while _end_orphans(leader, binary) and time.monotonic() < deadline:
        time.sleep(0.02)
    pid.unlink(missing_ok=True)


def _end_orphans(leader: int, binary: str) -> bool:
    """End the workers of a killed master, which are in its session and hold its sockets; return whether any ran."""
    found = False
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            session = os.getsid(int(folder.name))
            if leader and session == leader and (folder / "exe").readlink() == Path(binary):
                found = True
                os.kill(int(folder.name), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            # It ended during the check.
            continue
    return found


def wait(name: str, answers: Callable[[], bool], log: Path, lives: Callable[[], bool] = lambda: True) -> None:
    """Wait until `answers()`. Raises panel_refused with the end of `log` when it dies or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while not answers():
        if time.monotonic() > deadline or not lives():
            raise ShoplaunchError("panel_refused", f"{name} does not answer; its log ends: {_tail(log)}")
        time.sleep(0.05)


def signal_command(signal: str, pid: Path, binary: str) -> tuple[str, ...]:
    """Return the command that sends `signal` to the process of the file `pid`, if it is `binary`."""
    return ("start-stop-daemon", "--stop", "--quiet", "--signal", signal, "--pidfile", str(pid), "--exec", binary)


def run(command: list[str], log: Path | None, *, umask: int = 0o022) -> None:
    """Run `command`. Raises ShoplaunchError `panel_refused` with its output, else with the end of `log`."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", umask=umask)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-500:] or (_tail(log) if log else "")
        raise ShoplaunchError("panel_refused", f"{command[0]} ended with {done.returncode}: {said}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-500:].strip() if log.exists() else "(no log)"


def accepts(path: Path) -> bool:
    """Return whether something listens on the Unix socket `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        return probe.connect_ex(str(path)) == 0


def listens(port: int, ip: str = "127.0.0.1") -> bool:
    """Return whether something listens on TCP `port` of this machine's address `ip`."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((ip, port)) == 0
