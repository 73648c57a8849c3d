"""Types of what jobs and events store as JSON, apart from a job's facts; times are unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from shared.documents import Check, Error, Event, FollowUp, Order

    class StoredEvent(Event):
        """An agent's event, and when it arrived."""

        received_at: float


class StageProgress(TypedDict):
    """How far a stage of the agent is (`jobs.progress`, by the stage's name)."""

    state: str
    started_at: NotRequired[float | None]
    finished_at: NotRequired[float | None]
    seconds: NotRequired[float | None]


class FollowUpParts(TypedDict, total=False):
    """What follow-up jobs need of the shop's bundle (`jobs.later`). Of jobs stored earlier parts may be absent."""

    nonce: str
    checks: list[Check]
    admin_folder: str
    #: Of a restored shop.
    jobs: dict[str, FollowUp]
    password_format: str
    #: Of a follow-up job: what the bundle says of its kind, and how the shop was served when it began.
    entry: FollowUp
    scheme: str


class KeptOrder(TypedDict, total=False):
    """What is left of the order of a job whose client's data, or whose details, are gone."""

    variant: str | None


class StepColumns(TypedDict, total=False):
    """Columns of a step's row that are written; the error as it is before it becomes JSON."""

    state: str
    attempts: int
    failures: int
    started_at: float | None
    finished_at: float | None
    not_before: float | None
    error: Error | None
    note: str


class JobColumns(TypedDict, total=False):
    """Columns of a job's row that are written; documents as they are before they become JSON."""

    id: str
    kind: str
    parent: str | None
    later: FollowUpParts | None
    source: str
    signed_by: str
    service_id: str | None
    server: str
    bundle: str
    domain: str
    folder: str
    email: str
    account: str
    language: str
    order: Order | KeptOrder
    order_key: str | None
    domain_key: str | None
    account_key: str | None
    state: str
    step: str | None
    stage: str | None
    attempt: int
    percent: int
    version: int
    error: Error | None
    secrets_encrypted: str | None
    #: As controller.db.facts stores them.
    facts: Mapping[str, object]
    progress: Mapping[str, StageProgress]
    lock_name: str
    alarm: str
    created_at: float
    updated_at: float
    dropped_at: float | None
    expires_at: float | None
    heard_at: float | None
    events_kept: int
    events_bytes: int
    reports_until: float | None
    heartbeats_until: float | None
    lease_owner: str | None
    lease_until: float | None
    ended_at: float | None
    wake_at: float | None
    pruned_at: float | None
    forgotten_at: float | None
    parts: str | None
    agent: str | None
