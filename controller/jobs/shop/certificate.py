"""The birth certificate: the evidence that a shop lives, signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from controller.db import facts, proofs
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading
from controller.db.jobs import Job
from controller.jobs.agent_judgement import starting
from controller.jobs.agent_link.job_file import signed
from controller.jobs.lifecycle import states
from controller.keys import Keys
from shared.errors import ShoplaunchError
from shared.events import STAGES
from shared.signing import PURPOSE_CERTIFICATE, load_signed

#: Names in the agent's evidence -> names in the certificate.
_FIGURES = {
    "bytes_read": "bytes_read",
    "bytes_written": "bytes_written",
    "sql_bytes": "sql_bytes",
    "peak_rss_bytes": "peak_memory_bytes",
    "agent": "agent",
    "python": "python",
}


def kept(engine: sa.Engine, job: Job) -> str:
    """Return the job's signed certificate. Raises ShoplaunchError `certificate_missing`."""
    with reading(engine) as connection:
        found = proofs.certificate_of(connection, job.id)
    # A job that is being checked anew, or was cancelled meanwhile, has no valid certificate
    if found is None or job.state != states.LIVE:
        raise ShoplaunchError("certificate_missing", f"the shop is {job.state}; it has no certificate yet")
    return found


@dataclass(frozen=True)
class Proof:
    """What proves a shop: the `evidence` of the agent's final event, our visits, and fingerprints of what is there."""

    evidence: Mapping[str, Any]
    visits: Sequence[Mapping[str, Any]]
    fingerprints: Mapping[str, str]


def make(job: Job, bundle: Bundle, values: Mapping[str, str], proof: Proof, keys: Sequence[bytes], now: float) -> str:
    """Return the signed certificate."""
    evidence = proof.evidence
    rest = {key: value for key, value in evidence.items() if key not in (*_FIGURES, "stages", "counters")}
    seconds, known = evidence.get("stages") or {}, facts.of(job)
    payload = {
        "job": job.id,
        "domain": values["domain"],
        "server": job.server,
        "account": job.account,
        "attempt": job.attempt,
        "issued_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "shop_url": str(known.shop_url),
        "admin_url": str(known.admin_url),
        "bundle": {
            "name": bundle.name,
            "application": bundle.application,
            "version": bundle.version,
            "manifest_sha256": bundle.manifest_sha256,
            "bytes": bundle.size,
            **({"variant": job.order["variant"]} if job.order.get("variant") else {}),
        },
        **{ours: evidence.get(theirs) for theirs, ours in _FIGURES.items()},
        **_started(job),
        "stages": {name: seconds[name] for name in STAGES if name in seconds},
        "evidence": rest,
        "probes": [dict(row) for row in proof.visits],
        "fingerprints": dict(proof.fingerprints),
    }
    return signed(PURPOSE_CERTIFICATE, payload, keys).decode("ascii")


def _started(job: Job) -> dict[str, Any]:
    """Return how the agent was started and how long that took, where its first report arrived."""
    found = starting.of(job)
    if found is None:
        return {}
    return {
        "started_by": found.way,
        **({"start_reason": found.reason} if found.reason else {}),
        **({} if found.waited is None else {"start_waited_seconds": round(found.waited, 3)}),
    }


def verify(key: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether `signature` over `data` was made by the owner of the public `key` (32 bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def read(text: str, public_keys: Sequence[bytes]) -> dict[str, Any]:
    """Return the certificate's content. Raises ShoplaunchError `certificate_invalid`."""
    try:
        return dict(load_signed(PURPOSE_CERTIFICATE, list(public_keys), text, verify))
    except ShoplaunchError:
        raise ShoplaunchError(
            "certificate_invalid", "no key of this controller has signed it as a certificate"
        ) from None


def read_own(text: str, keys: Keys) -> dict[str, Any]:
    """Return the content of a certificate that this installation signed: a process that was started again since may
    have signed it by a newer key than `keys`. Raises ShoplaunchError `certificate_invalid`."""
    try:
        return read(text, keys.public_keys())
    except ShoplaunchError:
        return read(text, keys.current().public_keys())
