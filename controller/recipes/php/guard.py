"""Adds a guard to a PHP application: two lines in a file that every page runs first, which follow-up jobs edit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.placeholders import token

if TYPE_CHECKING:
    from shared.documents import Edit

HTTPS_MARK = b"/* asked for over http or https, it answers */ // shoplaunch:https"
OPEN_MARK = b"/* open to visitors */ // shoplaunch:open"
HTTPS_ONLY = (
    b"if ( 'cli' !== PHP_SAPI && ( empty( $_SERVER['HTTPS'] ) || 'off' === $_SERVER['HTTPS'] )"
    b" && ( empty( $_SERVER['HTTP_X_FORWARDED_PROTO'] ) || 'https' !== $_SERVER['HTTP_X_FORWARDED_PROTO'] ) ) {"
    b" header( 'Location: https://%b' . $_SERVER['REQUEST_URI'], true, 301 ); exit; } // shoplaunch:https"
)
CLOSED = b"if ( 'cli' !== PHP_SAPI ) { http_response_code( 503 ); exit; } // shoplaunch:open"
_OWN_LINES = re.compile(rb"^.*// shoplaunch:(?:https|open)\r?\n", re.MULTILINE)
_OPEN_TAG = re.compile(rb"<\?php(?:\r?\n|\s)", re.IGNORECASE)


def with_guard(source: bytes, *more: bytes) -> bytes:
    """Return PHP source that begins with both lines and then `more`; lines of an earlier packing are removed.

    Not for a file that begins with `declare` or `namespace`: PHP requires these first.
    """
    lines = b"\n".join([b"<?php", HTTPS_MARK, OPEN_MARK, *more, b""])
    return _OPEN_TAG.sub(lambda _: lines, _OWN_LINES.sub(b"", source), count=1)


def https_only(path: str, nonce: str) -> Edit:
    """Return the edit of the job `https_on`: a request over http is redirected to https, once."""
    host: bytes = token(nonce, "domain_ssl", "php")
    return edit(path, HTTPS_MARK, HTTPS_ONLY % host)


def closed(path: str) -> Edit:
    """Return the edit of the job `remove`: visitors get status 503."""
    return edit(path, OPEN_MARK, CLOSED)


def edit(path: str, old: bytes, new: bytes, count: int = 1) -> Edit:
    """Return an edit of a follow-up job: `old` becomes `new` (templates), `count` times exactly, 0 for any number."""
    return {"path": path, "old": old.decode("ascii"), "new": new.decode("ascii"), "count": count}
