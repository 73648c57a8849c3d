"""What the packer knows of one encoding of placeholders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Encode = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Wrapped:
    """A value inside an encoding: `inner` is decoded; `encode` is for literal bytes, `step` for placeholders."""

    inner: bytes
    step: str
    encode: Encode


Decode = Callable[[bytes], Wrapped | None]


@dataclass(frozen=True)
class Encoding:
    """One encoding; of what it leaves out the packer does nothing.

    A value is decoded only when encoding it again gives the same bytes.
    """

    #: The spellings in which running text may hold a value that becomes a placeholder with this encoding; the rare ones
    #: are tried after the usual ones of all encodings.
    spellings: Sequence[Encode] = ()
    rare: Sequence[Encode] = ()
    #: The spellings in which a finished bundle is searched for what must not leave the template.
    searched: Sequence[Encode] = ()
    #: Decodes a whole value that holds a structure; None when it is no such value.
    structure: Decode | None = None
    #: How quotes are written in it, and what decodes the string between two of them.
    quotes: Sequence[bytes] = ()
    string: Decode | None = None


def chosen(data: bytes, inner: bytes, step_encoders: Sequence[tuple[str, Encode]]) -> Wrapped | None:
    """Return `inner` with the first of (step, encode) that makes `data` of it, None when none does."""
    for step, encode in step_encoders:
        if encode(inner) == data:
            return Wrapped(inner, step, encode)
    return None
