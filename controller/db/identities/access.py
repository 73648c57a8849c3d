"""Queries on operators and on the audit log."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

import sqlalchemy as sa

from controller.db.identities import sessions
from controller.db.tables import AUDIT_NAME_CHARS, audit, operators


def password_hash(connection: sa.Connection, user: str) -> str | None:
    """Return the operator's password hash, None when there is no such operator."""
    query = sa.select(operators.c.user, operators.c.password_hash).where(operators.c.user == user)
    found = connection.execute(query).first()
    # MariaDB ignores trailing blanks when it compares names
    return str(found.password_hash) if found is not None and found.user == user else None


def generation(connection: sa.Connection, user: str) -> int | None:
    """Return the operator's session generation, whose sessions are valid; None when there is no such operator."""
    return connection.execute(sa.select(operators.c.generation).where(operators.c.user == user)).scalar()


def end_sessions(connection: sa.Connection, user: str) -> None:
    """End every session of the operator."""
    query = sa.update(operators).where(operators.c.user == user)
    connection.execute(query.values(generation=operators.c.generation + 1))
    sessions.end_all(connection, user)


def remove_operator(connection: sa.Connection, user: str) -> None:
    """Remove the operator and their sessions."""
    connection.execute(sa.delete(operators).where(operators.c.user == user))
    sessions.end_all(connection, user)


def add_operator(connection: sa.Connection, user: str, hashed: str, now: float) -> None:
    """Add the operator, of whom there is none yet."""
    # A removed operator who is added again must not take over old sessions
    first = {"generation": secrets.randbelow(2**30)}
    connection.execute(sa.insert(operators).values(user=user, password_hash=hashed, created_at=now, **first))


def set_password(connection: sa.Connection, user: str, hashed: str) -> bool:
    """Set the operator's password and end the sessions begun with another one; return whether there is the operator."""
    is_there = connection.execute(sa.update(operators).where(operators.c.user == user).values(password_hash=hashed))
    end_sessions(connection, user)
    return is_there.rowcount == 1


def list_operators(connection: sa.Connection, *, lock: bool = False) -> list[str]:
    """Return the operators' names; with `lock` no other caller with `lock` adds one before the transaction ends."""
    query = sa.select(operators.c.user).order_by(operators.c.user)
    if lock:
        # A query of its own, then a second one: a row added while this one waits may sort before the row it waits for
        connection.execute(query.with_for_update()).all()
    return list(connection.execute(query).scalars())


@dataclass(frozen=True)
class Note:
    """A row of the audit log, who does what: written in the transaction of the change itself."""

    user: str
    action: str
    detail: str = ""

    def write(self, connection: sa.Connection, now: float, job: str | None) -> int:
        """Add the row; return its number."""
        return add_audit(connection, now, self.user, self.action, job, self.detail)

    def about(self, detail: str) -> Note:
        """Return the same note, with this detail if it has none."""
        return self if self.detail else replace(self, detail=detail)


def add_audit(connection: sa.Connection, now: float, user: str, action: str, job: str | None, detail: str) -> int:
    """Note who did what; return the row's number."""
    values = {"user": user[:AUDIT_NAME_CHARS], "action": action[:40], "job": job, "detail": detail[:500]}
    (number,) = connection.execute(sa.insert(audit).values(at=now, **values)).inserted_primary_key or (0,)
    return int(number)


def complete_audit(connection: sa.Connection, number: int, job: str | None, detail: str, before: str) -> None:
    """Add the result to the row, whose detail was `before`; where that was erased meanwhile it stays so."""
    completed = sa.case((audit.c.detail == before[:500], detail[:500]), else_=audit.c.detail)
    connection.execute(sa.update(audit).where(audit.c.id == number).values(job=job, detail=completed))


def last_time(connection: sa.Connection, action: str) -> float | None:
    """Return when `action` was noted last in the audit log, None where it was not."""
    # Not by the latest time, which a clock that was ahead may have written
    query = sa.select(audit.c.at).where(audit.c.action == action).order_by(audit.c.id.desc()).limit(1)
    return connection.execute(query).scalar()


def list_audit(connection: sa.Connection, limit: int, offset: int, user: str | None = None) -> list[sa.Row[object]]:
    """Return rows (at, user, action, job, detail), newest first; only those of `user` when it is given."""
    query = sa.select(audit.c.at, audit.c.user, audit.c.action, audit.c.job, audit.c.detail)
    if user is not None:
        query = query.where(audit.c.user == user)
    return list(connection.execute(query.order_by(audit.c.id.desc()).limit(limit).offset(offset)))


def count_audit(connection: sa.Connection, user: str | None = None) -> int:
    """Return how many entries the audit log has; only those of `user` when it is given."""
    query = sa.select(sa.func.count()).select_from(audit)
    return connection.execute(query if user is None else query.where(audit.c.user == user)).scalar_one()
