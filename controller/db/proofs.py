"""Queries on the proofs of a shop: fingerprints of secrets, certificates."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from controller.db.tables import certificates, fingerprints


def claim_fingerprints(connection: sa.Connection, job_id: str, found: Mapping[str, str]) -> str | None:
    """Note name -> fingerprint for the job; return a name whose fingerprint another job has, None if all are unique."""
    which = sa.or_(fingerprints.c.fingerprint.in_(list(found.values())), fingerprints.c.job == job_id)
    known = connection.execute(sa.select(fingerprints.c.fingerprint, fingerprints.c.job).where(which)).all()
    foreign = {row.fingerprint for row in known if row.job != job_id}
    for name, fingerprint in found.items():
        if fingerprint in foreign:
            return name
    if any(row.job == job_id for row in known):
        connection.execute(sa.delete(fingerprints).where(fingerprints.c.job == job_id))
    rows = [{"fingerprint": value, "job": job_id, "name": name} for name, value in found.items()]
    if rows:
        connection.execute(sa.insert(fingerprints), rows)
    return None


def fingerprints_of(connection: sa.Connection, job_id: str) -> dict[str, str]:
    """Return name -> fingerprint of the job's secrets."""
    query = sa.select(fingerprints.c.name, fingerprints.c.fingerprint).where(fingerprints.c.job == job_id)
    return {name: value for name, value in connection.execute(query.order_by(fingerprints.c.name))}


def put_certificate(connection: sa.Connection, job_id: str, signed: str, now: float) -> None:
    """Store the job's certificate `signed`; the caller holds the job's row."""
    connection.execute(sa.delete(certificates).where(certificates.c.job == job_id))
    connection.execute(sa.insert(certificates).values(job=job_id, signed=signed, created_at=now))


def certificate_of(connection: sa.Connection, job_id: str) -> str | None:
    """Return the job's signed certificate, None when there is none."""
    return connection.execute(sa.select(certificates.c.signed).where(certificates.c.job == job_id)).scalar()
