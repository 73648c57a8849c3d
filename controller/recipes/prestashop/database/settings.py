"""Decides which of PrestaShop's settings (table `configuration`) become values of the job, and which are removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from controller.recipes.base import Secret
from controller.recipes.location import hosts
from controller.recipes.prestashop import living
from controller.recipes.secrets import parts
from controller.recipes.secrets import values as secret_values
from controller.recipes.secrets.parts import Held
from shared.placeholders import token

#: Setting -> value of the job.
FROM_JOB = {
    "PS_SHOP_DOMAIN": "domain",
    "PS_SHOP_DOMAIN_SSL": "domain",
    "PS_SHOP_NAME": "shop.name",
    "PS_SHOP_EMAIL": "shop.email",
}
#: Settings with e-mail addresses of the template's owner; filled only where there was one.
MAIL_RECEIVERS = ("PS_LOGS_EMAIL_RECEIVERS", "MA_MERCHANT_MAILS")
#: Fixed settings of a new shop, whatever the template had. Mail goes through PHP until the owner changes it.
FIXED = {
    "PS_SHOP_ENABLE": b"1", "PS_MAINTENANCE_IP": b"", "PS_SSL_ENABLED": b"0", "PS_SSL_ENABLED_EVERYWHERE": b"0",
    "PS_MEDIA_SERVER_1": b"", "PS_MEDIA_SERVER_2": b"", "PS_MEDIA_SERVER_3": b"", "PS_WEBSERVICE": b"0",
    "PS_MAIL_USER": b"", "PS_MAIL_PASSWD": b"", "PS_MAIL_DKIM_ENABLE": b"0", "PS_MAIL_DKIM_KEY": b"",
    "PS_MAIL_DKIM_DOMAIN": b"", "PS_MAIL_DKIM_SELECTOR": b"", "PS_LAST_SHOP_UPDATE": b"",
    # For 1.6: the other cipher needs mcrypt, which PHP has not had since 7.2
    "PS_CIPHER_ALGORITHM": b"0",
}  # fmt: skip
#: Settings that the recipe's statements need: missing ones are added.
NEEDED = ("PS_SHOP_DOMAIN", "PS_SHOP_DOMAIN_SSL", "PS_SHOP_NAME", "PS_SHOP_EMAIL", "PS_SSL_ENABLED")
_REMADE = {
    "NW_SALT": Secret("secret.nw_salt", "alnum", 16),
    "PS_CHECKOUT_SHOP_UUID_V4": Secret("secret.checkout_uuid", "uuid"),
    "PS_MBO_SHOP_ADMIN_UUID": Secret("secret.mbo_uuid", "uuid"),
}
#: Accounts with the application's maker, all with the same beginning: their content is the owner's.
_ACCOUNT = re.compile(
    r"^PS_ACCOUNTS_|^PS_CHECKOUT_.*(?:KEY|ID)|^PS_PSX_FIREBASE_|SHOP_PROOF|^PS_.*_SECRET$", re.IGNORECASE
)
_NOT_SECRET = re.compile(
    r"^(?:PS_TOKEN_ENABLE|PS_SECURITY_TOKEN|PS_SMARTY_CONSOLE_KEY|PS_SECURITY_PASSWORD_POLICY_.*|PS_PASSWD_.*"
    r"|PS_.*_PASSWD_TIME_.*)$"
)
#: Only a host that belongs to one site: with a dot and a letter.
_SITE = re.compile(r"(?=[^:]*[A-Za-z])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?::[0-9]+)?")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NUMBERS = re.compile(rb"[0-9.]+")
#: What PrestaShop's own library (php-encryption) made with the shop's key, in hexadecimal.
_ENCRYPTED = re.compile(rb"def50200[0-9a-f]{160,}")
_UNREADABLE = "emptied: it was encrypted with the template's key, which no new shop has; enter it anew in its module"


def secrets_in(name: str, value: bytes) -> list[Held]:
    """Return the secrets of a setting: itself, or those inside it. Those that are made anew are proven."""
    if remade(name, value) is not None:
        return [Held("", value, True)]
    if _NOT_SECRET.match(name):
        return []
    held = parts.secrets_in(name, value)
    # An account is removed as a whole, and a possible password in it is searched for as well
    if not held and _is_account(name, value) and b"@" not in value and secret_values.judge("password", value):
        return [] if parts.is_structure(value) else [Held("", value, False)]
    return held


def without_secrets(name: str, value: bytes) -> bytes:
    """Return a setting, or its text in one language, with its secrets emptied; the same object when it has none.

    What the template's key encrypted is emptied as well: nobody can read it.
    """
    if _ENCRYPTED.fullmatch(value):
        return b""
    return value if _NOT_SECRET.match(name) else parts.taken_out(name, value)[0]


def encrypted(values: Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Return (place, sentence) for each of the settings that only the template's own key could decrypt."""
    names = dict.fromkeys(name for name, value in values if _ENCRYPTED.fullmatch(value))
    return [(f"setting {name}", _UNREADABLE) for name in names]


