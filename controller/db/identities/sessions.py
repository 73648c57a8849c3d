"""Queries on the sessions of operators: start, last use, address. The cookie decides whether a session is valid."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from controller.db.tables import operator_sessions, operators

#: A session ends after this time without a request, and after that time in any case.
IDLE_SECONDS = 2 * 3600
LIFETIME_SECONDS = 12 * 3600
#: At most this many sessions of one operator are listed.
LISTED = 100


def begin(connection: sa.Connection, user: str, address: str, now: float) -> str:
    """Note that the operator has signed in; return the session's number. Removes rows of expired sessions."""
    old = sa.or_(
        operator_sessions.c.began_at < now - LIFETIME_SECONDS, operator_sessions.c.seen_at < now - IDLE_SECONDS
    )
    connection.execute(sa.delete(operator_sessions).where(old))
    number = secrets.token_hex(16)
    row = {"id": number, "user": user, "began_at": now, "seen_at": now, "address": address[:64]}
    connection.execute(sa.insert(operator_sessions).values(**row))
    connection.execute(sa.update(operators).where(operators.c.user == user).values(signed_in_at=now))
    return number


def seen(connection: sa.Connection, number: str, now: float) -> None:
    """Note that the session is in use now."""
    query = sa.update(operator_sessions).where(operator_sessions.c.id == number)
    connection.execute(query.values(seen_at=now))


def end_all(connection: sa.Connection, user: str) -> None:
    """End all sessions of the operator."""
    connection.execute(sa.delete(operator_sessions).where(operator_sessions.c.user == user))


def alive(now: float) -> sa.ColumnElement[bool]:
    """Return the condition that a session is not over at `now`."""
    return sa.and_(
        operator_sessions.c.began_at >= now - LIFETIME_SECONDS, operator_sessions.c.seen_at >= now - IDLE_SECONDS
    )


def listed(connection: sa.Connection, user: str, now: float) -> list[sa.Row[tuple[float, float, str]]]:
    """Return rows (began_at, seen_at, address) of the operator's sessions at `now`, at most LISTED, last seen first."""
    columns = (operator_sessions.c.began_at, operator_sessions.c.seen_at, operator_sessions.c.address)
    query = sa.select(*columns).where(operator_sessions.c.user == user, alive(now))
    return list(connection.execute(query.order_by(operator_sessions.c.seen_at.desc()).limit(LISTED)))
