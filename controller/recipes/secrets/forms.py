"""Finds secrets by their form alone in any bytes: keys and tokens of services, private keys, also in base64 and in
hexadecimal."""

from __future__ import annotations

import base64
import json
import re
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from controller.recipes.places import Places

#: What may stand before a token: no character of a word, except as the end of an escape.
_BEGIN = rb"(?:(?<![0-9A-Za-z_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
_END = rb"(?![0-9A-Za-z_])"
#: Characters of base64, also as they are written in JSON and URLs.
_SIGN = rb"(?:[0-9A-Za-z+]|\\*/|\\+u002[BbFf]|%2[BbFf])"
_SLASH = rb"(?:\\*/|\\+u002[Ff]|%2[Ff])"
_DOLLAR = rb"(?:\\*\$|%24)"
_SPACE = rb"(?: |\+|%20)"
#: Amazon puts the id of a key, without the key, into public addresses.
_NOT_PUBLIC = b"".join(
    rb"(?<!%b%b)" % (name, equals)
    for name in (b"SubscriptionId", b"AWSAccessKeyId", b"X-Amz-Credential")
    for equals in (b"=", b"%3D", b"%3d")
)
_KEY = rb"PRIVATE" + _SPACE + rb"KEY(?:" + _SPACE + rb"BLOCK)?-----"
_PRIVATE_KEY = (
    rb"-----BEGIN" + _SPACE + rb"(?:[A-Z0-9]+" + _SPACE + rb")*" + _KEY
    + rb"(?:(?!-----)[^\0]){0,400}?" + _SIGN + rb"{40}"
    + rb"(?:(?:(?!-----)[^\0]){0,20000}-----END[A-Z0-9 +%]{0,30}" + _KEY + rb"|" + _SIGN + rb"*)"
)  # fmt: skip


@dataclass(frozen=True)
class _Form:
    """The label of a kind of secret, texts that each of them contains (one of `anchors`), and its pattern.

    Anchors are found by a quick search; up to `before` bytes of the secret stand before the anchor.
    """

    label: str
    anchors: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    before: int


def _form(label: str, anchors: tuple[bytes, ...], pattern: bytes, before: int = 0) -> _Form:
    return _Form(label, anchors, re.compile(pattern, re.DOTALL), before)


