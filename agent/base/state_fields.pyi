"""The fields of `state.json`: those of its schema, and those that only the agent itself reads; for mypy only."""

from typing import Literal, TypedDict

# Modules take it from here: their Python 3.6 has none
from typing import Unpack as Unpack

from shared.documents import Error, Event, ExpiredState, Refused, StageState, ValuesDigests

class Reports(TypedDict, total=False):
    """What is noted of the reports: the attempt they are about, and the last event's number."""

    job: str
    attempt: int
    seq: int
    waiting: int
    last_ok_at: float | None
    last_error: str | None

class GivenUp(TypedDict):
    """The attempt that failed for good, and by which error."""

    job: str
    attempt: int
    code: str

class SwitchPlan(TypedDict):
    """The renames of stage switch in their order, each [source, target]."""

    aside: list[list[str]]
    tree: list[list[str]]
    entry_points: list[list[str]]

#: The fields that hold fields of their own, which are set one by one.
Part = Literal["callback"]

class Fields(TypedDict, total=False):
    format: int
    job: str
    kind: str
    attempt: int
    agent: str
    python: str
    status: str
    stage: str | None
    percent: int
    updated_at: float
    progress_at: float
    values_sha256: ValuesDigests
    stages: dict[str, StageState]
    shards: dict[str, str]
    error: Error | None
    refused: Refused | None
    expired: ExpiredState | None
    final: Event
    callback: Reports
    # Of no interest to the controller
    boot: str
    root: str
    staging: str
    manifest_sha256: str | None
    counters: dict[str, int]
    evidence: dict[str, object]
    given_up: GivenUp
    fetched_anew: int
    made_folders: list[str]
    moves: list[list[str]]
    occupied: list[str]
    render_again: bool
    switch_plan: SwitchPlan
    touched: bool
