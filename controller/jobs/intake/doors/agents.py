"""Agents: takes their events and serves their bundles."""

from __future__ import annotations

from collections.abc import Mapping

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.db.connection.group_commit import GroupCommit
from controller.jobs.agent_link import agent_events, downloads, rates, reports
from controller.jobs.agent_link.downloads import Download
from controller.jobs.intake.installation import Installation
from controller.jobs.record.tokens import AgentToken
from controller.telemetry.job_at_hand import working_on


class Agents:
    """Events and requests of agents, each with the token of its attempt. Every method raises ShoplaunchError."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._group_commit = GroupCommit(installation.engine)
        self._reports = rates.ReportLimiter(installation.now)
        #: Job -> its server, which stays: looked up once for all its reports.
        self._servers: dict[str, str] = {}

    def check(self, token: str) -> None:
        """Raise `token_invalid` when `token` is no agent's; whether its attempt is current is not checked."""
        self._installation.tokens.read_agent(token)

    def record(self, token: str, document: Mapping[str, object], size: int = 0) -> int:
        """Take an agent's event `document` of `size` bytes; return the job's attempt. See agent_events.record."""
        holder = self._installation.tokens.read_agent(token)
        self._reports.spend(holder.job, holder.attempt, document.get("event"), size)
        with working_on(holder.job, self._server_of(holder.job), holder.attempt):
            if reports.is_of_earlier_agents(document, size):
                self._require_earlier_agent(holder, size)
            attempt = agent_events.record(self._group_commit, holder, document, size, self._installation.now())
            if document["event"] in agent_events.MOVING:
                self._installation.due_by_id(holder.job)
            return attempt

    def _require_earlier_agent(self, holder: AgentToken, size: int) -> None:
        own = self._installation
        with reading(own.engine) as connection:
            job = agent_events.job_of(connection, holder)
        reports.require_earlier_agent(job, own.config.agent, size)

    def _server_of(self, job: str) -> str:
        """Return the name of the job's server, "" for a job that is not known. Raises database_busy."""
        if (found := self._servers.get(job)) is not None:
            return found
        with reading(self._installation.engine) as connection:
            found = jobs.server_of(connection, job)
        if len(self._servers) >= rates.REMEMBERED:
            self._servers.clear()
        if found:
            self._servers[job] = found
        return found

    def download(self, token: str, name: str) -> Download:
        """Return the download an agent may have of bundle `name`; see controller.jobs.agent_link.downloads.find."""
        own = self._installation
        return downloads.find(own.engine, own.tokens, own.config.bundles, token, name, own.now())

    def bundle_address(self, token: str, name: str) -> str:
        """Return where an agent fetches bundle `name` from now on; see controller.jobs.agent_link.downloads.address."""
        own = self._installation
        return downloads.address(own.config, own.engine, own.tokens, token, name, own.now())
