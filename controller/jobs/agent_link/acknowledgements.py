"""Acknowledgements for agents that cannot reach the controller: a signed file, placed through the panel."""

from __future__ import annotations

from controller.jobs.agent_link.job_file import signed
from controller.jobs.lifecycle.step_context import Work
from shared.ack import ACCEPTED, CANCELLED, check_ack, make_ack
from shared.errors import ShoplaunchError
from shared.job import ACK_FILE, FOLDER
from shared.signing import PURPOSE_ACK

MODE = 0o600


def accept(work: Work, seq: int) -> None:
    """Acknowledge the agent's events up to number `seq`. Raises ShoplaunchError of the panel."""
    _ensure(work, seq, ACCEPTED)


def cancel(work: Work) -> None:
    """Acknowledge to the agent that its job is cancelled. Raises ShoplaunchError of the panel."""
    _ensure(work, 0, CANCELLED)


def _ensure(work: Work, seq: int, status: int) -> None:
    payload = check_ack(make_ack(work.job.id, work.job.attempt, seq, status))
    content = signed(PURPOSE_ACK, payload, work.tools.keys.signing)
    panel, path = work.tools.panel, f"{FOLDER}/{ACK_FILE}"
    if not _holds(work, path, content):
        panel.put_file(work.account, path, content, MODE)


def _holds(work: Work, path: str, content: bytes) -> bool:
    try:
        return work.tools.panel.read_file(work.account, path, limit=len(content)) == content
    except ShoplaunchError as error:
        if error.code != "file_too_large":
            raise
        return False
