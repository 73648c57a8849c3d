"""Makes two sets of values with which a bundle is tried on the scratch server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.documents import Secret

_PLAIN: dict[str, tuple[str, str]] = {
    "domain": ("first.probe.example", "second-shop.probe.example.org"),
    "root": ("/home/probea/public_html", "/home/probebb/public_html/shop"),
    "home": ("/home/probea", "/home/probebb"),
    "base_uri": ("/", "/second/shop/"),
    "base_path": ("", "/second/shop"),
    "scheme": ("http", "http"),
    "admin_folder": ("adminprobea1", "adminprobebb22"),
    "db.host": ("localhost", "db.probe.example"),
    "db.port": ("", "3307"),
    "db.address": ("localhost", "db.probe.example:3307"),
    "db.socket": ("/run/a.sock", "/run/bb.sock"),
    "db.name": ("probea_shop", "probebb_shop"),
    "db.user": ("probea_user", "probebb_user"),
    "db.password": ("Pa'ss%1\\", 'Pb"ss%%22$'),
    "admin.email": ("owner@first.example", "the.owner@second.example"),
    "admin.first_name": ("Ann", "Bertrand"),
    "admin.last_name": ("O'Neill", "Ågren"),
    "shop.url": ("http://first.probe.example", "http://second-shop.probe.example.org/second/shop"),
    "shop.address": ("first.probe.example", "second-shop.probe.example.org/second/shop"),
    "shop.name": ("Probe \"A\" & 'sons'", "فروشگاه دوم"),
    "shop.email": ("shop@first.example", "shop@second.example"),
    "shop.language": ("en", "fa"),
    "shop.country": ("US", "IR"),
    "shop.time_zone": ("Europe/Berlin", "Asia/Tehran"),
    "shop.currency": ("", ""),
}
_LENGTH = 32


def probe_values(
    names: Iterable[str], secrets: Sequence[Secret], which: int, own: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """Return a value for each of `names`; `which` is 0 or 1, and the two sets differ wherever possible.

    `own` are the recipe's pairs, which take precedence.
    """
    lengths = {secret["name"]: int(secret.get("length") or _LENGTH) for secret in secrets}
    return {
        name: own[name][which] if name in own else _value(name, lengths.get(name, _LENGTH), which) for name in names
    }


def _value(name: str, length: int, which: int) -> str:
    if name in _PLAIN:
        return _PLAIN[name][which]
    if name == "admin.password_hash":
        return "$2y$10$" + _letters(name, 53, which)
    return _letters(name, length, which)


def _letters(name: str, length: int, which: int) -> str:
    text = ""
    while len(text) < length:
        text += hashlib.sha256(f"{name}/{which}/{len(text)}".encode()).hexdigest()
    return text[:length]
