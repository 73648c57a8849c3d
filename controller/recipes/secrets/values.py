"""Judges whether a value is a secret: first by its content, then by its name."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from controller.recipes.secrets import words
from controller.recipes.secrets.names import is_about, is_called, is_key, is_password, is_wording, may_be_hook

#: Results for a value: no secret; a secret by its name and a matching form; a secret by its form alone.
NONE, SUSPECTED, PROVEN = "", "suspected", "proven"
#: A shorter value may be anything, unless its name means a password.
SHORTEST = 6
_SHORTEST_KEY = 20
_SHORTEST_NUMBER = 4
#: A longer password is a text.
_LONGEST_PASSWORD = 256

_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
#: Forms of services' keys and tokens, and of programs' password hashes.
_KNOWN = re.compile(
    rb"(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{10,}|whsec_[0-9A-Za-z+/=]{16,}|(?:live|test)_[0-9A-Za-z]{28,}"
    rb"|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[0-9A-Za-z]{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}"
    rb"|xox[abeoprs]-[\w-]{10,}|SG\.[\w-]{16,}\.[\w-]{16,}|key-[0-9a-f]{32}|[0-9a-f]{32}-us[0-9]{1,2}"
    rb"|xkeysib-[0-9a-f]{60,}-\w+|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|EAA[0-9A-Za-z]{40,}|ya29\.[\w-]{20,}"
    rb"|1//0[\w-]{30,}|npm_[0-9A-Za-z]{36}|dop_v1_[0-9a-f]{64}|sq0(?:atp|csp)-[\w-]{20,}|GOCSPX-[\w-]{20,}"
    rb"|access_token\$(?:production|sandbox)\$\w+\$\w+|sk-[\w-]{20,}|[0-9]{8,10}:[\w-]{35}"
    rb"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    rb"|\$2[abxy]\$[0-9]{2}\$[./0-9A-Za-z]{53}|\$wp\$2y\$[0-9]{2}\$[./0-9A-Za-z]{53}|\$argon2(?:id|i|d)\$[^\s]{20,}"
    rb"|\$[PH]\$[./0-9A-Za-z]{31}|\$[156]\$[./0-9A-Za-z]{1,16}\$[./0-9A-Za-z]{22,}"
)
_WITH_PASSWORD = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@[^\s]*")
_ADDRESS = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^\s]+")
_OTHER_ADDRESS = re.compile(rb"(?:mailto|tel|data|javascript):.*", re.DOTALL)
_HOST = re.compile(rb"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?::[0-9]+)?(?:/[^\s]*)?")
_MAIL = re.compile(rb"(?:[^<>@]*<)?[^@\s<>,;]+@[^@\s<>,;]+\.[A-Za-z]{2,}>?(?:\s*[,;]\s*[^@\s,;]+@[^@\s,;]+)*")
#: Numbers, with units and signs; versions; dates and times; IP addresses; colours.
_NUMBER = re.compile(
    rb"[+-]?[0-9]+(?:[.,][0-9]+)*\s*(?:%|[a-z]{1,3})?|v?[0-9]+(?:\.[0-9]+)+(?:[-.]?(?:alpha|beta|rc|dev|pl|p)[.-]?[0-9]*)?"
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9:.]+(?:Z|[+-][0-9:]+)?)?|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4}"
    rb"|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?|(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?::[0-9]+|/[0-9]+)?"
    rb"|#[0-9A-Fa-f]{3,8}|(?:rgb|hsl)a?\([^)]*\)"
)
#: Licences come in groups of capitals and digits, which may look like words.
_LICENCE = re.compile(rb"(?=.*[0-9])(?=.{12})[A-Z0-9]{3,}(?:-[A-Z0-9]{3,}){2,}")
#: The word for password in many languages.
_PASSWORD_WORD = re.compile(
    r"passw|kennwort|mot de passe|contrase|senha|has[łl][oa]|heslo|jelsz|parol|wachtwoord|l[öo]senord|adgangskode"
    r"|salasana|şifre|sifre|пароль|парол|κωδικ|סיסמ|رمز|گذرواژه|كلمة|密码|密碼|パスワード|비밀번호|mật khẩu|kata sandi",
    re.IGNORECASE,
)
#: What is shown in the place of a secret: one sign again and again, or the letter X, also in groups.
_MASK = re.compile(r"([^\w\s]|[xX])(?:[ -]?\1)+")
#: Letters of any script and the signs between words.
_WORDS = re.compile(r"[^\W\d_]+(?:(?:['’-]|[.,:;!?…]*\s+)[^\W\d_]+)*[\s.:;!?…*]*")
#: Names with their values, and signs of keys.
_NO_SPEECH = re.compile(rb"[=#$@_^~|\\]|:\s*\S")
_MARKUP = re.compile(rb"<[A-Za-z!/?]")
_DRIVE = re.compile(rb"[A-Za-z]:[\\/]")
_LIST = re.compile(rb"\s*[,;|]\s*")
_SECRET_PARAMETER = re.compile(
    r"key|token|secret|passw|pwd|auth|sig(?:nature)?$|licen[sc]e|credential|hash", re.IGNORECASE
)


def judge(name: str, value: bytes) -> str:
    """Return the kind of `value`, of a setting or element named `name`: NONE, SUSPECTED or PROVEN.

    Take arrays and documents apart first: see `secrets.parts`.
    """
    value = value.strip()
    if not value or is_content_free(value) or is_mask(value):
        return NONE
    if is_proven(value):
        return PROVEN
    if _is_said(name, value):
        return NONE
    if is_password(name):
        return SUSPECTED if _may_be_password(value) else NONE
    if not is_called(name):
        return SUSPECTED if is_key(name) and _is_long_key(value) else NONE
    if _ADDRESS.fullmatch(value):
        return SUSPECTED if _holds_access(name, value) else NONE
    if is_about(name) or len(value) < SHORTEST or (is_plain(value) and not _LICENCE.fullmatch(value)):
        return NONE
    return SUSPECTED


def is_proven(value: bytes) -> bool:
    """Return whether a value has a form that only secrets have."""
    if _PRIVATE_KEY.search(value) or _KNOWN.fullmatch(value):
        return True
    access = _WITH_PASSWORD.fullmatch(value)
    return access is not None and b"{" not in access.group(1) and not is_mask(access.group(1))


def is_doubtful(name: str, value: bytes) -> bool:
    """Return whether a value judged no secret has the name of one and may still be one: a word, or a number."""
    value = value.strip()
    if not value or judge(name, value) or not (is_called(name) or is_password(name)) or is_about(name):
        return False
    if words.is_switch(value) or is_content_free(value) or is_mask(value):
        return False
    return value.isalnum() and (len(value) >= SHORTEST or not value.isdigit())


def is_content_free(value: bytes) -> bool:
    """Return whether a serialized value or a JSON document is empty."""
    return re.fullmatch(rb"a:0:\{\}|N;|b:[01];|i:[0-9]+;|s:0:\"\";|\[\s*\]|\{\s*\}|null|\"\"", value) is not None


def is_mask(value: bytes) -> bool:
    """Return whether a value only shows that there is a secret: `********`, `XXXX-XXXX`."""
    return _MASK.fullmatch(value.decode("utf-8", "replace")) is not None


def is_plain(value: bytes) -> bool:
    """Return whether a value is clearly no secret: an address, a number, a path, a word, a text."""
    return (
        words.is_switch(value)
        or _NUMBER.fullmatch(value) is not None
        or any(form.fullmatch(value) for form in (_ADDRESS, _OTHER_ADDRESS, _HOST, _MAIL))
        or _is_path(value)
        or _is_text(value)
        or _is_list(value)
        or words.is_identifier(value)
    )


def is_weak(value: bytes) -> bool:
    """Return whether a secret is a word or number that may stand in third-party files by chance."""
    if len(value) < SHORTEST or words.is_common(value) or is_mask(value):
        return True
    if value.isdigit():
        return len(value) < 2 * SHORTEST
    if value.isalpha():
        return len(value) < 2 * SHORTEST
    return len(value) < 2 * SHORTEST and words.is_identifier(value)


def _may_be_password(value: bytes) -> bool:
    if words.is_switch(value) or words.is_common(value) or len(value) > _LONGEST_PASSWORD:
        return False
    if value.isdigit():
        return len(value) >= _SHORTEST_NUMBER
    return not (_MARKUP.search(value) or b"\n" in value or _ADDRESS.fullmatch(value))


def _is_long_key(value: bytes) -> bool:
    return len(value) >= _SHORTEST_KEY and not is_plain(value) and not words.is_slug(value)


def _holds_access(name: str, address: bytes) -> bool:
    """Return whether an address grants access: it has a key among its parameters, or a path nobody can guess."""
    try:
        parts = urlsplit(address.decode("utf-8", "replace"))
        given = parse_qsl(parts.query)
    except ValueError:
        return False
    for parameter, value in given:
        coded = value.encode("utf-8", "replace")
        called = _SECRET_PARAMETER.search(parameter) and len(coded) >= SHORTEST and not is_plain(coded)
        if called or _KNOWN.fullmatch(coded):
            return True
    segments = [segment.encode("utf-8", "replace") for segment in parts.path.split("/")]
    return may_be_hook(name) and any(_is_long_key(segment) for segment in segments)


def _is_said(name: str, value: bytes) -> bool:
    """Return whether a value is a text for people: words about passwords, or words in the place of one."""
    if re.search(rb"[0-9]", value) or len(value) > _LONGEST_PASSWORD:
        return False
    said, is_one_word = value.decode("utf-8", "replace"), re.search(rb"\s", value) is None
    speaks = _PASSWORD_WORD.search(said) is not None
    if speaks and not is_one_word and not _NO_SPEECH.search(value):
        return True
    if not is_wording(name) or _WORDS.fullmatch(said) is None:
        return False
    # Services that send text messages have passwords and keys, too
    if is_password(name):
        return speaks
    return not (is_one_word and value.isascii()) or words.is_spoken(re.sub(rb"[^A-Za-z]", b"", value))


def _is_path(value: bytes) -> bool:
    if _DRIVE.match(value):
        return True
    if b"/" not in value or b"\n" in value or b"=" in value:
        return False
    parts = [part for part in value.split(b"/") if part not in (b"", b".", b"..", b"~")]
    return all(words.is_file_name(part) for part in parts)


def _is_text(value: bytes) -> bool:
    if _MARKUP.search(value):
        return True
    found = value.split()
    # Keys are written without spaces, or in lines of the same length
    return len(found) > 2 and sum(map(len, found)) / len(found) < _SHORTEST_KEY


def _is_list(value: bytes) -> bool:
    items = [item for item in _LIST.split(value) if item]
    return len(items) > 1 and all(item.isdigit() or words.is_identifier(item) for item in items)
