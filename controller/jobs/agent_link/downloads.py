"""Which agent may fetch which bundle: only the current attempt of a job under way, and only its own bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from controller.db import bundles
from controller.db.connection.engine import reading
from controller.db.machines import servers
from controller.jobs.agent_link import agent_events
from controller.jobs.lifecycle import states
from controller.jobs.record.tokens import Tokens
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Download:
    """What is sent: the file at `path`, `size` bytes, of digest `sha256`; `rate` (bytes/s, 0: unlimited) is shared by
    all downloads of `server`."""

    job: str
    server: str
    path: Path
    size: int
    sha256: str
    rate: int


def find(engine: sa.Engine, tokens: Tokens, folder: Path, token: str, name: str, now: float) -> Download:
    """Return the download of bundle `name` that the holder of `token` may have.

    Raises ShoplaunchError `token_invalid` (401: not issued here, or another job's bundle), `superseded` (409),
    `cancelled` (410), `bundle_missing` (404: no whole file there).
    """
    holder = tokens.read_agent(token)
    with reading(engine) as connection:
        job = agent_events.job_of(connection, holder)
        if job.state == states.CANCELLED:
            raise ShoplaunchError("cancelled", "the job was cancelled")
        if job.bundle != name or not states.may(job.state, "agent_works") or agent_events.is_over(job, now):
            raise ShoplaunchError("token_invalid", "the token does not open this bundle now")
        bundle = bundles.get(connection, job.bundle)
        settings = servers.get(connection, job.server).settings
    path = folder / f"{bundle.name}.bundle"
    if not path.is_file() or path.stat().st_size != bundle.size:
        raise ShoplaunchError("bundle_missing", f"the file of bundle {bundle.name} is not as it was added")
    return Download(job.id, job.server, path, bundle.size, bundle.sha256, _rate(settings.get("fetch_rate", 0)))


def _rate(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ShoplaunchError("config_invalid", "fetch_rate must be a number of bytes per second, 0 for no limit")
    return value
