"""Queries on the proofs of a shop: fingerprints of secrets, certificates."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from controller.db.tables import certificates, fingerprints

# Built once: used for every shop
_KNOWN = sa.select(fingerprints.c.fingerprint, fingerprints.c.job).where(
    sa.or_(
        fingerprints.c.fingerprint.in_(sa.bindparam("found", expanding=True)),
        fingerprints.c.job == sa.bindparam("of_job"),
    )
)
_OF_JOB = (
    sa.select(fingerprints.c.name, fingerprints.c.fingerprint)
    .where(fingerprints.c.job == sa.bindparam("of_job"))
    .order_by(fingerprints.c.name)
)
_NEW_FINGERPRINTS = sa.insert(fingerprints)
_FORMER = sa.delete(certificates).where(certificates.c.job == sa.bindparam("of_job"))
_NEW = sa.insert(certificates)


def claim_fingerprints(connection: sa.Connection, job_id: str, found: Mapping[str, str]) -> str | None:
    """Note name -> fingerprint for the job; return a name whose fingerprint another job has, None if all are unique."""
    known = connection.execute(_KNOWN, {"found": list(found.values()), "of_job": job_id}).all()
    foreign = {row.fingerprint for row in known if row.job != job_id}
    for name, fingerprint in found.items():
        if fingerprint in foreign:
            return name
    if any(row.job == job_id for row in known):
        connection.execute(sa.delete(fingerprints).where(fingerprints.c.job == job_id))
    rows = [{"fingerprint": value, "job": job_id, "name": name} for name, value in found.items()]
    if rows:
        connection.execute(_NEW_FINGERPRINTS, rows)
    return None


def fingerprints_of(connection: sa.Connection, job_id: str) -> dict[str, str]:
    """Return name -> fingerprint of the job's secrets."""
    return {name: value for name, value in connection.execute(_OF_JOB, {"of_job": job_id})}


def put_certificate(connection: sa.Connection, job_id: str, signed: str, now: float) -> None:
    """Store the job's certificate `signed`; the caller holds the job's row."""
    connection.execute(_FORMER, {"of_job": job_id})
    connection.execute(_NEW, {"job": job_id, "signed": signed, "created_at": now})


def certificate_of(connection: sa.Connection, job_id: str) -> str | None:
    """Return the job's signed certificate, None when there is none."""
    return connection.execute(sa.select(certificates.c.signed).where(certificates.c.job == job_id)).scalar()
