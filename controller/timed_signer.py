"""Timed signatures by one clock, with tolerance for other processes and machines whose clocks are ahead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from itsdangerous import SignatureExpired, TimestampSigner

from shared.signing import OneForm

#: A signature may be this much newer than now: clocks differ, and one may be set back.
LEEWAY_SECONDS = 300


class LenientSigner(OneForm, TimestampSigner):
    """A TimestampSigner whose signatures have one canonical form and may be slightly newer than now."""

    def unsign(self, signed_value: str | bytes, max_age: int | None = None, return_timestamp: bool = False) -> Any:
        """Return the value, with `return_timestamp` (value, when it was signed). Raises itsdangerous.BadData."""
        value, signed_at = super().unsign(signed_value, return_timestamp=True)
        age = self.get_timestamp() - int(signed_at.timestamp())
        if max_age is not None and not -LEEWAY_SECONDS <= age <= max_age:
            raise SignatureExpired(f"the signature is {age} seconds old", payload=value, date_signed=signed_at)
        return (value, signed_at) if return_timestamp else value


def lenient_signer(clock: Callable[[], float] | None) -> type[LenientSigner]:
    """Return a LenientSigner that uses `clock` (unix seconds), or this process's own without one."""
    if clock is None:
        return LenientSigner
    now = clock

    class Signer(LenientSigner):
        def get_timestamp(self) -> int:
            return int(now())

    return Signer
