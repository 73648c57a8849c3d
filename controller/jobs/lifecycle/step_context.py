"""What a step gets and what it returns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from controller.account import Account
from controller.billing.base import Billing
from controller.db import events, facts, job_context, jobs, proofs
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading, transact
from controller.db.documents import FollowUpParts, JobColumns
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.db.machines.channels import Channel
from controller.db.machines.servers import Server
from controller.jobs.lifecycle import states
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.jobs.lifecycle.lease import Lease
from controller.jobs.lifecycle.panel_access import held_panel
from controller.jobs.record.tokens import Tokens
from controller.keys import Keys
from controller.panels.base import Panel
from controller.settings.sections import Config
from shared.errors import ShoplaunchError
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Manifest


class AgentProof(NamedTuple):
    """What the agent of an attempt has proved: its evidence, {} before its final report, and the fingerprints of the
    shop's secrets by their names."""

    attempt: int
    evidence: Mapping[str, object]
    fingerprints: Mapping[str, str]

    @classmethod
    def of(cls, connection: sa.Connection, job: Job) -> AgentProof:
        """Return that of the job's attempt."""
        evidence = events.final_evidence(connection, job.id, job.attempt)
        return cls(job.attempt, evidence, proofs.fingerprints_of(connection, job.id))


class JobContext(NamedTuple):
    """A job's server and bundle, and its server's channel; None where there is none by that name. `proof` is there for
    a job whose agent is done."""

    server: Server | None
    bundle: Bundle | None
    channel: Channel | None = None
    proof: AgentProof | None = None

    @classmethod
    def of(cls, connection: sa.Connection, job: Job) -> JobContext:
        """Return those of the job."""
        proof = None
        if job.state == states.FINISHING:
            # The step that needs a damaged one fails, not the claim
            with suppress(TypeError, ValueError):
                proof = AgentProof.of(connection, job)
        return cls(*job_context.of_job(connection, job.id), proof)


@dataclass(frozen=True)
class Tools:
    """What the installation gives to every step."""

    config: Config
    engine: sa.Engine
    keys: Keys
    tokens: Tokens
    bundles: Bundles
    billing: Billing
    open_panel: Callable[[Server], Panel]
    clock: Callable[[], float]
    #: The job they are for, as it was when they were made.
    job: Job
    #: The lease of the job being worked on: its data is written only while the lease is held.
    lease: Lease | None = None
    #: What was read together with the job.
    known: JobContext | None = None

    #: The opened panel: steps side by side share one, which is known by it as the probe of a server that fails.
    _opened: list[Panel] = field(init=False, default_factory=list, repr=False, compare=False)
    _opening: threading.Lock = field(init=False, default_factory=threading.Lock, repr=False, compare=False)

    _looked_up: list[JobContext] = field(init=False, default_factory=list, repr=False, compare=False)

    @property
    def bundle(self) -> Bundle:
        """The job's bundle, looked up once in one go. Raises bundle_unknown."""
        return self._job_context.bundle or self.bundles.get(self.job.bundle)

    @property
    def server(self) -> Server:
        """The job's server, looked up once in one go. Raises server_unknown."""
        found = self._job_context.server
        if found is None:
            raise ShoplaunchError("server_unknown", f"there is no server {self.job.server[:80]!r}")
        return found

    @property
    def channel(self) -> Channel:
        """Which agent accounts of the job's server get."""
        return self._job_context.channel or Channel(self.server.channel)

    def proof_of(self, job: Job) -> AgentProof:
        """Return what the agent of the job's attempt has proved, as it was read with the job where it was done then.

        Raises database_busy.
        """
        known = None if self.known is None else self.known.proof
        if known is not None and known.attempt == job.attempt:
            return known
        with reading(self.engine) as connection:
            return AgentProof.of(connection, job)

    @property
    def _job_context(self) -> JobContext:
        if self.known is not None:
            return self.known
        if not self._looked_up:
            with reading(self.engine) as connection:
                self._looked_up.append(JobContext.of(connection, self.job))
        return self._looked_up[0]

    @property
    def panel(self) -> Panel:
        """Return the panel of the job's server, opened at first use.

        Raises server_unknown, config_invalid, and controller.jobs.lifecycle.lease.Lost, as each of the panel's calls
        does, when this process stood still until another worker got the job: it calls no panel then.
        """
        if self.lease is not None:
            self.lease.require_current()
        with self._opening:
            if not self._opened:
                opened = self.open_panel(self.server)
                self._opened.append(opened if self.lease is None else held_panel.held(opened, self.lease))
            return self._opened[0]

    def check(self, job: Job) -> None:
        """Raise controller.jobs.lifecycle.lease.Lost when another worker holds `job`, read with its lock, by now."""
        if self.lease is not None:
            self.lease.check(job)

    def require_lease(self) -> None:
        """Raise controller.jobs.lifecycle.lease.Lost unless the job is still held; call it before notifying people.

        Raises database_busy.
        """
        if self.lease is not None:
            self.lease.require()


