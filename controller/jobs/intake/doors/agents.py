"""Agents: takes their events and serves their bundles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.db.connection.group_commit import GroupCommit
from controller.jobs.agent_link import agent_events, downloads, rates
from controller.jobs.agent_link.downloads import Download
from controller.jobs.intake.installation import Installation
from controller.telemetry.job_at_hand import working_on


class Agents:
    """Events and requests of agents, each with the token of its attempt. Every method raises ShoplaunchError."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._group_commit = GroupCommit(installation.engine)
        self._reports = rates.ReportLimiter(installation.now)

    def check(self, token: str) -> None:
        """Raise `token_invalid` when `token` is no agent's; whether its attempt is current is not checked."""
        self._installation.tokens.read_agent(token)

    def record(self, token: str, event: Mapping[str, Any], size: int = 0) -> int:
        """Take an agent's event of `size` bytes; return the job's attempt. See agent_events.record."""
        holder = self._installation.tokens.read_agent(token)
        with working_on(holder.job, "", holder.attempt):
            self._reports.spend(holder.job, holder.attempt, event.get("event"), size)
            attempt = agent_events.record(self._group_commit, holder, event, size, self._installation.now())
            if event["event"] in agent_events.MOVING:
                self._installation.due_by_id(holder.job)
            return attempt

    def download(self, token: str, name: str) -> Download:
        """Return the download an agent may have of bundle `name`; see controller.jobs.agent_link.downloads.find."""
        own = self._installation
        return downloads.find(own.engine, own.tokens, own.config.bundles, token, name, own.now())

    def bundle_address(self, token: str, name: str) -> str:
        """Return where an agent fetches bundle `name` from now on; see controller.jobs.agent_link.downloads.address."""
        own = self._installation
        return downloads.address(own.config, own.engine, own.tokens, token, name, own.now())
