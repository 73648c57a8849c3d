"""Computes the stored form of an administrator's password in each application's format."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

import bcrypt

from controller.recipes.base import BCRYPT, MD5_COOKIE_KEY
from shared.errors import ShoplaunchError

#: bcrypt's cost (2 to the power of this): PHP's own default for a password that somebody chose. A random password is as
#: safe with far less: nobody tries the passwords of 90 bits, whatever each of them costs.
CHOSEN_ROUNDS, RANDOM_ROUNDS = 10, 5
#: phpass: the alphabet of its own base64, and the rounds of MD5 (2 to the power of this).
_PHPASS_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PHPASS_ROUNDS = 13
_PHPASS_SALT_CHARS = 8
#: Separates WordPress's use of the HMAC from any other (wp_hash_password).
_WORDPRESS_KEY = b"wp-sha384"


def _bcrypt(password: bytes, _made: Mapping[str, str], rounds: int) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(rounds, prefix=b"2b")).decode("ascii")


def _md5_cookie_key(password: bytes, made: Mapping[str, str], _rounds: int) -> str:
    """Return the password as PrestaShop 1.6 stores it (Tools::encrypt)."""
    key = made.get("secret.cookie_key")
    if key is None:
        raise ShoplaunchError("manifest_invalid", "the password needs secret.cookie_key")
    return hashlib.md5(key.encode("utf-8") + password, usedforsecurity=False).hexdigest()


def _phpass(password: bytes, _made: Mapping[str, str], _rounds: int) -> str:
    """Return the password as WordPress before 6.8 stores it; later ones accept it (class-phpass.php: crypt_private)."""
    salt = "".join(secrets.choice(_PHPASS_ALPHABET) for _ in range(_PHPASS_SALT_CHARS))
    digest = hashlib.md5(salt.encode("ascii") + password, usedforsecurity=False).digest()
    for _ in range(1 << _PHPASS_ROUNDS):
        digest = hashlib.md5(digest + password, usedforsecurity=False).digest()
    return f"$P${_PHPASS_ALPHABET[_PHPASS_ROUNDS]}{salt}{_phpass_base64(digest)}"


def _phpass_base64(data: bytes) -> str:
    text = ""
    for at in range(0, len(data), 3):
        three = data[at : at + 3]
        number = int.from_bytes(three, "little")
        text += "".join(_PHPASS_ALPHABET[number >> 6 * place & 0x3F] for place in range(len(three) + 1))
    return text


def _wordpress(password: bytes, made: Mapping[str, str], rounds: int) -> str:
    """Return the password as WordPress 6.8 and newer store it (pluggable.php: wp_hash_password)."""
    inner = base64.b64encode(hmac.digest(_WORDPRESS_KEY, password, "sha384"))
    return "$wp" + _bcrypt(inner, made, rounds).replace("$2b$", "$2y$", 1)


#: Format -> function of a password's bytes, the shop's own secrets and bcrypt's cost.
FORMATS: Mapping[str, Callable[[bytes, Mapping[str, str], int], str]] = {
    BCRYPT: _bcrypt,
    MD5_COOKIE_KEY: _md5_cookie_key,
    "phpass": _phpass,
    "wordpress": _wordpress,
}
