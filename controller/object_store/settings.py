"""Whether section [bundle_store] says what can be meant: an S3-compatible store, and our keys there."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from controller.settings.rules import LOOPBACK
from controller.settings.sections import BundleStoreConfig
from shared.errors import ShoplaunchError

_NEEDED = ("bucket", "access_key")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_REGION = re.compile(r"[a-z0-9-]{1,40}\Z")
#: S3 signs for a week at most; who sees an address may fetch the bundle for as long as it is valid.
MOST_MINUTES = 60


def require_usable(store: BundleStoreConfig) -> None:
    """Raise ShoplaunchError `config_invalid` naming the setting that is wrong."""
    for name in _NEEDED:
        if not getattr(store, name):
            raise invalid(f"needs {name}")
    url = urlsplit(store.endpoint)
    try:
        is_address = bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or url.scheme not in ("http", "https") or url.path.strip("/") or url.query or url.username:
        raise invalid("endpoint must be an address such as https://s3.example.com")
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        raise invalid("endpoint must be https, except for this very machine")
    if not _BUCKET.match(store.bucket) or not _REGION.match(store.region):
        raise invalid("bucket and region must be small letters, digits and dashes")
    if bool(store.secret_key) == bool(store.secret_key_file):
        raise invalid("needs either secret_key_file or secret_key")
    if not 1 <= store.address_minutes <= MOST_MINUTES:
        raise invalid(f"address_minutes must be from 1 to {MOST_MINUTES}")


def secret_of(store: BundleStoreConfig) -> str:
    """Return the secret key. Raises ShoplaunchError `config_invalid` when its file cannot be read."""
    if not store.secret_key_file:
        return store.secret_key
    try:
        return Path(store.secret_key_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise invalid(f"secret_key_file: {getattr(problem, 'strerror', 'not UTF-8')}") from None


def invalid(what: str) -> ShoplaunchError:
    """Return the error of a setting."""
    return ShoplaunchError("config_invalid", f"[bundle_store] {what}")
