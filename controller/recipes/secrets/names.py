"""Decides by the names of settings, constants, columns and elements whether their values are secrets."""

from __future__ import annotations

import re
from functools import lru_cache

#: Other keys are rules for addresses, texts or file names, and name nothing.
_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PASSWORD = re.compile(
    r"(?:^|_)(?:[a-z]*passw(?:or)?d|[a-z]*passwort|passphrase|[a-z]*pass|pwd|[a-z]+pw|motdepasse|contrasena"
    r"|haslo|heslo|senha|kennwort|wachtwoord|parola)[0-9]?"
    r"(?:_(?:live|test|sandbox|prod|production|[0-9]+))?$"
)
_CALLED = re.compile(
    r"passw|(?:^|_)pass(?:$|_)|secret|token|api_?key|private_?key|access_?key|licen[sc]e|(?:^|_)salt(?:$|_)|web_?hook"
    r"|credential|client_?id|consumer_?key|secur(?:e|ity)_?key|auth_?key|app_?key|merchant_?id|(?:^|_)pwd(?:$|_)"
    r"|uuid|shop_?proof|purchase_?code|bearer|signature|encryption_?key|signing_?key|service_?key|server_?key"
    r"|serial_?(?:key|number)|activation_?key|authorization|(?:^|_)(?:hmac|clave|klucz)(?:_|[0-9]{0,3}$)"
)
_KEY = re.compile(r"(?:^|_)key(?:_(?:live|test|sandbox|prod|production|[0-9]+))?$")
#: Keys made to be public.
_PUBLIC = re.compile(r"public_?key|site_?key|publishable|(?:^|_)pub_?key|public_token")
#: The last word says which property of the secret the value is: its address, whether it exists, how long it lives.
_ABOUT = re.compile(
    r"(?:^|_)(?:url|uri|link|href|endpoint|enabled?|disabled?|active|status|state|strength|expir[a-z]*|lifetime|ttl"
    r"|length|min|max|minimum|maximum|time|date|timestamp|created|updated|count|type|name|title|label|description"
    r"|desc|text|message|notice|page|page_id|method|mode|algo|algorithm|position|order|class|style|icon|colou?r|size"
    r"|format|prefix|suffix|field|header|options?|settings|visible|show|hide|display|required|policy|score|version"
    r"|file|path|dir|folder|template|placeholder|email|mail|domain|host|port|user|username|login|check|checked"
    r"|validity|valid|interval|limit|attempts|column|hook|hooks|lang|language|country|currency|ids|list|pages)$"
)
#: Earlier words of a name whose value is shown to visitors.
_WORDING = re.compile(
    r"(?:^|_)(?:labels?|titles?|texts?|txt|messages?|msg|placeholders?|headings?|captions?|buttons?|btn|tooltips?|hints?"
    r"|notices?|errors?|strings?|translations?|i18n|lang)_"
)
#: An action on a password, not a password.
_ACTION = re.compile(
    r"(?:^|_)(?:generate|show|hide|display|enable|disable|require|allow|use|force|send|lost|forgot|forgotten|reset"
    r"|change|confirm|min|max|minimum|maximum|has|is|with|without|need)_[a-z]+$"
)


@lru_cache(maxsize=4096)
def spelled(name: str) -> str:
    """Return a name in lower case with underscores between its words; "" when it is not a name."""
    if not _NAME.fullmatch(name):
        return ""
    return re.sub(r"[^a-z0-9]+", "_", _HUMP.sub("_", name).lower()).strip("_")


def is_password(name: str) -> bool:
    """Return whether a value of that name is a password, so that even a short one is a secret."""
    found = spelled(name)
    return bool(_PASSWORD.search(found)) and not _ACTION.search(found) and not found.endswith(("bypass", "compass"))


def is_called(name: str) -> bool:
    """Return whether a name means a secret."""
    found = spelled(name)
    return bool(_CALLED.search(found)) and not _PUBLIC.search(found)


def is_key(name: str) -> bool:
    """Return whether a name means a key, which may also be that of an array."""
    found = spelled(name)
    return bool(_KEY.search(found)) and not _PUBLIC.search(found)


def is_wording(name: str) -> bool:
    """Return whether a name means a text about a secret for visitors."""
    return bool(_WORDING.search(spelled(name)))


def is_about(name: str) -> bool:
    """Return whether a name is about a secret without meaning the secret itself."""
    found = spelled(name)
    return bool(_ABOUT.search(found) or _ACTION.search(found))


def may_be_hook(name: str) -> bool:
    """Return whether a name may be that of a webhook address, which may be secret as a whole."""
    return "hook" in spelled(name)
