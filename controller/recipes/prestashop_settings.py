"""PrestaShop's settings (table `configuration`): which become values of the job, and which must not travel."""

from __future__ import annotations

import re
from collections.abc import Callable

from controller.recipes import prestashop_living as living
from controller.recipes.base import Secret
from shared.placeholders import token

#: Setting -> value of the job.
FROM_JOB = {
    "PS_SHOP_DOMAIN": "domain",
    "PS_SHOP_DOMAIN_SSL": "domain",
    "PS_SHOP_NAME": "shop.name",
    "PS_SHOP_EMAIL": "shop.email",
}
#: Settings with addresses of the template's owner; filled only where there was one.
MAIL_RECEIVERS = ("PS_LOGS_EMAIL_RECEIVERS", "MA_MERCHANT_MAILS")
#: Settings a new shop begins with, whatever the template had. Mail goes through PHP until the owner says otherwise.
FIXED = {
    "PS_SHOP_ENABLE": b"1", "PS_MAINTENANCE_IP": b"", "PS_SSL_ENABLED": b"0", "PS_SSL_ENABLED_EVERYWHERE": b"0",
    "PS_MEDIA_SERVER_1": b"", "PS_MEDIA_SERVER_2": b"", "PS_MEDIA_SERVER_3": b"", "PS_WEBSERVICE": b"0",
    "PS_MAIL_USER": b"", "PS_MAIL_PASSWD": b"", "PS_MAIL_DKIM_ENABLE": b"0", "PS_MAIL_DKIM_KEY": b"",
    "PS_MAIL_DKIM_DOMAIN": b"", "PS_MAIL_DKIM_SELECTOR": b"", "PS_LAST_SHOP_UPDATE": b"",
    # Of 1.6: the other one needs mcrypt, which PHP has not had since 7.2
    "PS_CIPHER_ALGORITHM": b"0",
}  # fmt: skip
#: Settings that must be there for the recipe's statements: where missing they are added.
NEEDED = ("PS_SHOP_DOMAIN", "PS_SHOP_DOMAIN_SSL", "PS_SHOP_NAME", "PS_SHOP_EMAIL", "PS_SSL_ENABLED")
_REMADE = {
    "NW_SALT": Secret("secret.nw_salt", "alnum", 16),
    "PS_CHECKOUT_SHOP_UUID_V4": Secret("secret.checkout_uuid", "uuid"),
    "PS_MBO_SHOP_ADMIN_UUID": Secret("secret.mbo_uuid", "uuid"),
}
_SECRET = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|LICENSE|_SALT|WEBHOOK|UUID|SHOP_PROOF"
    r"|CLIENT_ID|MERCHANT_ID|_PWD|SECURE_?KEY|CREDENTIAL|^PS_ACCOUNTS_|^PS_CHECKOUT_.*(?:KEY|ID)|^PS_PSX_FIREBASE_"
    r"|_KEY$",
    re.IGNORECASE,
)
_NOT_SECRET = re.compile(
    r"^(?:PS_TOKEN_ENABLE|PS_SECURITY_TOKEN|PS_SMARTY_CONSOLE_KEY|PS_SECURITY_PASSWORD_POLICY_.*|PS_PASSWD_.*"
    r"|PS_.*_PASSWD_TIME_.*)$"
)
_SHORTEST_SECRET = 6
_NUMBERS = re.compile(rb"[0-9.]+")
_SWITCHED = (b"", b"0", b"1")


def is_secret(name: str, value: bytes) -> bool:
    """Tell whether a setting is somebody's key, password or account; numbers and versions are not."""
    return _named_secret(name) and len(value) >= _SHORTEST_SECRET and not _NUMBERS.fullmatch(value)


def is_doubtful(name: str, value: bytes) -> bool:
    """Tell whether a setting is called like a secret but holds what may be anything: something short, or a number."""
    return _named_secret(name) and value not in _SWITCHED and not is_secret(name, value) and name not in FIXED


def _named_secret(name: str) -> bool:
    return bool(_SECRET.search(name)) and not _NOT_SECRET.match(name)


def remade(name: str, value: bytes) -> Secret | None:
    """Return the secret that takes a setting's place, None when it is not one to remake."""
    return _REMADE.get(name) if value else None


def template_of(name: str, value: bytes | None, nonce: str) -> bytes | None:
    """Return the setting's template; `value` itself when the recipe does not set it."""
    filled: Callable[[str], bytes] = lambda wanted: bytes(token(nonce, wanted))  # noqa: E731 - one line, four uses
    if name in FROM_JOB:
        return filled(FROM_JOB[name])
    if not value:
        # An empty switch is one that is off
        return FIXED.get(name) or living.setting(name, b"") or value
    if name in MAIL_RECEIVERS:
        return filled("shop.email")
    if name in FIXED:
        return FIXED[name]
    secret = remade(name, value)
    if secret is not None:
        return filled(secret.name)
    return b"" if is_secret(name, value) else living.setting(name, value)
