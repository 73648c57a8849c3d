"""The tables of the state database; times are unix seconds, JSON is stored as text."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db.columns import NAMES, OPTIONS, Id, Long, of_job

metadata = sa.MetaData(naming_convention=NAMES)


def _table(name: str, *columns: sa.Column[object] | sa.UniqueConstraint | sa.Index) -> sa.Table:
    return sa.Table(name, metadata, *columns, **OPTIONS)


operators = _table(
    "operators",
    sa.Column("user", sa.String(64), primary_key=True),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    #: Sessions of an earlier generation are over: each sign-out and each new password counts it up.
    sa.Column("generation", sa.Integer, nullable=False, server_default="0"),
    #: One of controller.db.identities.operators.ROLES.
    sa.Column("role", sa.String(20), nullable=False, server_default="administer"),
    #: The second factor: the app's secret, the last time step that was used, digests of recovery codes (JSON).
    sa.Column("totp_encrypted", Long),
    sa.Column("totp_last", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("recovery", Long),
    sa.Column("signed_in_at", sa.Double),
)
#: Sessions as operators see them; `generation` says which of them are valid.
operator_sessions = _table(
    "operator_sessions",
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("user", sa.String(64), nullable=False, index=True),
    sa.Column("began_at", sa.Double, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),
    sa.Column("address", sa.String(64), nullable=False, server_default=""),
)
#: Keys of signed requests; the secret is encrypted. `scope` is JSON: the key's permissions (null: everything).
api_keys = _table(
    "api_keys",
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("secret_encrypted", Long, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("scope", Long),
    #: Signed requests a minute; null: the default.
    sa.Column("rate", sa.Integer),
    sa.Column("used_at", sa.Double),
    #: A revoked key keeps its row: its name is in services, jobs and the audit log.
    sa.Column("revoked_at", sa.Double),
)
servers = _table(
    "servers",
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("panel", sa.String(20), nullable=False),
    sa.Column("url", sa.String(500), nullable=False, server_default=""),
    sa.Column("user", sa.String(64), nullable=False, server_default=""),
    sa.Column("token_encrypted", Long),
    sa.Column("ca_file", sa.String(500), nullable=False, server_default=""),
    sa.Column("settings", Long, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    #: Set after a refused login until one succeeds: the server is not called meanwhile.
    sa.Column("locked_at", sa.Double),
    sa.Column("locked_reason", sa.String(500), nullable=False, server_default=""),
    sa.Column("locked_told_at", sa.Double),
    #: The job whose alarm reports the lock, until that is delivered.
    sa.Column("locked_told_by", sa.String(40)),
    #: auto, cron, or empty: the default of its panel.
    sa.Column("start", sa.String(8), nullable=False, server_default=""),
    #: Outcome of the last attempt there to start an agent at once: {"way", "reason", "since", "at"}.
    sa.Column("start_learned", Long),
    #: Which row of agent_channels says what agent its accounts get.
    sa.Column("channel", sa.String(20), nullable=False, server_default="stable"),
)
#: Which agents accounts get, by the channel of their server. A channel without a row: the agent of this installation.
agent_channels = _table(
    "agent_channels",
    sa.Column("name", sa.String(20), primary_key=True),
    #: A kept agent (controller.agent_archive.versions); "": that of this installation.
    sa.Column("current", sa.String(64), nullable=False, server_default=""),
    #: The agent being rolled out, the share of jobs that get it (percent), and since when.
    sa.Column("next", sa.String(64), nullable=False, server_default=""),
    sa.Column("share", sa.Integer, nullable=False, server_default="0"),
    sa.Column("began_at", sa.Double),
    #: When the roll-out stopped by itself, and why; the operator's alarm as jobs.alarm.
    sa.Column("stopped_at", sa.Double),
    sa.Column("reason", sa.String(500), nullable=False, server_default=""),
    sa.Column("alarm", sa.String(10), nullable=False, server_default=""),
)
#: Breakers of servers whose last call failed (`machines/breakers.py`). A row goes with the next answer, or its server.
server_breakers = _table(
    "server_breakers",
    sa.Column("server", sa.String(63), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("failed_at", sa.Double, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False, server_default=""),
    sa.Column("opened", sa.Integer, nullable=False, server_default="0"),
    #: Set while it is open: when the next call is made.
    sa.Column("next_at", sa.Double),
    sa.Column("probe_by", sa.String(64)),
    sa.Column("probe_until", sa.Double),
    sa.Column("alarmed_at", sa.Double),
)
#: How many jobs of a server are moved at once, over all processes: each number is a lease (`machines/slots.py`).
server_slots = _table(
    "server_slots",
    sa.Column("server", sa.String(63), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String(64)),
    sa.Column("until", sa.Double),
)
bundles = _table(
    "bundles",
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("manifest_sha256", sa.String(64), nullable=False),
    sa.Column("application", sa.String(64), nullable=False),
    sa.Column("version", sa.String(64), nullable=False),
    sa.Column("added_at", sa.Double, nullable=False),
    #: Null: added before bundles had variants.
    sa.Column("variants", Long),
    #: What the bundle makes, as clients call it (controller.product_kind).
    sa.Column("noun", sa.String(20), nullable=False, server_default="shop"),
    #: Whether the bundle supports shops below a folder of their domain.
    sa.Column("folders", sa.Boolean, nullable=False, server_default=sa.false()),
    #: Languages that orders may choose. Null: added before these were stored, or there is no limit.
    sa.Column("languages", Long),
    sa.Column("currencies", Long),
    #: Bought: accounts without a job may not copy it.
    sa.Column("paid", sa.Boolean, nullable=False, server_default=sa.false()),
    #: The bundle's key in the object store of section [bundle_store]; null: agents fetch it from the controller.
    sa.Column("store_key", sa.String(300)),
)
#: `version` counts every change (compare-and-set). `domain_key` and `account_key` are set while the job may still touch
#: domain and account, null afterwards: their uniqueness keeps two jobs apart. `order_key` identifies the order, so that
#: a repeated order is one job.
jobs = _table(
    "jobs",
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(20), nullable=False),
    #: Of a follow-up job: the job that restored the shop.
    sa.Column("parent", sa.String(40), index=True),
    #: What follow-up jobs need of the bundle, as of the restore; in a follow-up job its own part.
    sa.Column("later", Long),
    sa.Column("source", sa.String(20), nullable=False),
    #: The key that signed the order; service ids are unique within a key. "": an operator's order.
    sa.Column("signed_by", sa.String(64), nullable=False, server_default=""),
    sa.Column("service_id", sa.String(64), index=True),
    sa.Column("server", sa.String(63), nullable=False),
    sa.Column("bundle", sa.String(63), nullable=False),
    sa.Column("domain", sa.String(253), nullable=False),
    #: The folder of the domain below which the shop lives, without slashes around; "" for its root.
    sa.Column("folder", sa.String(64), nullable=False, server_default=""),
    sa.Column("email", sa.String(254), nullable=False),
    sa.Column("account", sa.String(32), nullable=False),
    sa.Column("language", sa.String(2), nullable=False),
    sa.Column("order", Long, nullable=False),
    sa.Column("order_key", sa.String(64), unique=True),
    sa.Column("domain_key", sa.String(64), unique=True),
    sa.Column("account_key", sa.String(64), unique=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("step", sa.String(30)),
    sa.Column("stage", sa.String(30)),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("percent", sa.Integer, nullable=False, server_default="0"),
    sa.Column("version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("error", Long),
    #: The job's private values, encrypted; null once they are delivered.
    sa.Column("secrets_encrypted", Long),
    #: What the panel and the agent reported: home, root, database names, cron interval …
    sa.Column("facts", Long, nullable=False),
    #: stage -> {"state", "seconds", …} of the agent's current attempt
    sa.Column("progress", Long, nullable=False),
    sa.Column("lock_name", sa.String(60), nullable=False),
    #: Whether the operator was alarmed of the failure: "", "wanted" (not delivered yet), "told".
    sa.Column("alarm", sa.String(10), nullable=False, server_default=""),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("updated_at", sa.Double, nullable=False),
    sa.Column("dropped_at", sa.Double),
    sa.Column("expires_at", sa.Double),
    sa.Column("heard_at", sa.Double),
    #: The agent's stored reports: their number and their bytes.
    sa.Column("events_kept", sa.Integer, nullable=False, server_default="0"),
    sa.Column("events_bytes", sa.BigInteger, nullable=False, server_default="0"),
    #: When the rate limits of its reports and of its heartbeats are unused again (controller.jobs.agent_link.rates).
    sa.Column("reports_until", sa.Double),
    sa.Column("heartbeats_until", sa.Double),
    sa.Column("lease_owner", sa.String(64)),
    sa.Column("lease_until", sa.Double),
    #: When billing ended the service of a shop that was live.
    sa.Column("ended_at", sa.Double),
    #: When the worker checks next; null: only an event or an operator moves the job on.
    sa.Column("wake_at", sa.Double, index=True),
    #: Retention: when details of the job as it is now were removed, and when its client's data were erased.
    sa.Column("pruned_at", sa.Double),
    sa.Column("forgotten_at", sa.Double),
    #: Instead of `later`, once details were removed: the row of follow_up_parts that many jobs share.
    sa.Column("parts", sa.String(64)),
    #: The agent that was placed last (its version); null: placed by an earlier version of Shoplaunch, or none yet.
    sa.Column("agent", sa.String(64)),
    # Lists start with the last change, of all jobs or of one state; orders query a server's account
    sa.Index("ix_jobs_updated_at_id", "updated_at", "id"),
    sa.Index("ix_jobs_state_updated_at_id", "state", "updated_at", "id"),
    sa.Index("ix_jobs_server_updated_at", "server", "updated_at"),
    sa.Index("ix_jobs_server_wake_at", "server", "wake_at"),
    sa.Index("ix_jobs_server_account", "server", "account"),
    sa.Index("ix_jobs_server_domain", "server", "domain"),
    sa.Index("ix_jobs_alarm", "alarm"),
    sa.Index("ix_jobs_pruned_at_updated_at", "pruned_at", "updated_at"),
    sa.Index("ix_jobs_forgotten_at_ended_at", "forgotten_at", "ended_at"),
)
#: `jobs.later` without what is the job's own, by the SHA-256 of the content.
follow_up_parts = _table(
    "follow_up_parts", sa.Column("digest", sa.String(64), primary_key=True), sa.Column("content", Long, nullable=False)
)
#: What retention removed of each kind (controller.jobs.retention.registry), and how old the oldest is that is left. Row
#: "sweep" is the lease of the one process that removes; its `at` is when a sweep was last complete.
retention = _table(
    "retention",
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("removed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("oldest_at", sa.Double),
    sa.Column("at", sa.Double),
    sa.Column("owner", sa.String(64)),
    sa.Column("until", sa.Double),
)
#: What is done again and again without being asked and failed last; `well_at`: since when it is done again.
failing_duties = _table(
    "failing_duties",
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("failed_at", sa.Double, nullable=False),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("message", sa.String(500), nullable=False, server_default=""),
    *(sa.Column(name, sa.Double) for name in ("alarmed_at", "claimed_at", "well_at")),
)
#: How the agents of finished jobs were started. `waited`: seconds from the cron line to the first report; `worked`:
#: the other seconds of a shop made in one attempt.
agent_starts = _table(
    "agent_starts",
    of_job(primary=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("server", sa.String(63), nullable=False),
    sa.Column("bundle", sa.String(63), nullable=False),
    sa.Column("way", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False, server_default=""),
    sa.Column("waited", sa.Double),
    sa.Column("worked", sa.Double),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("ix_agent_starts_server_bundle_at", "server", "bundle", "at"),
)
#: Billing's events of its services, in any order; `wanted` is the newest `module_created`.
services = _table(
    "services",
    #: The key that signed the events: two billing systems may use the same service ids.
    sa.Column("signed_by", sa.String(64), primary_key=True, server_default=""),
    sa.Column("service_id", sa.String(64), primary_key=True),
    sa.Column("order_id", sa.String(64)),
    sa.Column("client_id", sa.String(64)),
    sa.Column("module_created_at", sa.Double),
    sa.Column("accepted_at", sa.Double),
    sa.Column("terminated_at", sa.Double),
    sa.Column("wanted", Long),
    #: Why no job could be made of the service.
    sa.Column("error", Long),
    sa.Column("updated_at", sa.Double, nullable=False),
)
#: Refused signed orders. `order_key` identifies a repeated order; `document` is stored while it can be sent again.
refused_orders = _table(
    "refused_orders",
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("order_key", sa.String(64), nullable=False, unique=True),
    #: The source, billing's events (billing_events.SOURCE) or orders ("api"), and the key that signed ("": unknown).
    sa.Column("source", sa.String(20), nullable=False),
    sa.Column("signed_by", sa.String(64), nullable=False, server_default=""),
    sa.Column("service_id", sa.String(64), index=True),
    sa.Column("domain", sa.String(253), nullable=False, server_default="", index=True),
    sa.Column("bundle", sa.String(63), nullable=False, server_default=""),
    sa.Column("document", Long),
    sa.Column("error", Long, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False, server_default="1"),
    sa.Column("first_at", sa.Double, nullable=False),
    sa.Column("last_at", sa.Double, nullable=False),
    #: As jobs.alarm, or a unix second: the alarm is wanted from then on; until then it waits, or is being delivered.
    sa.Column("alarm", sa.String(10), nullable=False, server_default=""),
    #: How it was settled: "job", "dismissed", "terminated".
    sa.Column("settled", sa.String(20), nullable=False, server_default=""),
    sa.Column("settled_at", sa.Double, index=True),
    sa.Column("job", sa.String(40)),
)
#: Signs of life of the workers' loops, by the database's clock.
workers = _table(
    "workers",
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("started_at", sa.Double, nullable=False),
    sa.Column("beat_at", sa.Double, nullable=False),
    #: Since it started: claims of jobs, those that missed, and hints that came; beside a broker, in a row of its own
    #: (controller.db.machines.workers.BROKER): messages that were ignored, and hints of the broker.
    sa.Column("claims", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("missed", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("hints", sa.BigInteger, nullable=False, server_default="0"),
    #: Patterns of the servers that are its own; "": all.
    sa.Column("serves", sa.String(500), nullable=False, server_default=""),
)
steps = _table(
    "steps",
    of_job(primary=True),
    sa.Column("name", sa.String(30), primary_key=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    #: Consecutive failures that were repeated automatically.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("started_at", sa.Double),
    sa.Column("finished_at", sa.Double),
    sa.Column("not_before", sa.Double),
    sa.Column("error", Long),
    sa.Column("note", sa.String(500), nullable=False, server_default=""),
)
events = _table(
    "events",
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    of_job(primary=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("seq", sa.Integer, nullable=False, server_default="0"),
    sa.Column("event", sa.String(20), nullable=False),
    sa.Column("stage", sa.String(20)),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("received_at", sa.Double, nullable=False),
    sa.Column("body", Long, nullable=False),
    sa.UniqueConstraint("job", "attempt", "seq"),
)
#: Salted fingerprints of the secrets of all shops ever made: no two may be the same.
fingerprints = _table(
    "fingerprints",
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("job", sa.String(40), nullable=False, index=True),
    sa.Column("name", sa.String(64), nullable=False),
)
certificates = _table(
    "certificates",
    of_job(primary=True),
    sa.Column("signed", Long, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)
#: The longest name in the audit log is "key " followed by a key's name.
AUDIT_NAME_CHARS = 80
audit = _table(
    "audit",
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("user", sa.String(AUDIT_NAME_CHARS), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("job", sa.String(40)),
    sa.Column("detail", sa.String(500), nullable=False, server_default=""),
)
#: One row per signed event: a fingerprint of the request, and the first answer once it is known.
answers = _table(
    "answers",
    sa.Column("event", sa.String(110), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("content_type", sa.String(100), nullable=False, server_default=""),
    sa.Column("body", Long, nullable=False),
    sa.Column("claimed_at", sa.Double, nullable=False, index=True),
)
used_signatures = _table(
    "used_signatures",
    sa.Column("signature", sa.String(80), primary_key=True),
    sa.Column("at", sa.Double, nullable=False, index=True),
    sa.Column("signed_by", sa.String(64), nullable=False, server_default=""),
    # A key's rate limit counts these rows
    sa.Index("ix_used_signatures_signed_by_at", "signed_by", "at"),
)
login_failures = _table(
    "login_failures",
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("at", sa.Double, nullable=False, index=True),
    sa.Index("ix_login_failures_subject_at", "subject", "at"),
)
