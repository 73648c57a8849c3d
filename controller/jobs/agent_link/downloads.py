"""Which agent may fetch which bundle: only the current attempt of a job under way, and only its own bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from controller.db import bundles
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading
from controller.db.jobs import Job
from controller.db.machines import servers
from controller.jobs.agent_link import agent_events, bundle_address
from controller.jobs.lifecycle import states
from controller.jobs.record.tokens import AgentToken, Tokens
from controller.settings.sections import Config
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
        job, bundle = _opened(connection, holder, name, now)
        settings = servers.get(connection, job.server).settings
    path = folder / f"{bundle.name}.bundle"
    if not path.is_file() or path.stat().st_size != bundle.size:
        raise ShoplaunchError("bundle_missing", f"the file of bundle {bundle.name} is not as it was added")
    return Download(job.id, job.server, path, bundle.size, bundle.sha256, _rate(settings.get("fetch_rate", 0)))


def address(config: Config, engine: sa.Engine, tokens: Tokens, token: str, name: str, now: float) -> str:
    """Return the address at which the holder of `token` fetches bundle `name` from now on, never to be logged.

    Raises ShoplaunchError as `find`, and `config_invalid`.
    """
    holder = tokens.read_agent(token)
    with reading(engine) as connection:
        _job, bundle = _opened(connection, holder, name, now)
    return bundle_address.of(config, bundle, now)


def _opened(connection: sa.Connection, holder: AgentToken, name: str, now: float) -> tuple[Job, Bundle]:
    """Return the job of `holder`, and its bundle, if that is `name`. Raises ShoplaunchError as `find`."""
    job = agent_events.job_of(connection, holder)
    if job.state == states.CANCELLED:
        raise ShoplaunchError("cancelled", "the job was cancelled")
    if job.bundle != name or not states.may(job.state, "agent_works") or agent_events.is_over(job, holder, now):
        raise ShoplaunchError("token_invalid", "the token does not open this bundle now")
    return job, bundles.get(connection, job.bundle)


def _rate(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ShoplaunchError("config_invalid", "fetch_rate must be a number of bytes per second, 0 for no limit")
    return value
