"""The secrets of a shop: made once per job in the exact formats of applications; and their fingerprints."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import string
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Secret

ALNUM = string.ascii_letters + string.digits
#: Without letters and digits that look alike, as people type these.
READABLE = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
FOLDER = string.ascii_lowercase + string.digits
#: Header of a Defuse encryption key, version 2.
_DEFUSE_HEADER = bytes.fromhex("def00000")
_DEFUSE_KEY_BYTES = 32
_RSA_BITS = 2048
#: Format -> number of characters when the manifest gives none.
_LENGTHS = {"alnum": 32, "hex": 64, "password": 16, "folder": 10}
_DATABASE_CHARS = 24
#: Too short to be unique among all shops, and no secrets by themselves.
NOT_FINGERPRINTED = ("folder",)


def defuse_key() -> str:
    """Return a key as Defuse's php-encryption stores it: header, 32 random bytes and their SHA-256, in hexadecimal."""
    body = _DEFUSE_HEADER + os.urandom(_DEFUSE_KEY_BYTES)
    return (body + hashlib.sha256(body).digest()).hex()


def rsa_pair() -> tuple[str, str]:
    """Return (private, public) PEM of a new RSA pair: PKCS#8 and SubjectPublicKeyInfo, as openssl writes them."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    private_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private_pem.decode("ascii"), public_pem.decode("ascii")


def password(length: int = _LENGTHS["password"]) -> str:
    """Return a password of readable letters and digits with at least one of each kind."""
    while True:
        found = _chosen(READABLE, length)
        if any(c.islower() for c in found) and any(c.isupper() for c in found) and any(c.isdigit() for c in found):
            return found


def database_password() -> str:
    """Return a password for servers that also require punctuation; it is written alike in SQL, PHP, YAML and URLs."""
    left = 1 + secrets.randbelow(_DATABASE_CHARS - 2)
    found = password(_DATABASE_CHARS - 1)
    return f"{found[:left]}-{found[left:]}"


def make_all(wanted: Iterable[Secret]) -> dict[str, str]:
    """Return name -> value for the manifest's `secrets`.

    Raises ShoplaunchError `manifest_invalid` for an unknown format or a public key without its private one.
    """
    rows = list(wanted)
    made = {row["name"]: _make(row) for row in rows if row["format"] not in ("rsa_private", "rsa_public")}
    publics = {row.get("pair", ""): row["name"] for row in rows if row["format"] == "rsa_public"}
    for row in rows:
        if row["format"] == "rsa_private":
            private, public = rsa_pair()
            made[row["name"]] = private
            if row["name"] in publics:
                made[publics.pop(row["name"])] = public
    if publics:
        raise ShoplaunchError("manifest_invalid", f"{next(iter(publics.values()))} has no private key")
    return made


_MAKERS: dict[str, Callable[[int], str]] = {
    "alnum": lambda length: _chosen(ALNUM, length),
    "hex": lambda length: _chosen("0123456789abcdef", length),
    "password": lambda length: password(max(length, 8)),
    "folder": lambda length: _chosen(FOLDER, length),
    "uuid": lambda _length: str(uuid.uuid4()),
    "defuse_key": lambda _length: defuse_key(),
}


def _make(row: Secret) -> str:
    maker = _MAKERS.get(row["format"])
    if maker is None:
        raise ShoplaunchError("manifest_invalid", f"{row['name']} has the unknown format {row['format']!r}")
    return row.get("prefix", "") + maker(row.get("length") or _LENGTHS.get(row["format"], 0))


def _chosen(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))


def fingerprint(salt: bytes, value: str) -> str:
    """Return the salted fingerprint of a secret: the same secret always gives the same fingerprint."""
    return hmac.new(salt, value.encode("utf-8"), hashlib.sha256).hexdigest()
