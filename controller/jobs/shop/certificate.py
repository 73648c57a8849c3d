"""The birth certificate: the evidence that a shop lives, signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

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

if TYPE_CHECKING:
    from shared.documents import Certificate, CertifiedBundle, Visit

#: Parts of the agent's evidence that stand in the certificate itself.
_OUTSIDE = ("bytes_read", "bytes_written", "sql_bytes", "peak_rss_bytes", "agent", "python", "stages", "counters")


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

    evidence: Mapping[str, object]
    visits: Sequence[Visit]
    fingerprints: Mapping[str, str]


def make(job: Job, bundle: Bundle, values: Mapping[str, str], proof: Proof, keys: Sequence[bytes], now: float) -> str:
    """Return the signed certificate."""
    evidence, known, stages = proof.evidence, facts.of(job), proof.evidence.get("stages")
    seconds = stages if isinstance(stages, dict) else {}
    payload: Certificate = {
        "job": job.id,
        "domain": values["domain"],
        "server": job.server,
        "account": job.account,
        "attempt": job.attempt,
        "issued_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "shop_url": str(known.shop_url),
        "admin_url": str(known.admin_url),
        "bundle": _certified(job, bundle),
        "bytes_read": evidence.get("bytes_read"),
        "bytes_written": evidence.get("bytes_written"),
        "sql_bytes": evidence.get("sql_bytes"),
        "peak_memory_bytes": evidence.get("peak_rss_bytes"),
        "agent": evidence.get("agent"),
        "python": evidence.get("python"),
        "stages": {name: seconds[name] for name in STAGES if name in seconds},
        "evidence": {key: value for key, value in evidence.items() if key not in _OUTSIDE},
        "probes": list(proof.visits),
        "fingerprints": dict(proof.fingerprints),
    }
    _note_start(payload, job)
    return signed(PURPOSE_CERTIFICATE, payload, keys).decode("ascii")


def _certified(job: Job, bundle: Bundle) -> CertifiedBundle:
    made: CertifiedBundle = {
        "name": bundle.name,
        "application": bundle.application,
        "version": bundle.version,
        "manifest_sha256": bundle.manifest_sha256,
        "bytes": bundle.size,
    }
    if variant := job.order.get("variant"):
        made["variant"] = variant
    return made


def _note_start(payload: Certificate, job: Job) -> None:
    """Note how the agent was started, and how long that took; nothing where its first report did not arrive."""
    found = starting.of(job)
    if found is None:
        return
    payload["started_by"] = found.way
    if found.reason:
        payload["start_reason"] = found.reason
    if found.waited is not None:
        payload["start_waited_seconds"] = round(found.waited, 3)


def verify(key: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether `signature` over `data` was made by the owner of the public `key` (32 bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def read(text: str, public_keys: Sequence[bytes]) -> Certificate:
    """Return the certificate's content. Raises ShoplaunchError `certificate_invalid`."""
    try:
        return cast("Certificate", dict(load_signed(PURPOSE_CERTIFICATE, list(public_keys), text, verify)))
    except ShoplaunchError:
        raise ShoplaunchError(
            "certificate_invalid", "no key of this controller has signed it as a certificate"
        ) from None


def read_own(text: str, keys: Keys) -> Certificate:
    """Return the content of a certificate that this installation signed: a process that was started again since may
    have signed it by a newer key than `keys`. Raises ShoplaunchError `certificate_invalid`."""
    try:
        return read(text, keys.public_keys())
    except ShoplaunchError:
        return read(text, keys.current().public_keys())
