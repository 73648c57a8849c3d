"""The languages that clients and operators are spoken to in: one registry, read wherever one is chosen or written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A language: its name in itself, whether it is written from right to left, what WHMCS calls it (lower case)."""

    own_name: str
    is_right_to_left: bool = False
    billing_names: tuple[str, ...] = ()

    @property
    def direction(self) -> str:
        """The writing direction as HTML names it."""
        return "rtl" if self.is_right_to_left else "ltr"


ENGLISH = "en"
#: Code (two letters) -> language.
LANGUAGES = {
    ENGLISH: Language("English", billing_names=("english",)),
    "fa": Language("فارسی", is_right_to_left=True, billing_names=("farsi", "persian")),
}


def supported(code: str) -> str:
    """Return `code`, English for a language that is not in the registry."""
    return code if code in LANGUAGES else ENGLISH


def is_right_to_left(code: str) -> bool:
    """Return whether the language is written from right to left."""
    return LANGUAGES[supported(code)].is_right_to_left


def of_billing_name(name: str) -> str:
    """Return the code of the language that a billing system names so, in words or by code; "" for another."""
    wanted = name.strip().lower()
    return next((code for code, one in LANGUAGES.items() if wanted in (code, *one.billing_names)), "")