@dataclass(frozen=True)
class Work:
    """One run of a step: the job as it is now, its private values, the installation's tools."""

    job: Job
    private: Mapping[str, str] = field(repr=False)
    tools: Tools

    @property
    def account(self) -> Account:
        """The account as step `account` found it."""
        if self.facts.account is None:
            raise ShoplaunchError("account_missing", "the account was not looked up yet")
        return self.facts.account

    @property
    def facts(self) -> Facts:
        """What is known of the job, as it was read."""
        return facts.of(self.job)

    @property
    def latest(self) -> Job:
        """Return the job with what steps side by side have noted since this one began. Raises database_busy."""
        lease = self.tools.lease
        if lease is not None and lease.latest is not None:
            return lease.latest
        with reading(self.tools.engine) as connection:
            return jobs.get(connection, self.job.id)

    @property
    def bundle(self) -> Bundle:
        """Return the job's bundle, looked up once in one go. Raises bundle_unknown."""
        return self.tools.bundle

    def remember(self, change: Callable[[Facts], Facts]) -> Job:
        """Write facts before the action they describe: a worker that goes on after an interruption finds them. Return
        the job after that.

        Raises database_busy, controller.jobs.lifecycle.lease.Lost.
        """
        lease = self.tools.lease
        if lease is None:
            return self._remember(change, None)[1]
        with lease.noting:
            before, after = self._remember(change, lease.latest)
            lease.left_steps_alone(before, after)
        return after

    def _remember(self, change: Callable[[Facts], Facts], known: Job | None) -> tuple[Job, Job]:
        """Note it, for the job is as `known`; return it as it was, and as it is now."""
        try:
            return transact(self.tools.engine, lambda connection: self._noted(connection, change, known))
        except jobs.Conflict:
            # Another process has changed it since
            return transact(self.tools.engine, lambda connection: self._noted(connection, change, None))

    def _noted(self, connection: sa.Connection, change: Callable[[Facts], Facts], known: Job | None) -> tuple[Job, Job]:
        """Change the facts of the job, which is as `known`; return it as it was, and as it is now. Raises Conflict."""
        if (job := known) is None:
            job = jobs.get(connection, self.job.id, lock=True)
            self.tools.check(job)
        return job, jobs.update(connection, job, self.tools.clock(), **facts.column(change(facts.of(job))))

    @property
    def follow_up(self) -> FollowUpParts:
        """What a follow-up job got from its shop's bundle."""
        return self.job.later or {}

    @property
    def is_back(self) -> bool:
        """Return whether a follow-up job is rolling back its change."""
        return self.facts.direction == "back"

    @property
    def database_names(self) -> tuple[str, str]:
        """(database, user): the shop's own; for a follow-up job a user of that job alone."""
        panel, account = self.tools.panel, self.account
        name, user = panel.database_names(account)
        return (name, user) if self.job.kind == RESTORE else (name, panel.temporary_user(account, self.job.id))

    def manifest(self) -> Manifest:
        """Return the bundle's manifest. Raises bundle_*."""
        return self.tools.bundles.manifest(self.bundle)


@dataclass(frozen=True)
class Outcome:
    """The result of a finished step: `learned` changes the job's facts; columns of the job; a note for people.

    `effect(connection)` runs in the transaction that marks the step done. `skipped`: there was nothing to do, and the
    note says why.
    """

    learned: Callable[[Facts], Facts] | None = None
    columns: JobColumns = field(default_factory=JobColumns)
    note: str = ""
    skipped: bool = False
    effect: Callable[[sa.Connection], None] | None = None


class StepWaits(Exception):
    """The step waits for something that is on its way; nothing failed. `learned` changes the job's facts, in the
    transaction that notes the waiting."""

    def __init__(self, seconds: float, note: str, learned: Callable[[Facts], Facts] | None = None) -> None:
        super().__init__(note)
        self.seconds = seconds
        self.note = note
        self.learned = learned
