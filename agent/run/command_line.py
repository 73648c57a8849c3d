"""The agent's command line: `run | status [--json] | verify | --version`, and its exit codes.

0 done (or nothing to do), 1 not yet: the next tick continues, 2 wrong usage, 3 failed permanently: a new attempt is
needed, 4 a newer attempt has taken over, 5 cancelled and undone, 6 another agent is at work, 7 started directly
within limits that are too small: cron's next tick does the work.
"""

import json
import os
import signal
import sys

from agent import VERSION
from agent.base import exit_codes
from agent.base.failures import as_failure
from shared.errors import ShoplaunchError
from shared.job import STATE_FILE
from shared.plain_lines import escaped

MYPY = False
if MYPY:
    from typing import NoReturn, Sequence, TextIO

USAGE = "usage: agent.pyz run | status [--json] | verify | --version\n"


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command line `arguments` (list of str; default: the process's own); return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # It contains the archive or folder this process was started from
    folder = os.path.dirname(os.path.abspath(sys.path[0] or sys.argv[0]))
    os.umask(0o077)
    if arguments == ["--version"]:
        sys.stdout.write("shoplaunch agent {}\n".format(VERSION))
        return 0
    if arguments == ["run"]:
        return _run(folder)
    if arguments in (["status"], ["status", "--json"]):
        return _status(folder, "--json" in arguments)
    if arguments == ["verify"]:
        return _verify(folder)
    sys.stderr.write(USAGE)
    return exit_codes.USAGE


def leave(code: int) -> "NoReturn":
    """End this process with exit code `code`, or 1 where its output cannot be written.

    All files are closed already; shutting down the interpreter would only take time.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            code = code or 1
            _complain("the output cannot be written: {}\n".format(error.strerror))
    os._exit(code)


def _complain(text: str) -> None:
    """Write `text` to standard error, if that is writable."""
    try:
        os.write(2, text.encode("utf-8", "replace"))
    except OSError:
        # The exit code has to suffice
        return


def _say(stream: "TextIO", line: str) -> None:
    """Write `line`, of which others may have written a part, so that it stays one."""
    stream.write(escaped(line) + "\n")


# Each command imports what it needs: compiling everything takes longer than unpacking many a shard


def _run(folder: str) -> int:
    if os.geteuid() == 0:
        sys.stderr.write("The agent works as the account, never as root.\n")
        return exit_codes.FAILED
    # Imported here, as in each command
    from agent.base import limits
    from agent.run import start

    _as_usual()
    if limits.is_rung():
        limits.release()
        limits.detach()
        limits.raise_all()
    try:
        return start.run(folder)
    except OSError as error:
        # Without a writable folder, standard error is the only place for the failure
        failure = as_failure(error)
        _say(sys.stderr, "{}: {}".format(failure.code, failure.message))
        return exit_codes.WAITING


def _as_usual() -> None:
    """Restore defaults the starting process may have changed, and on which this process relies."""
    # If the signal is ignored, the system discards the exit status of child processes
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free descriptor is the missing one
            os.open(os.devnull, os.O_RDWR)


def _status(folder: str, as_json: bool) -> int:
    """Print `state.json`: unchanged, or the most important fields."""
    try:
        with open(os.path.join(folder, STATE_FILE)) as stream:
            state = json.load(stream)
    except FileNotFoundError:
        state = {}
    except ValueError:
        sys.stderr.write("state.json is unreadable\n")
        return exit_codes.FAILED
    if as_json:
        sys.stdout.write(json.dumps(state, sort_keys=True) + "\n")
        return 0
    for name in ("job", "attempt", "status", "stage", "percent"):
        _say(sys.stdout, "{}: {}".format(name, state.get(name, "-")))
    error = state.get("error")
    if isinstance(error, dict):
        _say(sys.stdout, "error: {}: {}".format(error.get("code"), error.get("message")))
        _say(sys.stdout, str(error.get("advice")))
    elif error:
        _say(sys.stdout, "error: {}".format(error))
    return 0


def _verify(folder: str) -> int:
    """Check the job file and every member of the bundle; change nothing."""
    # Imported here, as in each command
    from agent.bundle.reader import open_bundle
    from agent.session import job_file

    try:
        job = job_file.load(folder, job_file.public_keys())[1]
        if "bundle" not in job:
            sys.stdout.write("job {} is in order\n".format(job["job"]))
            return 0
        bundle = open_bundle(job, folder)
        for member in bundle.manifest["members"]:
            bundle.read(member)
    except (ShoplaunchError, OSError) as error:
        failure = as_failure(error)
        _say(sys.stderr, "{}: {}".format(failure.code, failure.message))
        return exit_codes.FAILED
    sys.stdout.write(
        "job {} and its bundle ({} members) are in order\n".format(job["job"], len(bundle.manifest["members"]))
    )
    return 0
