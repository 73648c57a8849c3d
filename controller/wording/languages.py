"""The languages that clients and operators are spoken to in: one registry, read wherever one is chosen or written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A language: its name in itself and in English, what WHMCS calls it (lower case), and how it is written.

    `separators` are what it writes for `,`, `.` and `%` in numbers; `digits` the ten of its own, nothing where it
    writes those of English.
    """

    own_name: str
    english_name: str
    billing_names: tuple[str, ...]
    separators: str
    digits: str = ""
    is_right_to_left: bool = False
    has_persian_calendar: bool = False

    @property
    def direction(self) -> str:
        """The writing direction as HTML names it."""
        return "rtl" if self.is_right_to_left else "ltr"


ENGLISH = "en"
_ENGLISH_SEPARATORS = ",.%"
#: Code (two letters) -> language.
LANGUAGES = {
    ENGLISH: Language("English", "English", ("english",), separators=_ENGLISH_SEPARATORS),
    "fa": Language(
        "فارسی",
        "Persian",
        ("farsi", "persian"),
        separators="٬٫٪",
        digits="۰۱۲۳۴۵۶۷۸۹",
        is_right_to_left=True,
        has_persian_calendar=True,
    ),
}


def supported(code: str) -> str:
    """Return `code`, English for a language that is not in the registry."""
    return code if code in LANGUAGES else ENGLISH


def is_right_to_left(code: str) -> bool:
    """Return whether the language is written from right to left."""
    return LANGUAGES[supported(code)].is_right_to_left


def number(value: object, code: str) -> str:
    """Return `value` with the digits of the language `code`."""
    digits = LANGUAGES[supported(code)].digits
    return str(value).translate(str.maketrans("0123456789", digits)) if digits else str(value)


def amount(value: str, code: str) -> str:
    """Return a number, written as English writes it, with the digits and separators of the language `code`."""
    return number(value, code).translate(str.maketrans(_ENGLISH_SEPARATORS, LANGUAGES[supported(code)].separators))


def has_persian_calendar(code: str) -> bool:
    """Return whether the language's dates are those of the Persian calendar."""
    return LANGUAGES[supported(code)].has_persian_calendar


def choices() -> str:
    """Return the codes of all languages as a sentence lists them, with their names."""
    named = (f"`{code}` ({one.english_name})" for code, one in LANGUAGES.items() if code != ENGLISH)
    *first, last = [f"`{ENGLISH}`", *named]
    return f"{', '.join(first)}, or {last}"


def of_billing_name(name: str) -> str:
    """Return the code of the language that a billing system names so, in words or by code; "" for another."""
    wanted = name.strip().lower()
    return next((code for code, one in LANGUAGES.items() if wanted in (code, *one.billing_names)), "")
