"""What the web and the command line may do with jobs: one object, thin over the modules that do it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from controller.access import passwords, second_factor
from controller.billing.base import Billing
from controller.billing.channels import Way, channels
from controller.config import Config
from controller.db import jobs, servers, steps
from controller.db import refused_orders as refused_rows
from controller.db.connection.clock import Clock, DatabaseClock
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.connection.group_commit import Together
from controller.db.identities import access, api_keys, operators, sessions
from controller.db.identities.access import Note
from controller.db.identities.api_keys import ApiKey
from controller.db.identities.logins import LoginThrottle
from controller.db.jobs import Job
from controller.db.migrate import revisions
from controller.db.refused_orders import RefusedOrder
from controller.db.servers import Server
from controller.jobs.agent_link import agent_events, downloads, rates
from controller.jobs.agent_link.downloads import Download
from controller.jobs.engine import alarms, follow_up, interventions
from controller.jobs.engine.health import Health, Readiness
from controller.jobs.engine.worker import Worker
from controller.jobs.intake import chores, placing, resending, view
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.jobs.lifecycle.step_context import Tools
from controller.jobs.lifecycle.tokens import Tokens
from controller.jobs.lifecycle.wakeup import Wakeup
from controller.jobs.shop import certificate, credentials
from controller.keys import Keys, load_keys
from controller.panels.base import Panel
from controller.panels.registry import open_panel
from shared.errors import ShoplaunchError

MANY = 1000


class Service:
    """The installation's jobs. Every method raises ShoplaunchError; times are unix seconds of `clock`, by
    default the database's."""

    def __init__(
        self,
        config: Config,
        engine: sa.Engine,
        keys: Keys,
        *,
        panel_of: Callable[[Config, Server], Panel] = open_panel,
        billing: Billing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.engine = engine
        self.keys = keys
        self.bundles = Bundles(config, engine)
        self._panel_of = panel_of
        self._clock = clock = clock or DatabaseClock(engine)
        self._tokens = Tokens(keys.tokens, clock, config.job_hours)
        self._billing: Way = channels(config, clock, self._key_names)
        if billing is not None:
            self._billing = lambda _source, _key: billing
        self._together = Together(engine)
        self._gate = rates.ReportLimiter(clock)
        self.wakeup = Wakeup(config.wakeups)
        self._readiness = Readiness(engine, clock)
        self._throttle = LoginThrottle(engine, clock)
        # A wrong user costs as much time as a wrong password
        self._nobody = passwords.hashed("nobody")

    # -- orders and jobs -----------------------------------------------------------------------------------------

    def place_order(self, order: Mapping[str, Any], source: str, signed_by: str = "", note: Note | None = None) -> Job:
        """Return the order's job; see controller.jobs.intake.placing.place."""
        return self._hinted(placing.place(self.engine, order, source, signed_by, self._clock(), note))

    def _key_names(self) -> list[str]:
        with reading(self.engine) as connection:
            return api_keys.names(connection)

    def _hinted(self, job: Job) -> Job:
        self.wakeup.notify()
        return job

    def now(self) -> float:
        """Return the time as this service sees it, in unix seconds."""
        return self._clock()

    def get_job(self, job_id: str) -> Job:
        """Return the job. Raises job_unknown."""
        with reading(self.engine) as connection:
            return jobs.get(connection, job_id)

    def list_jobs(self, state: str | None = None, limit: int = MANY, offset: int = 0) -> list[Job]:
        """Return jobs, the last changed first."""
        with reading(self.engine) as connection:
            return jobs.listed(connection, state, limit, offset)

    def count_jobs(self) -> dict[str, int]:
        """Return state -> number of jobs."""
        with reading(self.engine) as connection:
            return jobs.counts(connection)

    def find_service(self, service_id: str) -> Job:
        """Return the newest job of a billing's service, or the job of that id. Raises service_unknown."""
        with reading(self.engine) as connection:
            job = jobs.find_service(connection, service_id, None)
        if job is None:
            raise ShoplaunchError("service_unknown", f"there is no job of service {service_id[:64]!r}")
        return job

    def job_by_status_token(self, token: str) -> Job:
        """Return the job whose client page this is. Raises status_unknown."""
        try:
            return self.get_job(self._tokens.read_status(token))
        except ShoplaunchError as error:
            if error.code != "job_unknown":
                raise
            raise ShoplaunchError("status_unknown", "the address is not one of ours") from None

    def job_by_credentials_token(self, token: str) -> tuple[Job, str]:
        """Return (the job whose client's password waits there, the link's nonce). Raises credentials_gone."""
        job_id, nonce = self._tokens.read_credentials(token)
        return credentials.job_of(self.engine, job_id, nonce), nonce

    def service_status(self, job: Job) -> dict[str, Any]:
        """Return the document of shared/schemas/service.json."""
        return self.service_statuses([job])[0]

    def service_statuses(self, many: Sequence[Job]) -> list[dict[str, Any]]:
        """Return the documents of shared/schemas/service.json of several jobs."""
        with reading(self.engine) as connection:
            rows = steps.of_jobs(connection, [job.id for job in many])
        base = f"{self.config.public_url.rstrip('/')}/status/"
        return [view.service_status(job, rows[job.id], base + self._tokens.for_status(job.id)) for job in many]

    def agent_view(self, job: Job) -> dict[str, Any]:
        """Return {"heard_at", "in_trouble", "expected_seconds", "stages": [...]} of the job's agent."""
        return view.agent(job, self._clock())

    def check_agent(self, token: str) -> None:
        """Raise ShoplaunchError `token_invalid` when `token` is no agent's; whether it counts is not looked at."""
        self._tokens.read_agent(token)

    def record_event(self, token: str, event: Mapping[str, Any], size: int = 0) -> int:
        """Take an agent's event of `size` bytes; return the job's attempt. See agent_events.record."""
        holder = self._tokens.read_agent(token)
        self._gate.spend(holder.job, holder.attempt, event.get("event"), size)
        attempt = agent_events.record(self._together, holder, event, size, self._clock())
        if event["event"] in agent_events.MOVING:
            self.wakeup.notify()
        return attempt

    def download(self, token: str, name: str) -> Download:
        """Return the download an agent may have of bundle `name`; see controller.jobs.agent_link.downloads.find."""
        return downloads.find(self.engine, self._tokens, self.config.bundles, token, name, self._clock())

    def retry(self, job_id: str, step: str | None = None, note: Note | None = None) -> Job:
        """Run the failed step again; see controller.jobs.engine.interventions.retry."""
        return self._hinted(interventions.retry(self.engine, self.keys, job_id, step, self._clock(), note))

    def cancel(self, job_id: str, note: Note | None = None) -> Job:
        """Cancel the job; see controller.jobs.engine.interventions.cancel."""
        return self._hinted(interventions.cancel(self.engine, job_id, self._clock(), note))

    def undo_cancel(self, job_id: str, note: Note | None = None) -> Job:
        """Take the cancellation back; see controller.jobs.engine.interventions.undo_cancel."""
        return self._hinted(interventions.undo_cancel(self.engine, job_id, self._clock(), note))

    def start_kind(self, parent_id: str, kind: str, given: Mapping[str, str], note: Note | None = None) -> Job:
        """Return the open later job of `kind` on the shop of job `parent_id`; see follow_up.start."""
        parent = self.get_job(parent_id)
        job = follow_up.start(self.engine, self.keys, self.bundles, parent, kind, given, self._clock(), note)
        if kind == follow_up.SET_ADMIN_PASSWORD:
            # What still waits behind a link is about to be wrong
            credentials.withdraw(self.engine, parent_id, self._clock())
        return self._hinted(job)

    def later_jobs(self, job_id: str) -> list[Job]:
        """Return the later jobs on the shop of job `job_id`, newest first."""
        with reading(self.engine) as connection:
            return jobs.children(connection, job_id)

    def certificate(self, job_id: str) -> dict[str, Any]:
        """Return the birth certificate's content, its signature checked. Raises certificate_missing, job_unknown."""
        return certificate.read(self.signed_certificate(job_id), self.keys.public_keys())

    def signed_certificate(self, job_id: str) -> str:
        """Return the birth certificate as it was signed. Raises certificate_missing, job_unknown."""
        return certificate.kept(self.engine, self.get_job(job_id))

    def worker(self, end: Callable[[str], None] | None = None) -> Worker:
        """Return a worker of this installation; see controller.jobs.engine.worker.Worker for `end`."""
        return Worker(self.engine, self.tools_for, self._clock, functools.partial(chores.run, self), end, self.wakeup)

    def advance(self, job_id: str) -> bool:
        """Move the job on as far as it goes now; False when somebody else is at it."""
        return self.worker().advance(job_id)

    def tools_for(self, job: Job) -> Tools:
        """Return what steps of this job work with."""
        return Tools(
            self.config,
            self.engine,
            self.keys,
            self._tokens,
            self.bundles,
            self._billing(job.source, job.signed_by),
            lambda: self.panel(job.server),
            self._clock,
        )

    # -- what needs somebody -----------------------------------------------------------------------------------------

    def health(self) -> Health:
        """Return how the installation is, or was a few seconds ago."""
        return self._readiness.current()

    def known_health(self) -> Health | None:
        """Return what was last looked at for others, None when that is long ago; nothing is asked."""
        return self._readiness.known()

    def list_refused(self, limit: int = MANY, *, settled: bool = False) -> list[RefusedOrder]:
        """Return the refused orders that are open, the last refused first; with `settled` all that are kept."""
        with reading(self.engine) as connection:
            return refused_rows.listed(connection, limit, settled=settled)

    def get_refused(self, number: int) -> RefusedOrder:
        """Return the refused order. Raises refused_unknown."""
        with reading(self.engine) as connection:
            return refused_rows.get(connection, number)

    def resend(self, number: int, user: str = "") -> Job | None:
        """Send the refused order again, as `user` asks; see controller.jobs.intake.resending.send."""
        return resending.send(self, number, user)

    def dismiss_refused(self, number: int, user: str = "") -> None:
        """The refused order needs nobody any more, as `user` says; see controller.jobs.intake.resending.dismiss."""
        resending.dismiss(self.engine, number, user, self._clock())

    def undelivered_alarms(self, limit: int = MANY) -> list[dict[str, Any]]:
        """Return the alarms of jobs that are not delivered; see controller.jobs.engine.alarms.undelivered."""
        return alarms.undelivered(self.engine, limit)

    def billing_of(self, source: str) -> Billing:
        """Return how people are told of orders from `source`."""
        return self._billing(source, "")

    # -- servers ---------------------------------------------------------------------------------------------------

    def panel(self, server: str) -> Panel:
        """Return the server's panel. Raises server_unknown, config_invalid."""
        with reading(self.engine) as connection:
            found = servers.get(connection, server)
        return self._panel_of(self.config, found)

    def list_servers(self) -> list[Server]:
        """Return the servers by name."""
        with reading(self.engine) as connection:
            return servers.listed(connection)

    # -- people and machines that ask --------------------------------------------------------------------------------

    def check_login(self, user: str, password: str, address: str, device: str = "", code: str = "") -> bool:
        """Tell whether this is an operator's password, and the code that of their app where they have a second factor;
        `device` has signed in as the user before ("": it has not).

        Raises login_throttled after too many failures.
        """
        self._throttle.begin(user, address, device)
        accepted = self._is_password(user, password)
        if accepted and second_factor.may_be_guessed(self.engine, user, code):
            self._throttle.begin_code(user, device)
        if accepted and not second_factor.accepts(self.engine, self.keys, user, code, self._clock()):
            # Somebody knows the password
            self.audit(user, "code wrong", None, address)
            accepted = False
        if accepted:
            self._throttle.succeeded(user, address, device)
            self.audit(user, "login", None, address)
        return accepted

    def check_password(self, user: str, password: str, address: str, device: str = "") -> bool:
        """Tell whether this is the password of the operator, who is signed in; a wrong one is noted.

        Raises login_throttled.
        """
        self._throttle.begin(user, address, device)
        accepted = self._is_password(user, password)
        if accepted:
            self._throttle.succeeded(user, address, device)
        else:
            self.audit(user, "password wrong", None, address)
        return accepted

    def _is_password(self, user: str, password: str) -> bool:
        with reading(self.engine) as connection:
            known = access.password_hash(connection, user)
        return passwords.is_right(known or self._nobody, password) and known is not None

    def begin_session(self, user: str, address: str) -> str:
        """Note that the operator has signed in; return the session's number."""
        now = self._clock()
        return transact(self.engine, lambda connection: sessions.begin(connection, user, address, now))

    def session_seen(self, number: str) -> None:
        """The session is in use now."""
        now = self._clock()
        transact(self.engine, lambda connection: sessions.seen(connection, number, now))

    def session_generation(self, user: str) -> int | None:
        """Return which sessions of the operator count, None when there is no such operator."""
        with reading(self.engine) as connection:
            return access.generation(connection, user)

    def role(self, user: str) -> str:
        """Return what the operator may do. Raises user_unknown."""
        with reading(self.engine) as connection:
            return operators.role(connection, user)

    def sign_out(self, user: str, address: str) -> None:
        """Every session of the operator is over, on every device, as who is at `address` asks."""

        def work(connection: sa.Connection) -> None:
            access.end_sessions(connection, user)
            access.add_audit(connection, self._clock(), user, "logout", None, address)

        transact(self.engine, work)

    def signing_secret(self, key: str) -> bytes | None:
        """Return the secret of a billing system's key, None when there is no such key."""
        with reading(self.engine) as connection:
            encrypted = api_keys.secret(connection, key)
        return None if encrypted is None else self.keys.decrypt(encrypted).encode("ascii")

    def key(self, name: str) -> ApiKey:
        """Return what a billing system's key may do. Raises key_unknown."""
        with reading(self.engine) as connection:
            return api_keys.get(connection, name)

    def audit(self, user: str, action: str, job: str | None = None, detail: str = "") -> int:
        """Note who did what; return the row's number."""
        now = self._clock()
        return transact(self.engine, lambda connection: access.add_audit(connection, now, user, action, job, detail))

    def complete_audit(self, number: int, job: str | None, detail: str) -> None:
        """The row that was written before what it is about says what came of it, too."""
        transact(self.engine, lambda connection: access.complete_audit(connection, number, job, detail))

    def list_audit(self, limit: int, offset: int, user: str | None = None) -> list[sa.Row[Any]]:
        """Return the audit log's entries (at, user, action, job, detail), newest first; those of `user` alone where
        it is given."""
        with reading(self.engine) as connection:
            return access.list_audit(connection, limit, offset, user)

    def count_audit(self, user: str | None = None) -> int:
        """Return how many entries the audit log has; those of `user` alone where it is given."""
        with reading(self.engine) as connection:
            return access.count_audit(connection, user)

    def ping(self) -> None:
        """Raise database_busy when the database does not answer, not_initialised when it is of another version."""
        revision, newest = revisions(self.engine)
        if revision != newest:
            raise ShoplaunchError("not_initialised", "the database lacks this version's tables")


def open_service(config: Config) -> Service:
    """Return the installation's service. Raises not_initialised, config_invalid, database_busy."""
    keys = load_keys(config.keys)
    service = Service(config, make_engine(config.database_url), keys)
    service.ping()
    return service
