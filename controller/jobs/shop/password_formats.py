"""The administrator's password as the shop's application keeps it: the account only ever gets what is made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.recipes.password_formats import FORMATS
from controller.recipes.registry import recipe_of
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest

#: What follows is not looked at by bcrypt.
BCRYPT_BYTES = 72


def format_of(manifest: Manifest) -> str:
    """Return the format the bundle's application wants. Raises ShoplaunchError `recipe_missing`."""
    return recipe_of(manifest).password_format(manifest["application"]["version"])


def hashed(password: str, kind: str, made: Mapping[str, str]) -> str:
    """Return the password as the format `kind` keeps it; `made` are the secrets of the same shop, as far as known.

    Raises ShoplaunchError `order_invalid` beyond bcrypt's limit, `manifest_invalid` for a format nobody knows or a
    secret it needs that is not there.
    """
    coded = password.encode("utf-8")
    if not 0 < len(coded) <= BCRYPT_BYTES or b"\0" in coded:
        raise ShoplaunchError("order_invalid", f"a password has 1 to {BCRYPT_BYTES} bytes")
    maker = FORMATS.get(kind)
    if maker is None:
        raise ShoplaunchError("manifest_invalid", f"unknown format of passwords {kind!r}")
    return maker(coded, made)
