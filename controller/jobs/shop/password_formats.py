"""The administrator's password in the format of the shop's application: only this is sent to the account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.recipes.password_formats import CHOSEN_ROUNDS, FORMATS, RANDOM_ROUNDS
from controller.recipes.registry import recipe_of
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest

#: bcrypt ignores what follows.
BCRYPT_BYTES = 72


def format_of(manifest: Manifest) -> str:
    """Return the password format of the bundle's application. Raises ShoplaunchError `recipe_missing`."""
    return recipe_of(manifest).password_format(manifest["application"]["version"])


def hashed(password: str, kind: str, made: Mapping[str, str], *, is_random: bool = False) -> str:
    """Return the password in the format `kind`; `made` are the secrets of the same shop, as far as known.

    `is_random`: it is one of shop_secrets.password, not what somebody chose.

    Raises ShoplaunchError `order_invalid` beyond bcrypt's limit, `manifest_invalid` for an unknown format or a secret
    that it needs and that is missing.
    """
    coded = password.encode("utf-8")
    if not 0 < len(coded) <= BCRYPT_BYTES or b"\0" in coded:
        raise ShoplaunchError("order_invalid", f"a password has 1 to {BCRYPT_BYTES} bytes")
    maker = FORMATS.get(kind)
    if maker is None:
        raise ShoplaunchError("manifest_invalid", f"unknown format of passwords {kind!r}")
    return maker(coded, made, RANDOM_ROUNDS if is_random else CHOSEN_ROUNDS)
