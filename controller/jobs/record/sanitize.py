"""Sanitizes text and numbers that an account's owner may have written, before they are stored, shown or mailed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.jobs.record import agent_codes
from controller.network.words import shown
from shared.errors import ShoplaunchError, advice, is_known

if TYPE_CHECKING:
    from shared.documents import Error

#: Deeper than any evidence.
MAX_DEPTH = 12
#: JSON readers everywhere hold integers up to this exactly.
MAX_NUMBER = 2**53
#: Length of a message or an advice, from any source.
MAX_WORDS = 4000
#: Stands for codes that are not in the catalogue: no agent of this controller sends those.
UNKNOWN = "agent_code_unknown"
#: Terminal control, direction-changing and invalid characters. Line feed and tab stay.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Unpaired surrogates: JSON can name them, but they cannot be encoded.
_HALVES = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def parsed(data: bytes, most: int, code: str) -> dict[str, object]:
    """Return the JSON object in `data` as it was written.

    Raises ShoplaunchError `code` when it is none, or may hold more than `most` values: these are estimated before
    parsing, by counting commas and brackets, also within texts.
    """
    if sum(map(data.count, (b",", b"[", b"{"))) > most:
        raise ShoplaunchError(code, f"a document of more than {most} values")
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ShoplaunchError(code, "the body is not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise ShoplaunchError(code, "the body is not a JSON object")
    return document


def sanitized(value: object, code: str, depth: int = 0) -> object:
    """Return the JSON document `value` with every text sanitized.

    Raises ShoplaunchError `code` for a number that databases or pages cannot hold, and for too deep nesting.
    """
    if isinstance(value, str):
        return _UNSHOWN.sub(_REPLACEMENT, value)
    if depth > MAX_DEPTH:
        raise ShoplaunchError(code, f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        return {sanitized(key, code): sanitized(item, code, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [sanitized(item, code, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ShoplaunchError(code, "a number is not finite")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise ShoplaunchError(code, "a number is out of range")
    return value


def whole_characters(value: object) -> object:
    """Return the JSON document `value` with unpaired surrogates in its texts replaced."""
    if isinstance(value, str):
        return _HALVES.sub(_REPLACEMENT, value)
    if isinstance(value, Mapping):
        return {whole_characters(key): whole_characters(item) for key, item in value.items()}
    return [whole_characters(item) for item in value] if isinstance(value, list) else value


def one_line(text: str) -> str:
    """Return `text` on one line, so that it cannot imitate lines of the controller."""
    return " ".join(text.split())


def error_of(error: Error) -> Error:
    """Return an `error` document with message and advice on one line each, cut to a length that pages can show."""
    return {**error, "message": shown(error["message"], MAX_WORDS), "advice": shown(error["advice"], MAX_WORDS)}


def agents_error_of(error: Error) -> Error:
    """Return an agent's error as `error` document; its advice comes from the catalogue, never from the account.

    A code of the controller's own becomes UNKNOWN. One that is in no catalogue stays: a newer agent may have it.
    """
    code = error["code"]
    if is_known(code) and code not in agent_codes.CODES:
        code = UNKNOWN
    return error_of({**error, "code": code, "advice": advice(code if is_known(code) else UNKNOWN)})
