"""Every failure as a code from `error_codes.json`, with what to do about it."""

import json

from shared import data

LANGUAGES = ("en", "fa")


def _load():
    document = json.loads(data.read(globals(), "error_codes.json").decode("utf-8"))
    return document["codes"]


#: code -> {"retryable": bool, "advice": {"en": str, "fa": str}}
CODES = _load()


class ShoplaunchError(Exception):
    """A failure with a code of `CODES`; `message` says what happened here, without any secret in it.

    `details` is a small JSON-able dict for the operator (paths, numbers, names).
    Raises KeyError at construction when the code is not in the catalogue, so that no code goes undocumented.
    """

    def __init__(self, code, message="", retryable=None, **details):
        entry = CODES[code]
        super().__init__("{}: {}".format(code, message) if message else code)
        self.code = code
        self.message = message or advice(code)
        self.retryable = entry["retryable"] if retryable is None else retryable
        self.details = details

    def as_dict(self, language="en"):
        """Return {"code", "message", "advice", "retryable"}, the shape of `error` in events, state and jobs."""
        return {
            "code": self.code,
            "message": self.message,
            "advice": advice(self.code, language),
            "retryable": self.retryable,
        }


def advice(code, language="en"):
    """Return the catalogue's advice for `code` in `language` ("en" or "fa"); English when there is no other."""
    texts = CODES[code]["advice"]
    return texts.get(language) or texts["en"]


def is_known(code):
    """Tell whether `code` is in the catalogue (foreign input may name any)."""
    return code in CODES
