"""Every failure as a code from `error_codes.json`, with what to do about it."""

import json

from shared import data

MYPY = False
if MYPY:
    from typing import Any

    from shared.documents import Error, ErrorCode, ErrorCodes

LANGUAGES = ("en", "fa")


def _load() -> "dict[str, ErrorCode]":
    document: "ErrorCodes" = json.loads(data.read(globals(), "error_codes.json").decode("utf-8"))
    return document["codes"]


#: code -> {"retryable": bool, "advice": {"en": str, "fa": str}}
CODES: "dict[str, ErrorCode]" = _load()


class ShoplaunchError(Exception):
    """A failure with a code of `CODES`; `message` says what happened here, without any secret in it.

    `details` is a small JSON-able dict for the operator (paths, numbers, names).
    Raises KeyError at construction when the code is not in the catalogue, so that no code goes undocumented.
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
    """Return the catalogue's advice for `code` in `language` ("en" or "fa"); English when there is no other."""
    texts = CODES[code]["advice"]
    return str(texts.get(language) or texts["en"])


def is_known(code: str) -> bool:
    """Tell whether `code` is in the catalogue (foreign input may name any)."""
    return code in CODES
