"""What is known of a job besides its columns: typed here, stored as one JSON document by this codec alone."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import sqlalchemy as sa

from controller.account import Account
from controller.db import shapes
from controller.db.documents import JobColumns
from controller.db.tables import jobs

if TYPE_CHECKING:
    from shared.documents import Error

#: Values of `Undo.state`: how far the rollback of a cancelled job is.
UNDO_WANTED, UNDO_PLACED, UNDO_DONE = "wanted", "placed", "done"


#: Where a job keeps its facts once they were read, beside the document they were read from.
_KEPT = "_facts_read"


class HasFacts(Protocol):
    """A row of a job: controller.db.jobs.Job."""

    @property
    def facts(self) -> Mapping[str, object]:
        """The stored document."""


@dataclass(frozen=True)
class Trouble:
    """The current attempt's error that its agent has not resolved yet."""

    error: Error
    stage: str | None
    percent: int
    since: float
    told: bool


@dataclass(frozen=True)
class Asked:
    """Outcome of starting the agent at once: `way`, else `reason`; `at` is when the cron line was installed."""

    way: str = ""
    reason: str = ""
    seconds: float = 0.0
    at: float | None = None


@dataclass(frozen=True)
class FirstReport:
    """When the attempt's agent reported first, and how it was started."""

    at: float
    way: str


@dataclass(frozen=True)
class Link:
    """The link behind which the client's password waits (mode `link`), or the client chooses one (`set`)."""

    mode: str
    nonce: str
    expires_at: float
    used_at: float | None = None
    link_ended_at: float | None = None


@dataclass(frozen=True)
class Problem:
    """Why an alarm could not be delivered."""

    code: str
    message: str


@dataclass(frozen=True)
class Tls:
    """The shop's certificate: `state` of controller.jobs.shop.tls, and the time of the next check."""

    state: str | None = None
    reason: str | None = None
    since: float | None = None
    looks: int = 0
    next: float | None = None
    asked_at: float | None = None
    asks: int = 0
    refused: str | None = None


@dataclass(frozen=True)
class Undo:
    """Progress of a cancelled job's rollback; `state` is one of UNDO_WANTED, UNDO_PLACED, UNDO_DONE."""

    state: str | None = None
    placed_at: float | None = None
    heard_at: float = 0.0
    began_at: float | None = None
    #: When a removal was sent whose answer is not known: the panel may carry it out later.
    lost_at: float | None = None


@dataclass(frozen=True)
class Made:
    """What the job made itself: `account` is `maybe` until the panel confirmed it; the others did not exist before."""

    account: str | None = None
    database: str | None = None
    database_user: str | None = None
    born: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Facts:
    """The facts of one job. None, and False of a flag, means unknown; change them by `dataclasses.replace`."""

    # The shop
    noun: str | None = None
    shop_url: str | None = None
    admin_url: str | None = None
    https_shop_url: str | None = None
    https_admin_url: str | None = None
    account: Account | None = None
    cron_seconds: int | None = None
    credentials: Link | None = None
    tls: Tls = field(default_factory=Tls)
    removed: bool = False
    terminated: bool = False
    # Placed and created
    made: Made = field(default_factory=Made)
    user_made: bool = False
    bundle_reader: int | None = None
    copies_distrusted: bool = False
    put_sha256: Mapping[str, Sequence[str]] | None = None
    #: "" where the panel's files for a start are in place, else why not; None: an earlier version placed the job file.
    start_prepared: str | None = None
    #: How often the panel could not remove them after the job had failed or stalled, and when it is asked again.
    start_left: int = 0
    start_left_at: float = 0.0
    # The agent of the attempt
    start: Asked | None = None
    first_event: FirstReport | None = None
    #: An agent that was started at once reported that its limits were too small.
    limited: bool = False
    trouble: Trouble | None = None
    seen_at: float = 0.0
    looked_at: float = 0.0
    look_failures: int = 0
    look_at: float = 0.0
    blocked_at: float = 0.0
    state_updated_at: float | None = None
    finished_at: float | None = None
    cleaned: bool = False
    looked_early: bool = False
    ack_seq: int | None = None
    #: The account's own cron line, encrypted, that a removal which is repeated late would take.
    kept_line: str | None = None
    #: When that removal was answered.
    kept_at: float | None = None
    events_dropped: int = 0
    # The rollback
    undo: Undo = field(default_factory=Undo)
    cancelled_from: str | None = None
    direction: str | None = None
    failure: Error | None = None
    taken_back: bool = False
    # Notifications
    billing: Mapping[str, object] = field(default_factory=dict)
    alarm_problem: Problem | None = None
    alarmed_at: float | None = None
    #: The document this was read from: entries of other versions stay.
    stored: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


