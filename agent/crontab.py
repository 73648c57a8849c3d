"""The account's crontab: our one line taken out, everything else left byte for byte."""

import os
import subprocess

from shared.errors import ShoplaunchError

TIMEOUT_SECONDS = 30
MARK = "# shoplaunch:"


def remove_line(job_id, log):
    """No line of the crontab ends with our mark for `job_id` afterwards; it is read back.

    The crontab is only rewritten after `crontab -l` exited 0 and held our line. Raises ShoplaunchError
    `cron_edit_failed`.
    """
    before = _read()
    mark = (MARK + job_id).encode("ascii")
    if before is None or mark not in before:
        log.info("the crontab holds no line of ours")
        return
    lines = before.splitlines(True)
    kept = b"".join(line for line in lines if not line.rstrip().endswith(mark))
    if kept == before:
        return
    if kept.strip():
        _run(["crontab", "-"], kept)
    else:
        _run(["crontab", "-r"], b"")
    after = _read()
    if (after or b"").strip() != kept.strip():
        raise ShoplaunchError("cron_edit_failed", "the crontab reads back otherwise than written")
    log.info("the cron line is gone")


def _read():
    """Return the crontab's bytes, None when the account has none."""
    status, output, problem = _call(["crontab", "-l"], b"")
    if status == 0:
        return output
    if b"no crontab" in problem:
        return None
    raise ShoplaunchError("cron_edit_failed", "crontab -l ended with status {}".format(status))


def _run(command, text):
    status, _, problem = _call(command, text)
    if status != 0:
        reason = problem.decode("utf-8", "replace").strip()[:200]
        raise ShoplaunchError("cron_edit_failed", "{} ended with status {}: {}".format(command, status, reason))


def _call(command, text):
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH") or os.defpath)
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise ShoplaunchError("cron_edit_failed", "crontab cannot be run: {}".format(error.strerror)) from None
    try:
        output, problem = process.communicate(text, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ShoplaunchError("cron_edit_failed", "crontab does not answer") from None
    return process.returncode, output, problem
