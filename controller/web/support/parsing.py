"""Parse the content of requests: JSON bodies, bearer tokens, page numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from controller.jobs.record.sanitize import MAX_NUMBER, whole_characters
from shared.encoding import is_text
from shared.errors import ShoplaunchError

#: No request needs more (an order has 2 KiB) except an agent's last report, which names every table.
MAX_BODY_BYTES = 256 * 1024
_BEARER = "Bearer "
MAX_TOKEN_CHARS = 4096


def body(limit: int = MAX_BODY_BYTES) -> bytes:
    """Return the request's body. Raises RequestEntityTooLarge beyond `limit` bytes."""
    # One byte more than allowed, to detect a larger body
    request.max_content_length = limit + 1
    # Of a body without a stated length the framework silently returns as much as the limit allows
    data = request.get_data(cache=True)
    if len(data) > limit:
        raise RequestEntityTooLarge
    return data


def refuse_larger(limit: int) -> None:
    """Raise RequestEntityTooLarge for a request that declares more than `limit` bytes."""
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge


def json_body(code: str, limit: int = MAX_BODY_BYTES) -> dict[str, object]:
    """Return the request's JSON object of at most `limit` bytes. Raises ShoplaunchError `code` when it is none.

    Values that the database, pages and mails cannot hold are kept out: lone surrogates are replaced, numbers out of
    range refused. Duplicate keys are refused, so that every reader sees the same document.
    """
    data = body(limit)
    try:
        document = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_once, parse_constant=_refused, parse_int=_integer, parse_float=_number,
        )  # fmt: skip
        document = document if is_text(document) else whole_characters(document)
    except _Ambiguous as problem:
        raise ShoplaunchError(code, f"the body: {problem}") from None
    except (ValueError, RecursionError):
        raise ShoplaunchError(code, "the body is not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise ShoplaunchError(code, "the body is not a JSON object")
    return document


class _Ambiguous(ValueError):
    """JSON that different readers interpret differently."""


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Ambiguous("a name stands there twice")
    return found


def _refused(name: str) -> object:
    raise _Ambiguous(f"{name} is no number")


def _integer(text: str) -> int:
    # Longer ones cannot be in range, and take long to parse
    if len(text) > 20 or abs(int(text)) > MAX_NUMBER:
        raise _Ambiguous("a number is out of range")
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Ambiguous("a number is out of range")
    return number


def bearer_token() -> str:
    """Return the request's bearer token. Raises ShoplaunchError `token_invalid` when there is none."""
    header = request.headers.get("Authorization", "")
    token = header[len(_BEARER) :].strip()
    if not header.startswith(_BEARER) or not token or len(token) > MAX_TOKEN_CHARS:
        raise ShoplaunchError("token_invalid", "the request carries no bearer token")
    return token


def page_number() -> int:
    """Return `?page=` as a number from 1; 1 for anything else."""
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
