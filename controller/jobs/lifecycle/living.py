"""Decides whose shop a place holds: an account, or an address on its server, holds the shop that came there last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.db import facts
from controller.db.jobs import Job
from controller.jobs.lifecycle import states
from shared.job import RESTORE

#: Errors of a cancelled job whose shop, or parts of it, stay in the account.
_STAYS = ("cancelled_late", "cancelled_kept")
#: A job that was cancelled in one of these states had put nothing into the account yet.
_UNTOUCHED = (states.RECEIVED, states.PREPARING, states.DROPPED)


@dataclass(frozen=True)
class Shop:
    """What a job has made, or is about to make: where, and how far it came."""

    job: str
    server: str
    account: str
    domain: str
    folder: str
    ordered_at: float
    #: When its files and tables were complete; when it was ordered, while they are not.
    came_at: float
    #: It was complete once, whatever became of it.
    came: bool
    #: Visitors meet it, as far as its own job knows.
    lives: bool


def of(job: Job) -> Shop:
    """Return what `job`, which restores a bundle, has made."""
    known = facts.of(job)
    live = job.state == states.LIVE
    stays = job.state == states.CANCELLED and job.error is not None and job.error["code"] in _STAYS
    return Shop(
        job=job.id,
        server=job.server,
        account=job.account,
        domain=job.domain,
        folder=job.folder,
        ordered_at=job.created_at,
        came_at=known.finished_at or job.created_at,
        came=job.kind == RESTORE and (live or (stays and known.cancelled_from not in _UNTOUCHED)),
        lives=job.kind == RESTORE and live and job.ended_at is None and not known.removed,
    )


def successor(shop: Shop, others: Iterable[Shop]) -> Shop | None:
    """Return the shop that has come in the place of `shop`, None while that is its own."""
    return next((one for one in others if one.came and _meet(shop, one) and one.came_at >= shop.came_at), None)


def neighbour(shop: Shop, others: Iterable[Shop]) -> Shop | None:
    """Return another job's shop that lives in the place of `shop`, the last that came there; None for none."""
    found = [one for one in others if one.lives and _meet(shop, one)]
    return max(found, key=lambda one: one.came_at, default=None)


def is_later(one: Shop, shop: Shop) -> bool:
    """Return whether `one` came when `shop` had been ordered: what is there is not what the job of `shop` found."""
    return one.came_at > shop.ordered_at


def _meet(shop: Shop, other: Shop) -> bool:
    """Return whether two jobs' shops cannot both be there: an account has one database, an address one shop."""
    if shop.job == other.job or shop.server != other.server:
        return False
    return shop.account == other.account or (shop.domain, shop.folder) == (other.domain, other.folder)
