"""Checks that launcher, agent, job file and cron line are in the account as they were placed, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.account import Account
from controller.agent_archive.ascii_armor import armored
from controller.db import facts
from controller.db.jobs import Job
from controller.jobs.agent_link.panel_reading import marker
from controller.panels.base import Panel, SkeletonFiles
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE, cron_command

if TYPE_CHECKING:
    from shared.documents import Error

CODE = "agent_damaged"
#: Errors of a silent agent that stand until its files have been checked.
_UNEXPLAINED = ("cron_never_fired", "agent_silent")
_OFTEN = re.compile(r"\*(/[0-9]+)?\Z")


def digests(files: SkeletonFiles, job_file: bytes) -> dict[str, list[str]]:
    """Return name -> digests of the files placed in the account; the agent may be text until its first start."""
    return {
        LAUNCHER_FILE: [sha256_hex(files.launcher)],
        AGENT_FILE: [sha256_hex(files.agent), sha256_hex(armored(files.agent))],
        JOB_FILE: [sha256_hex(job_file)],
    }


@dataclass(frozen=True)
class Comparison:
    """What became of the files placed in an account, in words: those changed or removed since, and those of which the
    panel cannot tell."""

    changed: list[str]
    unread: list[str]


def compared(panel: Panel, account: Account, put: Mapping[str, Sequence[str]]) -> Comparison:
    """Compare the account's files with those that were `put` (see `digests`). Raises ShoplaunchError of the panel."""
    if not put:
        return Comparison([], [])
    found = dict(panel.agent_digests(account))
    found[JOB_FILE] = panel.file_sha256(account, f"{FOLDER}/{JOB_FILE}")
    changed = [
        f"{FOLDER}/{name} {'is gone' if found[name] is None else 'was changed'}"
        for name, right in put.items()
        if name in found and found[name] not in right
    ]
    unread = [f"{FOLDER}/{name} cannot be read through this panel" for name in put if name not in found]
    return Comparison(changed, unread)


def changed_line(panel: Panel, account: Account, job_id: str) -> list[str]:
    """Return how the job's cron line was changed, in words; [] when it is unchanged or gone. Raises ShoplaunchError."""
    own_lines = [line for line in panel.cron_lines(account) if line.rstrip().endswith(f"# {marker(job_id)}")]
    if not own_lines or any(_is_as_put(line, job_id) for line in own_lines):
        return []
    return ["the cron line was changed"]


def _is_as_put(line: str, job_id: str) -> bool:
    """Return whether it is the job's line, scheduled as often as the host allows."""
    times, command = line.split(None, 5)[:5], line.split(None, 5)[5:]
    wanted = cron_command(job_id)
    often = bool(_OFTEN.match(times[0])) and times[1:] == ["*"] * 4
    return often and [one.rstrip() for one in command] == [wanted]


def explained(panel: Panel, account: Account, job: Job, error: Error) -> Error:
    """Return why the agent is silent: what was damaged since its placement, else `error`, which then says of which
    files that is not known."""
    if error.get("code") not in _UNEXPLAINED:
        return error
    try:
        found = compared(panel, account, facts.of(job).put_sha256 or {})
        changed = found.changed + changed_line(panel, account, job.id)
    except ShoplaunchError:
        # The panel failed to show the files, but the agent is silent all the same
        return error
    if not changed:
        return {**error, "message": "; ".join([error["message"], *found.unread])}
    return ShoplaunchError(CODE, f"{error['message']}; since it was put there, {', '.join(changed)}").as_dict()
