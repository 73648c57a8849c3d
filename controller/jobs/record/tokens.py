"""Timed tokens that only the controller reads: an agent's for job, attempt and scope; a client page's for a job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer, URLSafeTimedSerializer

from controller.timed_signer import lenient_signer
from shared.errors import ShoplaunchError
from shared.signing import OneFormSigner

SCOPE_EVENTS = "events"
_SIGNER = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
#: Maximum age of an agent's token where jobs are valid for less, and how long a token serves after its job's validity.
MAX_AGE_SECONDS = 90 * 86400
LATE_SECONDS = 10 * 86400


@dataclass(frozen=True)
class AgentToken:
    """The content of an agent's token; a job file of its age is valid until `until` (unix seconds)."""

    job: str
    attempt: int
    scope: str
    until: float


class Tokens:
    """Makes and reads tokens with `keys` (newest last) by `clock`: unix seconds, this process's own without one.

    Jobs are valid for `job_hours`; tokens live longer, for late final events. `renewed` returns the keys as they are by
    now, as a worker that was restarted since may sign by newer ones.
    """

    def __init__(
        self,
        keys: Sequence[bytes],
        clock: Callable[[], float] | None = None,
        job_hours: int = 24,
        renewed: Callable[[], Sequence[bytes]] | None = None,
    ) -> None:
        self._made_of, self._renewed = (tuple(keys), clock, job_hours), renewed
        self._valid_seconds = job_hours * 3600
        self._max_age = max(MAX_AGE_SECONDS, self._valid_seconds + LATE_SECONDS)
        self._agent = URLSafeTimedSerializer(
            list(keys), salt="shoplaunch/agent", signer=lenient_signer(clock), signer_kwargs=_SIGNER
        )
        self._status = _untimed(keys, "shoplaunch/status")
        self._credentials = _untimed(keys, "shoplaunch/credentials")

    def for_agent(self, job: str, attempt: int, scope: str = SCOPE_EVENTS) -> str:
        """Return the token of this attempt."""
        return str(self._agent.dumps([job, attempt, scope]))

    def read_agent(self, token: str, scope: str = SCOPE_EVENTS) -> AgentToken:
        """Return the token's content. Raises ShoplaunchError `token_invalid`, also for another scope."""
        read = self._read(lambda tokens: tokens._agent.loads(token, max_age=self._max_age, return_timestamp=True))
        if read is None:
            raise ShoplaunchError("token_invalid", "the token was not issued by this controller, or is too old")
        found, issued_at = read
        if not _is_agent(found) or found[2] != scope:
            raise ShoplaunchError("token_invalid", "the token is for something else")
        job, attempt, _scope = found
        return AgentToken(job, attempt, scope, issued_at.timestamp() + self._valid_seconds)

    def for_status(self, job: str) -> str:
        """Return the token of the client's page; it does not expire."""
        return str(self._status.dumps(job))

    def for_credentials(self, job: str, nonce: str) -> str:
        """Return the token of the page that shows or sets the client's password."""
        return str(self._credentials.dumps([job, nonce]))

    def read_credentials(self, token: str) -> tuple[str, str]:
        """Return (job's id, nonce). Raises ShoplaunchError `credentials_gone`."""
        found = self._read(lambda tokens: tokens._credentials.loads(token))
        if not isinstance(found, list) or len(found) != 2 or not all(isinstance(part, str) for part in found):
            raise ShoplaunchError("credentials_gone", "the address was not issued by this controller")
        return found[0], found[1]

    def read_status(self, token: str) -> str:
        """Return the job's id. Raises ShoplaunchError `status_unknown`."""
        found = self._read(lambda tokens: tokens._status.loads(token))
        if not isinstance(found, str):
            raise ShoplaunchError("status_unknown", "the address was not issued by this controller")
        return found

    def _read(self, loads: Callable[[Tokens], Any]) -> Any:
        """Return what `loads` reads by the keys, or by those there are by now; None for what none of them signed."""
        with suppress(BadData, ValueError):
            return loads(self)
        keys, clock, hours = self._made_of
        current = keys if self._renewed is None else tuple(self._renewed())
        return None if current == keys else Tokens(current, clock, hours)._read(loads)


def _untimed(keys: Sequence[bytes], salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(list(keys), salt=salt, signer=OneFormSigner, signer_kwargs=_SIGNER)


def _is_agent(found: object) -> bool:
    if not isinstance(found, list) or len(found) != 3:
        return False
    job, attempt, scope = found
    return isinstance(job, str) and type(attempt) is int and isinstance(scope, str)
