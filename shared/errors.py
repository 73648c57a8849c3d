"""Errors with a code from `error_codes.json`, which says what to do about each."""

import json

from shared import data

MYPY = False
if MYPY:
    from typing import Any

    from shared.documents import Error, ErrorCode, ErrorCodes

LANGUAGES = ("en", "fa")


def _load() -> "dict[str, ErrorCode]":
    document: "ErrorCodes" = json.loads(data.read(globals(), "error_codes.json").decode("utf-8"))
    codes = document["codes"]
    for entry in codes.values():
        # By language: a type of its keys cannot be walked through
        texts: "Any" = entry["advice"]
        if "{" in texts["en"]:
            # Never in an agent, which does not carry this module
            from shared import installed

            for language in texts:
                texts[language] = installed.filled(texts[language], language)
    return codes


#: code -> {"retryable": bool, "status": int or missing (HTTP, 400), "title" and "advice": {"en": str, "fa": str}}; an
#: agent has no titles, and its advice is English
CODES: "dict[str, ErrorCode]" = _load()


class ShoplaunchError(Exception):
    """An error with a code of `CODES`; `message` says what happened here, without any secret.

    `details` is a small JSON-able dict for the operator (paths, numbers, names).
    The constructor raises KeyError for a code that is not in the catalogue, so that every code is documented.
    """

    def __init__(self, code: str, message: str = "", retryable: "bool | None" = None, **details: "Any") -> None:
        entry = CODES[code]
        super().__init__("{}: {}".format(code, message) if message else code)
        self.code = code
        self.message = message or advice(code)
        self.retryable = entry["retryable"] if retryable is None else retryable
        self.details = details

    def as_dict(self, language: str = "en") -> "Error":
        """Return {"code", "message", "advice", "retryable"}, the shape of `error` in events, state and jobs."""
        return {
            "code": self.code,
            "message": self.message,
            "advice": advice(self.code, language),
            "retryable": self.retryable,
        }


def advice(code: str, language: str = "en") -> str:
    """Return the catalogue's advice for `code` in `language`, one of LANGUAGES; English for any other language."""
    texts = CODES[code]["advice"]
    return str(texts.get(language) or texts["en"])


def title(code: str, language: str = "en") -> str:
    """Return in a few words of `language` what the error `code` is; English for any other language."""
    texts = CODES[code]["title"]
    return str(texts.get(language) or texts["en"])


def is_known(code: str) -> bool:
    """Return whether `code` is in the catalogue (external input may name any)."""
    return code in CODES
