"""Which of WordPress's constants and options are somebody's keys, passwords or accounts."""

from __future__ import annotations

import itertools
import re

from controller.recipes import php_serialized

_NAMED = re.compile(
    r"passw|(?:^|_)pass(?:$|_)|secret|token|api_?key|private_?key|access_?key|licen[sc]e|_salt$|webhook|credential"
    r"|client_?id|consumer_?key|security_?key|auth_?key|app_?key|site_?key|merchant_?id|_pwd$|(?:^|_)uuid$"
    r"|^ftp_(?:user|host)$|purchase_?code",
    re.IGNORECASE,
)
#: Called like secrets and none.
_HARMLESS = re.compile(
    r"(?:_endpoint|_enabled?|_strength|_status|_expir\w*|_settings|_page_id)$|^woocommerce_registration_", re.IGNORECASE
)
#: Keys that are rules for addresses name nothing.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_SHORTEST = 6


def is_named(name: str) -> bool:
    """Tell whether a constant, option or element is called like a secret."""
    return bool(_NAME.fullmatch(name) and _NAMED.search(name)) and not _HARMLESS.search(name)


def is_secret(name: str, value: bytes) -> bool:
    """Tell whether a value of that name is somebody's secret: what is short or a number may be anything."""
    return is_named(name) and len(value) >= _SHORTEST and not value.isdigit()


def is_array(value: bytes) -> bool:
    """Tell whether a value is serialized: then only what is in it is a secret."""
    return php_serialized.is_start(value)


def held_in(value: bytes) -> list[tuple[str, bytes, int, int]]:
    """Return (name, secret, start, end) of the secrets in a serialized array: where each stands, its head included.

    What is not serialized holds none.
    """
    if not php_serialized.is_start(value):
        return []
    try:
        texts, _ = php_serialized.scan(value)
    except php_serialized.Broken:
        return []
    found = []
    for key, text in itertools.pairwise(texts):
        if not key.is_key or text.is_key or text.kind != "s" or text.head != key.body_end + len('";'):
            continue
        name = value[key.body : key.body_end].decode("utf-8", "replace")
        body = value[text.body : text.body_end]
        if is_secret(name, body) and not php_serialized.is_start(body):
            found.append((name, body, text.head, text.body_end + len('";')))
    return found


def without(value: bytes) -> bytes:
    """Return a serialized array with its secrets empty; the same object when it has none."""
    parts, last = [], 0
    for _, _, start, end in held_in(value):
        parts += [value[last:start], b's:0:"";']
        last = end
    return b"".join(parts) + value[last:] if parts else value