def is_doubtful(name: str, value: bytes) -> bool:
    """Return whether a setting is kept whose name means a secret but whose value is a word or a number."""
    kept = name not in FIXED and name not in _REMADE and not _NOT_SECRET.match(name)
    return kept and not _is_account(name, value) and secret_values.is_doubtful(name, value)


def _is_account(name: str, value: bytes) -> bool:
    """Return whether a setting belongs to one of the owner's accounts; numbers and versions do not."""
    return bool(_ACCOUNT.search(name)) and len(value) >= secret_values.SHORTEST and not _NUMBERS.fullmatch(value)


def remade(name: str, value: bytes) -> Secret | None:
    """Return the secret that replaces a setting, None for a setting that is not made anew."""
    return _REMADE.get(name) if value else None


def media_servers(values: Mapping[str, str]) -> list[str]:
    """Return the hosts other than its own domain that served the shop's pictures, scripts and styles."""
    named = (values.get(f"PS_MEDIA_SERVER_{number}", "") for number in (1, 2, 3))
    return [hosts.plain(host) for host in named if _SITE.fullmatch(host.strip())]


def former_addresses(values: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (host, folder) of the domain in settings: the shop's former address, if its address is another.

    PrestaShop itself uses the table of addresses. A name that every machine has proves nothing.
    """
    named = [values.get(name, "").strip().partition("/") for name in ("PS_SHOP_DOMAIN", "PS_SHOP_DOMAIN_SSL")]
    found = [(hosts.plain(host), "/" + folder.strip("/")) for host, _, folder in named if _SITE.fullmatch(host)]
    return [(host, folder.rstrip("/")) for host, folder in dict.fromkeys(found)]


def numbers_remade(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (old value, name of the new one) of numbers that are unique to a shop.

    Other settings are assembled from them.
    """
    for name, secret in _REMADE.items():
        if secret.format == "uuid" and _UUID.fullmatch(values.get(name, "")):
            yield values[name], secret.name


def template_of(name: str, value: bytes | None, nonce: str) -> bytes | None:
    """Return the setting's template; `value` itself when the recipe does not set it."""
    filled: Callable[[str], bytes] = lambda wanted: bytes(token(nonce, wanted))  # noqa: E731 - one line, four uses
    if name in FROM_JOB:
        return filled(FROM_JOB[name])
    if not value:
        # An empty switch is off
        return FIXED.get(name) or living.setting(name, b"") or value
    if name in MAIL_RECEIVERS:
        return filled("shop.email")
    if name in FIXED:
        return FIXED[name]
    secret = remade(name, value)
    if secret is not None:
        return filled(secret.name)
    if _is_account(name, value):
        return b""
    emptied = without_secrets(name, value)
    return emptied if emptied is not value else living.setting(name, value)
