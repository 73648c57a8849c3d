"""Reading what requests carry: JSON bodies, bearer tokens, page numbers."""

from __future__ import annotations

import json
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from shared.errors import ShoplaunchError

#: No request has a reason to be larger (an order is 2 KiB) but an agent's last report, which names every table.
MAX_BODY_BYTES = 256 * 1024
_BEARER = "Bearer "
MAX_TOKEN_CHARS = 4096


def body(limit: int = MAX_BODY_BYTES) -> bytes:
    """Return the request's body. Raises RequestEntityTooLarge beyond `limit` bytes."""
    # One more than allowed, so that it can be told that there was more
    request.max_content_length = limit + 1
    # Of a body without a stated length the framework silently returns as much as the limit allows
    data = request.get_data(cache=True)
    if len(data) > limit:
        raise RequestEntityTooLarge
    return data


def refuse_larger(limit: int) -> None:
    """Raise RequestEntityTooLarge for a request that says that it has more than `limit` bytes."""
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge


def json_body(code: str, limit: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """Return the request's JSON object of at most `limit` bytes. Raises ShoplaunchError `code` when it is none."""
    try:
        document = json.loads(body(limit).decode("utf-8"))
    except (ValueError, RecursionError):
        raise ShoplaunchError(code, "the body is not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise ShoplaunchError(code, "the body is not a JSON object")
    return document


def bearer_token() -> str:
    """Return the request's bearer token. Raises ShoplaunchError `token_invalid` when there is none."""
    header = request.headers.get("Authorization", "")
    token = header[len(_BEARER) :].strip()
    if not header.startswith(_BEARER) or not token or len(token) > MAX_TOKEN_CHARS:
        raise ShoplaunchError("token_invalid", "the request carries no bearer token")
    return token


def page_number() -> int:
    """Return `?page=` as a number from 1 on; 1 for anything else."""
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else 1
