"""The job file: the agent's instructions, signed so that only they are accepted, and only for this purpose."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.account import Account
from controller.db.bundles import Bundle
from controller.db.jobs import Job
from controller.jobs.agent_judgement.silence import HEARTBEAT_SECONDS
from controller.jobs.agent_link.holding_page import holding_page
from controller.panels.base import DocumentRootRules
from controller.settings.sections import Config
from controller.wording.languages import supported
from shared.errors import ShoplaunchError
from shared.job import FORMAT, check_job
from shared.signing import PURPOSE_JOB, serializer

if TYPE_CHECKING:
    from shared.documents import DocumentRoot
    from shared.documents import Job as JobPayload

EVENTS_PATH = "/api/v1/agent/events"
BUNDLE_PATH = "/api/v1/agent/bundle/"


def sign(key: bytes, data: bytes) -> bytes:
    """Return the Ed25519 signature (64 bytes) of `data` by the private `key` (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(key).sign(data)


def signed(purpose: str, payload: Mapping[str, object], keys: Sequence[bytes]) -> bytes:
    """Return `payload` signed for `purpose` by the newest of `keys`."""
    text = serializer(purpose, list(keys), sign=sign).dumps(payload)
    return text if isinstance(text, bytes) else str(text).encode("ascii")


@dataclass(frozen=True)
class Recipient:
    """What a job file says of the account it goes to; `token` is for the agent's reports."""

    account: Account
    rules: DocumentRootRules
    values: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)


def payload(
    config: Config, job: Job, recipient: Recipient, bundle: Bundle, source: Mapping[str, str], now: float
) -> JobPayload:
    """Return the job file's payload for the job's current attempt, checked against its schema.

    `source` is {"path": on the account's server} and/or {"url": …}, {} when the account holds the bundle itself.
    """
    pinned = {"name": bundle.name, "manifest_sha256": bundle.manifest_sha256, "size": bundle.size, **source}
    more: dict[str, object] = {"bundle": pinned, "holding_page": holding_page(job.language, job.noun)}
    if variant := job.order.get("variant"):
        more["variant"] = variant
    return _checked(config, job, recipient, now, more)


def follow_up_payload(config: Config, job: Job, recipient: Recipient, now: float, *, back: bool) -> JobPayload:
    """Return the payload of a job without a bundle; `back`: it rolls back what earlier attempts did."""
    entry = (job.later or {})["entry"]
    more = {
        "statements": list(entry.get("statements", ())),
        "edits": list(entry.get("edits", ())),
        "back": list(entry.get("back", ())),
        "direction": "back" if back else "forth",
    }
    return _checked(config, job, recipient, now, more)


def _checked(config: Config, job: Job, recipient: Recipient, now: float, more: Mapping[str, object]) -> JobPayload:
    account, values = recipient.account, recipient.values
    document = {
        "format": FORMAT,
        "job": job.id,
        "kind": job.kind,
        "attempt": job.attempt,
        "issued_at": int(now),
        "expires_at": int(now) + config.job_hours * 3600,
        "account": {"user": account.user, "home": account.home, "root": values["root"]},
        "callback": {
            "url": config.public_url.rstrip("/") + EVENTS_PATH,
            "token": recipient.token,
            **_authority(config),
        },
        "values": dict(values),
        "lock_name": job.lock_name,
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "language": supported(job.language),
        "document_root": _document_root(recipient.rules, job),
        **more,
    }
    return check_job(document)


def with_socket(config: Config, document: JobPayload, *, same_machine: bool) -> JobPayload:
    """Return the payload `document` with the controller's socket, where its agent needs no network to reach it.

    Plain http means this machine, where any process may take the controller's port while it restarts. Behind https the
    socket is used only if it exists: `serve` may run on another machine.
    """
    by_port = urlsplit(config.public_url).scheme == "http"
    if not (by_port or same_machine):
        return document
    path = config.agent_socket_path
    if not (by_port and same_machine) and not os.path.lexists(path):
        return document
    callback = {**document["callback"], "socket": str(path), **_user(config)}
    return check_job({**document, "callback": callback})


def _user(config: Config) -> dict[str, int]:
    """Return the user whose process listens at the socket, {} for root: the owner of the keys runs the controller."""
    try:
        uid = config.keys.stat().st_uid
    except OSError as problem:
        raise ShoplaunchError("config_invalid", f"{config.keys}: {problem.strerror}") from None
    return {"uid": uid} if uid else {}


def bundle_url(config: Config, name: str) -> str:
    """Return the address at which an agent fetches the bundle `name` with its token."""
    return config.public_url.rstrip("/") + BUNDLE_PATH + name


def _document_root(rules: DocumentRootRules, job: Job) -> DocumentRoot:
    found: DocumentRoot = {
        "keep": list(rules.keep),
        "default_pages": list(rules.default_pages),
        "htaccess_blocks": [{"start": start, "end": end} for start, end in rules.htaccess_blocks],
        "occupied": job.order.get("options", {}).get("occupied", "refuse"),
    }
    if job.folder:
        found["folder"] = job.folder
    if rules.starters:
        found["starters"] = list(rules.starters)
    return found


def job_file(document: JobPayload, keys: Sequence[bytes]) -> bytes:
    """Return the signed job file."""
    return signed(PURPOSE_JOB, document, keys)


def _authority(config: Config) -> dict[str, str]:
    if config.callback_ca is None:
        return {}
    try:
        return {"ca": Path(config.callback_ca).read_text("ascii")}
    except (OSError, UnicodeDecodeError) as problem:
        raise ShoplaunchError("config_invalid", f"callback_ca: {problem}") from None
