"""Types of what jobs and events store as JSON, beside a job's facts; times are unix seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from shared.documents import Check, Event, FollowUp

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
