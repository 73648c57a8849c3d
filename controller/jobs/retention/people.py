"""What names a client, and its erasure: a job keeps its id, its figures and its certificate's, and nobody's data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import facts, jobs, proofs
from controller.db.documents import JobColumns
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.db.orders import refused_orders
from controller.db.tables import answers, audit, certificates, events, server_breakers, servers, services
from controller.db.tables import refused_orders as refused
from controller.db.upkeep import retention as rows
from controller.jobs.agent_link.job_file import signed
from controller.jobs.lifecycle import living
from controller.jobs.retention import details, naming
from controller.jobs.retention.naming import Client
from controller.jobs.shop import certificate
from controller.keys import Keys
from shared.errors import ShoplaunchError
from shared.signing import PURPOSE_CERTIFICATE

if TYPE_CHECKING:
    from shared.documents import Certificate, Error

#: The domain and the account of a job whose client's data are gone; {} is the job's id. Each is no other job's.
DOMAIN, ACCOUNT = "{}.forgotten.invalid", "gone_{}"
#: What a certificate says of the work alone.
_FIGURES = (
    "job", "server", "attempt", "issued_at", "bundle", "bytes_read", "bytes_written", "sql_bytes", "peak_memory_bytes",
    "agent", "python", "started_by", "start_reason", "start_waited_seconds", "stages", "fingerprints",
)  # fmt: skip
FORGOTTEN = "service_forgotten"


def erase(connection: sa.Connection, keys: Keys, job: Job, now: float) -> int:
    """Erase the data of the client of `job`, which is over and locked, and of its follow-up jobs; return how many rows
    that were."""
    shop = living.of(job)
    gone = 0
    for other in jobs.restores_at(connection, job):
        # The shop that is erased replaced this one, whose end was not noted: nothing would show it afterwards
        if other.id != job.id and living.of(other).lives and living.successor(living.of(other), [shop]) is not None:
            jobs.update(
                connection, jobs.get(connection, other.id, lock=True), now, ended_at=now, alarm="", wake_at=None
            )
    for one in (job, *jobs.follow_ups(connection, job.id)):
        gone += _scrub(connection, one)
        gone += _certificate(connection, keys, one, now)
        gone += connection.execute(sa.delete(events).where(events.c.job == one.id)).rowcount
        gone += rows.remove_steps(connection, one.id, details.KEPT_STEPS)
        known = jobs.get(connection, one.id, lock=True)
        jobs.update(connection, known, now, **_columns(known, now))
        gone += 1
    return gone


def _columns(job: Job, now: float) -> JobColumns:
    """Return the columns of a job of which nothing is known but its figures."""
    error: Error | None = None if job.error is None else {**job.error, "message": ""}
    known = facts.of(job)
    figures = Facts(
        noun=known.noun, cron_seconds=known.cron_seconds, finished_at=known.finished_at, start=known.start,
        first_event=known.first_event, limited=known.limited, removed=known.removed, terminated=known.terminated,
        cancelled_from=known.cancelled_from, undo=known.undo, ack_seq=known.ack_seq, taken_back=known.taken_back,
        events_dropped=known.events_dropped,
    )  # fmt: skip
    return {
        "domain": DOMAIN.format(job.id), "account": ACCOUNT.format(job.id), "folder": "", "email": "",
        "order": details.variant(job), "later": None, "parts": None, "error": error, "secrets_encrypted": None,
        "progress": {}, "order_key": None, "domain_key": None, "account_key": None, "wake_at": None, "alarm": "",
        "events_kept": 0, "events_bytes": 0, "pruned_at": now, "forgotten_at": now, "updated_at": job.updated_at,
        **facts.column(figures),
    }  # fmt: skip


def _certificate(connection: sa.Connection, keys: Keys, job: Job, now: float) -> int:
    """Sign the job's certificate anew, with its figures alone; return 1, 0 where there is none."""
    text = proofs.certificate_of(connection, job.id)
    if text is None:
        return 0
    try:
        content = certificate.read_own(text, keys)
    except ShoplaunchError:
        # Signed by keys that are gone: without them it proves nothing
        return connection.execute(sa.delete(certificates).where(certificates.c.job == job.id)).rowcount
    figures = signed(PURPOSE_CERTIFICATE, figures_of(content), keys.signing).decode("ascii")
    proofs.put_certificate(connection, job.id, figures, now)
    return 1


def figures_of(content: Certificate) -> dict[str, object]:
    """Return the figures of a certificate: what the work was and how it went, but not whose shop it made."""
    stored: Mapping[str, object] = content
    kept = {name: stored[name] for name in _FIGURES if name in stored}
    evidence: Mapping[str, object] = content.get("evidence") or {}
    tables = evidence.get("tables")
    found = {**_numbers(evidence), **({"tables": _numbers(tables)} if isinstance(tables, Mapping) else {})}
    visits = [{"name": row.get("name"), "path": "", **_numbers(row)} for row in content.get("probes", [])]
    return {**kept, "evidence": found, "probes": visits, "forgotten": True}


def _numbers(found: Mapping[str, object]) -> dict[str, object]:
    """Return the entries that are numbers: a text may name somebody."""
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float)}


def refusals(job: Job) -> sa.ColumnElement[bool]:
    """Return the condition for refused orders that say something of the job's client."""
    which = [refused.c.job == job.id, refused.c.domain == job.domain]
    if job.service_id is not None:
        which.append(refused_orders.of_service(job.signed_by, job.service_id))
    return sa.or_(*which)