_FORMS = (
    _form("private key", (b"PRIVATE",), _PRIVATE_KEY, 40),
    _form("key of Stripe", (b"live_", b"k_test_"), rb"(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{16,}", 3),
    _form("webhook secret of Stripe", (b"whsec_",), rb"whsec_" + _SIGN + rb"{24,}(?:=|%3[Dd]){0,2}"),
    _form("key of Mollie", (b"live_",), _BEGIN + rb"live_(?=[A-Za-z]*[0-9])[0-9A-Za-z]{30}" + _END),
    _form("key of AWS", (b"AKIA", b"ASIA"), _BEGIN + _NOT_PUBLIC + rb"A[KS]IA[0-9A-Z]{16}(?![0-9A-Za-z_/+=])"),
    _form("token of GitHub", (b"ghp_", b"gho_", b"ghs_"), _BEGIN + rb"gh[pos]_[0-9A-Za-z]{36,}"),
    _form("token of GitHub", (b"github_pat_",), rb"github_pat_[0-9A-Za-z]{20,}_[0-9A-Za-z]{20,}"),
    _form("token of GitLab", (b"glpat-",), _BEGIN + rb"glpat-[\w-]{20,}"),
    _form("token of Slack", (b"xox",), _BEGIN + rb"xox[abeoprs]-(?=[\w-]{0,200}[0-9])[0-9A-Za-z]{6,}-[\w-]{10,}"),
    _form(
        "webhook of Slack", (b"hooks.slack.com",),
        rb"hooks\.slack\.com" + _SLASH + rb"services" + (_SLASH + rb"[0-9A-Za-z]{8,}") * 3,
    ),
    _form("key of SendGrid", (b"SG.",), _BEGIN + rb"SG\.[\w-]{16,}\.[\w-]{32,}"),
    _form("key of Brevo", (b"xkeysib-",), rb"xkeysib-[0-9a-f]{60,}-\w{8,}"),
    _form("key of Mailchimp", (b"-us",), _BEGIN + rb"[0-9a-f]{32}-us[0-9]{1,2}" + _END, 32),
    _form("token of Shopify", (b"shp",), _BEGIN + rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}" + _END),
    _form("token of Facebook", (b"EAA",), _BEGIN + rb"EAA(?=[0-9A-Za-z]*Z[A-D])[0-9A-Za-z]{80,}(?![\w+/=])"),
    _form("access token of Google", (b"ya29.",), _BEGIN + rb"ya29\.[\w-]{20,}"),
    _form(
        "refresh token of Google",
        (b"1//0", b"1\\/\\/0", b"1\\\\/\\\\/0", b"1\\u002f", b"1\\u002F", b"1%2F%2F0", b"1%2f%2f0"),
        _BEGIN + rb"1" + _SLASH + _SLASH + rb"0[\w-]{30,}",
    ),
    _form("client secret of Google", (b"GOCSPX-",), rb"GOCSPX-[\w-]{20,}"),
    _form("token of npm", (b"npm_",), _BEGIN + rb"npm_[0-9A-Za-z]{36}" + _END),
    _form("token of DigitalOcean", (b"dop_v1_",), rb"dop_v1_[0-9a-f]{64}" + _END),
    _form("key of Square", (b"sq0",), _BEGIN + rb"sq0(?:atp|csp)-[\w-]{20,}"),
    _form(
        "token of PayPal", (b"access_token",),
        rb"access_token" + _DOLLAR + rb"(?:production|sandbox)" + _DOLLAR + rb"\w{10,}" + _DOLLAR + rb"\w{20,}",
    ),
    _form("key of OpenAI", (b"T3BlbkFJ",), _BEGIN + rb"sk-[\w-]{16,}T3BlbkFJ[\w-]{16,}", 140),
    _form("key of Anthropic", (b"sk-ant-",), _BEGIN + rb"sk-ant-[\w-]{30,}"),
    _form(
        "token of a Telegram bot", (b":AA", b"%3AAA", b"%3aAA"),
        _BEGIN + rb"[0-9]{8,10}(?::|%3[Aa])AA[\w-]{33}(?![\w-])", 10,
    ),
    _form("web token", (b"eyJ",), _BEGIN + rb"eyJ[\w-]{8,1024}+\.eyJ[\w-]{8,}+\.[\w-]{20,}"),
)  # fmt: skip
#: Characters that many files lack, the rarest first: a missing one is found at once.
_RARE = "%\\XKJ9V1320GEAIPRT:-._x"