#: Facts that are documents of their own.
_RECORDS: Mapping[str, type[Any]] = {
    "account": Account, "credentials": Link, "start": Asked, "first_event": FirstReport, "trouble": Trouble,
    "alarm_problem": Problem,
}  # fmt: skip
#: Facts that are stored as several entries: field -> its name in the document.
_GROUPS: Mapping[str, tuple[type[Any], Mapping[str, str]]] = {
    "tls": (
        Tls,
        {one.name: "tls" if one.name == "state" else f"tls_{one.name}" for one in fields(Tls)},
    ),
    "undo": (
        Undo,
        {one.name: "undo" if one.name == "state" else f"undo_{one.name}" for one in fields(Undo)},
    ),
    "made": (
        Made,
        {one.name: "born" if one.name == "born" else f"made_{one.name}" for one in fields(Made)},
    ),
}
#: Name in the document -> field, and its field in that group.
_IN_GROUPS = {theirs: (name, ours) for name, (_made, names) in _GROUPS.items() for ours, theirs in names.items()}
_NAMES = {record: frozenset(one.name for one in fields(record)) for record in _RECORDS.values()}
_PLAIN = tuple(one.name for one in fields(Facts) if one.name not in {*_RECORDS, *_GROUPS, "stored"})
#: Every name that a document may have and this version knows.
STORED_NAMES = frozenset([*_PLAIN, *_RECORDS, *(name for _made, names in _GROUPS.values() for name in names.values())])


def of(job: HasFacts) -> Facts:
    """Return the facts of the job; they are read once, as every decision about a job asks for them."""
    kept: dict[str, Any] | None = getattr(job, "__dict__", None)
    if kept is None:
        return decode(job.facts)
    document, found = kept.get(_KEPT, (None, None))
    if found is None or document is not job.facts:
        found = decode(job.facts)
        kept[_KEPT] = job.facts, found
    return cast(Facts, found)


def of_next_attempt(found: Facts) -> Facts:
    """Return the facts without those of the finished attempt."""
    return replace(
        found, seen_at=0.0, looked_at=0.0, look_failures=0, look_at=0.0, finished_at=None, cleaned=False, ack_seq=None,
        trouble=None, events_dropped=0, start=None, first_event=None, limited=False,
        looked_early=False, start_left=0, start_left_at=0.0,
    )  # fmt: skip


def after(job: HasFacts, columns: JobColumns) -> Facts:
    """Return the facts the job has once `columns` are written."""
    return decode(columns.get("facts", job.facts))


def column(found: Facts) -> JobColumns:
    """Return the column `facts` of a job with these facts."""
    return {"facts": encode(found)}


def decode(document: Mapping[str, object]) -> Facts:
    """Return the facts of a stored document; its unknown entries are kept for `encode`.

    Raises controller.db.shapes.DamagedRow, which is `database_damaged`, where an entry is not what it has to be.
    """
    if not isinstance(document, Mapping):
        raise shapes.DamagedRow("`facts` is no document")
    values: dict[str, Any] = {}
    groups: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, value in document.items():
        if value is None:
            continue
        if name in _RECORDS:
            shapes.judge_record(name, _RECORDS[name], value)
            values[name] = _record(_RECORDS[name], value)
            continue
        shape = _SHAPES.get(name)
        if shape is None:
            continue
        if type(value) not in shape.usual:
            shapes.judge(name, value, shape)
        if name in _IN_GROUPS:
            group, ours = _IN_GROUPS[name]
            groups[group][ours] = value
        else:
            values[name] = value
    values |= {name: _GROUPS[name][0](**found) for name, found in groups.items()}
    return Facts(**values, stored=dict(document))


def encode(found: Facts) -> dict[str, object]:
    """Return the document that stores the facts; entries of other versions stay."""
    document = dict(found.stored)
    for name in _PLAIN:
        _put(document, name, getattr(found, name), _DEFAULTS[name])
    for name, record in _RECORDS.items():
        _put_record(document, name, record, getattr(found, name))
    for name, (group, names) in _GROUPS.items():
        value, empty = getattr(found, name), group()
        for ours, theirs in names.items():
            _put(document, theirs, getattr(value, ours), getattr(empty, ours))
    return document


def stores(found: Facts) -> sa.ColumnElement[bool]:
    """Return the condition that a job's row stores each of the facts that are set in `found`."""
    return sa.and_(*(_holds(json.dumps({name: value}, sort_keys=True)[1:-1]) for name, value in encode(found).items()))


def has_entry(name: str) -> sa.ColumnElement[bool]:
    """Return the condition that a job's row stores an entry `name`, of its own or in one of its records."""
    return _holds(f"{json.dumps(name)}: ")


def _holds(text: str) -> sa.ColumnElement[bool]:
    return jobs.c.facts.contains(text, autoescape=True)


def _put(document: dict[str, object], name: str, value: object, default: object) -> None:
    if value is None or value == default:
        document.pop(name, None)
    else:
        document[name] = value


def _record(record: type[Any], document: Any) -> Any:
    known = _NAMES[record]
    return record(**{name: value for name, value in document.items() if name in known})


def _put_record(document: dict[str, Any], name: str, record: type[Any], value: Any) -> None:
    if value is None:
        document.pop(name, None)
        return
    # Entries that an earlier version requires are always written
    known = {one.name: getattr(value, one.name) for one in fields(record)}
    left_out = {one.name for one in fields(record) if one.default is None and known[one.name] is None}
    others = {one: item for one, item in (document.get(name) or {}).items() if one not in known}
    document[name] = {**others, **{one: item for one, item in known.items() if one not in left_out}}


_DEFAULTS: Mapping[str, Any] = {name: getattr(Facts(), name) for name in _PLAIN}
#: Name in the document -> what its entry may be, for all but records.
_SHAPES: Mapping[str, shapes.Shape] = {
    **{name: shapes.of_record(Facts)[name] for name in _PLAIN},
    **{theirs: shapes.of_record(_GROUPS[group][0])[ours] for theirs, (group, ours) in _IN_GROUPS.items()},
}