def _scrub(connection: sa.Connection, job: Job) -> int:
    """Erase what other tables say of the job's client; return how many rows that were."""
    client = naming.of_job(job)
    gone = connection.execute(sa.delete(refused).where(refusals(job))).rowcount
    gone += scrub_answers(connection, client)
    mine = sa.update(audit).where(audit.c.job == job.id, audit.c.detail != "").values(detail="")
    gone += connection.execute(mine).rowcount
    gone += _scrub_server(connection, job, client)
    return gone + scrub_audit(connection, client)


def _scrub_server(connection: sa.Connection, job: Job, client: Client) -> int:
    """Erase the account from what was learned of its server; return how many rows that were."""
    query = sa.select(servers.c.start_learned).where(servers.c.name == job.server)
    text = connection.execute(query.with_for_update()).scalar()
    learned = {} if text is None else json.loads(text)
    gone = 0
    if learned.get("account") == job.account:
        # Another account still counts as another one
        anew = json.dumps({**learned, "account": ACCOUNT.format(job.id)}, sort_keys=True)
        connection.execute(sa.update(servers).where(servers.c.name == job.server).values(start_learned=anew))
        gone += 1
    breaker = sa.select(server_breakers.c.reason).where(server_breakers.c.server == job.server)
    if client.is_in(connection.execute(breaker).scalar() or ""):
        same = sa.update(server_breakers).where(server_breakers.c.server == job.server)
        gone += connection.execute(same.values(reason="")).rowcount
    return gone


def scrub_answers(connection: sa.Connection, client: Client) -> int:
    """Replace the stored answers about the client's jobs and service, so that the same request learns of the erasure;
    empty the sentences that name the client in answers to others. Return how many answers that were."""
    changed = 0
    for row in connection.execute(_answers_about(client)).all():
        content = _without(client, row.event, row.body)
        if content is None:
            values = {"status": 410, "content_type": "application/problem+json", "body": json.dumps(_problem())}
        elif content != row.body:
            values = {"body": content}
        else:
            continue
        changed += connection.execute(sa.update(answers).where(answers.c.event == row.event).values(**values)).rowcount
    return changed


def _answers_about(client: Client) -> sa.Select[tuple[str, str]]:
    """Return the query for the answers that may say something of the client."""
    text = sa.func.lower(answers.c.body)
    which = [text.contains(one, autoescape=True) for one in client.needles()]
    if client.service is not None:
        key, number = client.service
        mine = answers.c.event.startswith(f"{key}:", autoescape=True)
        which.append(sa.and_(mine, answers.c.body.contains(json.dumps(number), autoescape=True)))
    return sa.select(answers.c.event, answers.c.body).where(sa.or_(sa.false(), *which))


def _without(client: Client, event: str, body: str) -> str | None:
    """Return the stored answer without what names the client, None where it is about the client as a whole."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return None if client.is_in(body) else body
    if client.owns(event, document):
        return None
    left = client.erased_from(document)
    return body if left == document else json.dumps(left, ensure_ascii=False)


def drop_unanswered(connection: sa.Connection, signed_by: str) -> int:
    """Let go of the key's requests that are being answered, maybe with what is erased now: sent again they are answered
    anew. Return how many there were."""
    which = (answers.c.event.startswith(f"{signed_by}:", autoescape=True), answers.c.status.is_(None))
    return connection.execute(sa.delete(answers).where(*which)).rowcount


def _problem() -> dict[str, object]:
    error = ShoplaunchError(FORGOTTEN, "what was stored of this service was erased")
    return {"type": "about:blank", "title": error.message, "status": 410, **error.as_dict()}


def scrub_audit(connection: sa.Connection, client: Client) -> int:
    """Empty the details in the audit log that name the client, but those of other jobs; return how many there were."""
    # No detail names an account; servers and operators may be called like one
    client = replace(client, accounts=frozenset())
    text = sa.func.lower(audit.c.detail)
    quoted = sa.or_(sa.false(), *(text.contains(one, autoescape=True) for one in client.needles()))
    others = sa.and_(audit.c.job.is_not(None), audit.c.job.not_in(client.jobs))
    found = connection.execute(sa.select(audit.c.id, audit.c.detail).where(quoted, sa.not_(others)))
    named = [row.id for row in found if client.is_in(row.detail)]
    if named:
        connection.execute(sa.update(audit).where(audit.c.id.in_(named)).values(detail=""))
    return len(named)


def empty_service(connection: sa.Connection, signed_by: str, service_id: str, now: float) -> int:
    """Erase what billing's events said of the service; its number and its end stay, so that it is not made again."""
    same = sa.and_(services.c.signed_by == signed_by, services.c.service_id == service_id)
    empty = {"order_id": None, "client_id": None, "wanted": None, "error": None}
    ended = sa.func.coalesce(services.c.terminated_at, now)
    return connection.execute(sa.update(services).where(same).values(**empty, terminated_at=ended)).rowcount


def is_needed(connection: sa.Connection, job: Job) -> bool:
    """Return whether another shop's job still asks who came in its place."""
    shop = living.of(job)
    others = (living.of(one) for one in jobs.restores_at(connection, job) if one.id != job.id)
    return any(one.lives and living.successor(one, [shop]) is not None for one in others)
