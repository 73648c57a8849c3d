"""Time-based one-time passwords (RFC 6238) and recovery codes: the second factor of operators."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterable
from urllib.parse import quote

from controller.digits import latin

STEP_SECONDS = 30
DIGITS = 6
#: Codes of this many time steps before and after are accepted, too: clocks differ.
LEEWAY_STEPS = 1
_SECRET_BYTES = 20
RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


def new_secret() -> str:
    """Return a new secret in the form of apps (base32)."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def code_at(secret: str, step: int) -> str:
    """Return the code of the time step."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def plain(code: str) -> str:
    """Return a typed code in canonical form: without blanks, in ASCII digits."""
    return latin("".join(code.split()))


def step_of(secret: str, code: str, now: float) -> int | None:
    """Return the time step of this code, None when it is not valid now."""
    current, found = int(now // STEP_SECONDS), None
    given = plain(code)
    for step in range(current - LEEWAY_STEPS, current + LEEWAY_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), given.encode("utf-8", "replace")):
            found = step
    return found


def address(secret: str, user: str, issuer: str) -> str:
    """Return the otpauth address for apps."""
    label = f"{quote(issuer)}:{quote(user)}"
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer)}&digits={DIGITS}&period={STEP_SECONDS}"


def new_recovery_codes() -> list[str]:
    """Return recovery codes, each of which works once instead of the app's code."""
    return [_readable(secrets.token_bytes(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]


def _readable(data: bytes) -> str:
    text = base64.b32encode(data).decode("ascii").lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def digest(code: str) -> str:
    """Return the stored digest of a recovery code: its 80 random bits cannot be found by trying."""
    plain = "".join(letter for letter in latin(code).lower() if letter.isalnum())
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()


def without(kept: Iterable[str], code: str) -> list[str] | None:
    """Return the digests left after `code` is used, None when it is none of them."""
    known = list(kept)
    wanted = digest(code)
    return [one for one in known if one != wanted] if wanted in known else None