def _by_rarest(anchors: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    """Return character -> the anchors of which it is the rarest."""
    found: dict[bytes, list[bytes]] = {}
    for anchor in dict.fromkeys(anchors):
        rarest = next((one for one in _RARE if one.encode() in anchor), "")
        found.setdefault(rarest.encode(), []).append(anchor)
    return found


_ALL = tuple(dict.fromkeys(anchor for form in _FORMS for anchor in form.anchors))
#: How thorough a search is: in any encoding; as people write secrets into code; only the commonest kinds.
WRAPPED, WRITTEN, COMMON = "wrapped", "written", "common"
_ANCHORS = {
    WRAPPED: _by_rarest(_ALL),
    WRITTEN: _by_rarest(anchor for anchor in _ALL if not re.search(rb"[\\%]", anchor)),
    COMMON: _by_rarest((b"live_", b"PRIVATE", b"AKIA", b"ghp_", b"xox")),
}
#: From documentation, or clearly not real.
_EXAMPLES = re.compile(
    rb"example|sample|dummy|placeholder|your|xxxx|\*\*\*\*|1234567|abcdef|00000|changeme"
    rb"|4ec39hqlyjwdarjtt1zdp7dc|bqokikjovbii2hlwgh4olfq2|eyjzdwiioiixmjm0nty3odkwi",
    re.IGNORECASE,
)
#: SHA-256 of the letters and digits of private keys that libraries bring for tests: that of TCPDF's certificate.
PUBLISHED = frozenset({"47b33b1af916e250b890be633218e808ba75c2f6f60acc6b8f085e9dbbcf4d68"})
#: Claims of a software statement (RFC 7591), by which a program introduces itself, and of a token that opens something.
_OF_PROGRAMS = frozenset({"software_id", "client_name"})
_OF_ACCESS = frozenset({"sub", "scope", "client_id", "client_secret", "email"})
_LONGEST_STATEMENT = 8192
_BARE = re.compile(rb"\\+[rnt]|[^0-9A-Za-z]")
_FEWEST_CHARACTERS = 8
_LONGEST_EXAMPLE = 400
#: Every secret has a run of at least so many characters of keys; `a` stands for each of these.
_SHORTEST_RUN = b"a" * 20
_OF_KEYS = bytes(ord("a") if chr(one) in string.ascii_letters + string.digits + "_-+/" else 0 for one in range(256))
#: No secret is shorter in base64 or hexadecimal.
_RUN = re.compile(rb"[0-9A-Za-z+/]{26,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_ALIGNMENTS = 4
#: So many layers of base64 or hexadecimal are decoded: settings within settings have two.
_DEEPEST = 3


@dataclass(frozen=True)
class Met:
    """A secret at `start` to `end` (of its encoded form); `value` is the decoded secret."""

    label: str
    start: int
    end: int
    value: bytes


def may_hold(data: bytes) -> bool:
    """Return quickly whether `data` may hold a secret."""
    return _has_anchor(data) or next(_runs(data), None) is not None


def has_run(data: bytes) -> bool:
    """Return quickly whether `data` has a run of key characters as long as the shortest secret; words are shorter."""
    return len(data) >= len(_SHORTEST_RUN) and _SHORTEST_RUN in data.translate(_OF_KEYS)


def met(data: bytes, care: str = WRAPPED) -> list[Met]:
    """Return the secrets in `data` from left to right, searched with `care`."""
    found = list(_plain(data, care))
    taken = Places((one.start, one.end) for one in found)
    for start, end in _runs(data) if care == WRAPPED else ():
        if taken.meet(start, end):
            continue
        for inner, _ in _unwrapped(data[start:end]):
            inside = _first_in(inner, _DEEPEST - 1)
            if inside is not None:
                found.append(Met(inside.label, start, end, inside.value))
                break
    return sorted(found, key=lambda one: one.start)


def _first_in(data: bytes, depth: int) -> Met | None:
    """Return a secret in a decoded run, in up to `depth` further layers of encoding."""
    found = next(iter(_plain(data)), None)
    if found is not None or not depth or not has_run(data):
        return found
    wrapped = (inner for start, end in _runs(data, depth) for inner, _ in _unwrapped(data[start:end]))
    return next((inside for inner in wrapped if (inside := _first_in(inner, depth - 1)) is not None), None)


def without(data: bytes, label: str, text: bytes) -> bytes:
    """Return `data` with the secrets called `label` replaced by `text`; the same object when there is none."""
    parts, last = [], 0
    for one in met(data):
        if one.label == label:
            parts += [data[last : one.start], _rewrapped(data[one.start : one.end], label, text)]
            last = one.end
    return b"".join(parts) + data[last:] if parts else data


def labels() -> frozenset[str]:
    """Return the labels of the kinds of secrets."""
    return frozenset(form.label for form in _FORMS)


def _plain(data: bytes, care: str = WRAPPED) -> Iterator[Met]:
    taken = Places()
    present = set(_anchors_in(data, care))
    for form, anchor in [(one, anchor) for one in _FORMS for anchor in one.anchors if anchor in present]:
        for start, end in _hits(data, form, anchor):
            if not (_is_example(data[start:end]) or _is_statement(data[start:end])) and taken.take(start, end):
                yield Met(form.label, start, end, data[start:end])


def _hits(data: bytes, form: _Form, anchor: bytes) -> Iterator[tuple[int, int]]:
    """Yield the positions of secrets of one form, searching only around the anchor."""
    done, at = 0, data.find(anchor)
    while at >= 0:
        starts = range(max(done, at - form.before), at + 1)
        hit = next((hit for start in starts if (hit := form.pattern.match(data, start))), None)
        if hit is not None and hit.end() > at:
            yield hit.span()
            done = hit.end()
        at = data.find(anchor, max(done, at + 1))


def _is_example(value: bytes) -> bool:
    if len(value) < _LONGEST_EXAMPLE:
        return _EXAMPLES.search(value) is not None or len(set(value[8:])) < _FEWEST_CHARACTERS
    return sha256(_BARE.sub(b"", value)).hexdigest() in PUBLISHED


def _is_statement(token: bytes) -> bool:
    """Return whether a web token is a software statement: its program shows it to every server that asks."""
    parts = token.split(b".")
    if len(parts) != 3 or len(token) > _LONGEST_STATEMENT or not token.startswith(b"eyJ"):
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(claims, dict) and claims.keys() >= _OF_PROGRAMS and not claims.keys() & _OF_ACCESS


def _runs(data: bytes, depth: int = _DEEPEST) -> Iterator[tuple[int, int]]:
    """Yield the runs of base64 or hexadecimal that may hold a secret."""
    for hit in _RUN.finditer(data):
        # Words and paths of words
        if hit.group().replace(b"/", b"").isalpha():
            continue
        if any(_may_mean_one(inner, depth - 1) for inner, _ in _unwrapped(hit.group())):
            yield hit.span()


def _may_mean_one(inner: bytes, depth: int) -> bool:
    # Decoded pictures have no such run
    return _has_anchor(inner) or (depth > 0 and has_run(inner) and next(_runs(inner, depth), None) is not None)


def _has_anchor(data: bytes) -> bool:
    return next(_anchors_in(data), None) is not None


def _anchors_in(data: bytes, care: str = WRAPPED) -> Iterator[bytes]:
    # An anchor whose rarest character is missing is not searched for
    return (anchor for rarest, those in _ANCHORS[care].items() if rarest in data for anchor in those if anchor in data)


def _unwrapped(run: bytes) -> Iterator[tuple[bytes, Callable[[bytes], bytes]]]:
    """Yield the possible decoded forms of a run, each with the function that encodes it again."""
    if _HEX.fullmatch(run):
        upper = run.upper() == run
        yield bytes.fromhex(run.decode()), lambda inner: (inner.hex().upper() if upper else inner.hex()).encode()
    body = run.rstrip(b"=")
    for skipped in range(_ALIGNMENTS):
        coded = body[skipped:]
        coded = coded[:-1] if len(coded) % 4 == 1 else coded
        rest = body[skipped + len(coded) :]

        def again(inner: bytes, head: bytes = body[:skipped], rest: bytes = rest) -> bytes:
            made = base64.b64encode(inner)
            return head + (made.rstrip(b"=") + rest if rest else made)

        yield base64.b64decode(coded + b"=" * (-len(coded) % 4)), again


def _rewrapped(found: bytes, label: str, text: bytes) -> bytes:
    if any(one.label == label and (one.start, one.end) == (0, len(found)) for one in _plain(found)):
        return text
    for inner, again in _unwrapped(found):
        made = without(inner, label, text)
        if made is not inner:
            return again(made)
    return text
