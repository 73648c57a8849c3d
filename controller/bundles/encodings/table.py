"""The packer's side of the table of encodings: how a text spells them, how values in them are decoded and searched.

The registry is `shared/placeholders.ENCODERS`: what stands there the agent fills in, and searches for in the finished
shop. An encoding without an entry here is found in running text, and searched for in the bundle, as its encoder writes
it; an entry here says more, or less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from controller.bundles.encodings.encoding import Encode, Encoding
from controller.bundles.encodings.in_html import HTML
from controller.bundles.encodings.in_json import DEFAULT, PLAIN
from controller.bundles.encodings.in_url import URL
from shared.placeholders import ENCODERS

#: In the order in which they are tried: two may spell a value alike.
ENCODINGS: Mapping[str, Encoding] = {
    "raw": Encoding(searched=(lambda value: value,)),
    # Recipes know where these stand
    "sql": Encoding(),
    "php": Encoding(),
    "symfony": Encoding(searched=(lambda value: value.replace(b"%", b"%%"),)),
    "json": DEFAULT,
    "jsonplain": PLAIN,
    "url": URL,
    "regex": Encoding(
        spellings=(
            lambda value: re.sub(rb"([.\\])", rb"\\\1", value),
            lambda value: re.sub(rb"([.\\/])", rb"\\\1", value),
            lambda value: re.sub(rb"([.\\+*?\[^\]$(){}=!<>|:\-#/])", rb"\\\1", value),
        )
    ),
    "html": HTML,
    # Its parts depend on the neighbouring bytes: see in_base64
    "base64": Encoding(),
}


def encodings() -> dict[str, Encoding]:
    """Return every encoding of placeholders by its name."""
    others = {name: encode for name, encode in ENCODERS.items() if name not in ENCODINGS}
    return {**ENCODINGS, **{name: Encoding(spellings=(one,), searched=(one,)) for name, one in others.items()}}


def spelled() -> Iterator[tuple[str, Encode]]:
    """Yield (name, spelling) of what is recognised in running text, in the order in which it is tried."""
    known = encodings()
    for name, one in known.items():
        yield from ((name, spell) for spell in one.spellings)
    for name, one in known.items():
        yield from ((name, spell) for spell in one.rare)


def searched() -> tuple[Encode, ...]:
    """Return the spellings in which a bundle is searched, in the order in which they are tried."""
    return tuple(spell for one in encodings().values() for spell in one.searched)
