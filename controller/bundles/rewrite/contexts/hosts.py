"""Decides whether a host of the template's name is, in its context, an address of the shop or a host of the machine.

The table distinguishes a host that belongs to one site (strong: `shop.example`) from one that every machine has (weak:
`localhost`, `db`, `192.168.1.5`), for a template at http://HOST[:PORT][/FOLDER]:

| it stands in                                                    | strong                 | weak                   |
|-----------------------------------------------------------------|------------------------|------------------------|
| http(s)://HOST[:PORT][/FOLDER], //HOST/, ://HOST                 | address                | address                |
| the same with another port                                      | machine                | machine                |
| the same with no port, where the template has one               | address                | machine                |
| the same in another folder, where the template has one          | host (a name)          | machine                |
| HOST:PORT with the template's own port, outside of addresses    | host                   | host, without a folder |
| %{HTTP_HOST} ^HOST$, cookie_domain, DOMAIN_CURRENT_SITE          | host                   | host                   |
| %{HTTP_REFERER} !^https?://(www\\.)?HOST                         | host                   | host                   |
| an origin: Access-Control-Allow-Origin, sources of a policy      | host                   | machine, without http  |
| redis://HOST, mysql:host=HOST, tcp://HOST and other protocols   | host, machine by port  | machine                |
| 'host' => 'HOST', HOST:11211, root@HOST, a word                 | host, machine by port  | machine                |
| smtp.HOST, cdn.HOST: names below it                             | machine                | machine                |

"Host" is replaced by the new shop's host alone: a service under the template's name has to run under the new one.
A machine's host stays: every account has its own `localhost`.
"""

from __future__ import annotations

import re

from controller.bundles.rewrite.contexts.boundaries import (
    ANOTHER_FOLDER,
    ANOTHER_PORT,
    ANOTHER_SERVICE,
    COMMON_WORD,
    ESCAPE_BEFORE,
    LONGER_NAME,
    SLASH,
    SUBDOMAIN,
    is_joined_after,
    is_joined_before,
)
from controller.recipes.base import Replacement
from controller.recipes.location import hosts

_COLON = rb"\\*(?::|%(?:25)*3[Aa]|\\+u003[Aa]|&#x3[Aa];|&#0?58;)"
URL_BEFORE = re.compile(SLASH + rb"{2}([A-Za-z0-9._~-]*@)?$")
#: The protocol before them. Protocols other than http know nothing of a shop's folder.
SCHEME_BEFORE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)" + _COLON + rb"$")
_PORT_AFTER = re.compile(rb"(?::|%(?:25)*3[Aa])([0-9]{2,5})(?![0-9])")
_SUBDOMAIN_BEFORE = re.compile(rb"[A-Za-z0-9_-]\\*\.$")
#: File names that contain the domain.
_EXTENSION_AFTER = re.compile(
    rb"\.(?:jpe?g|png|gif|webp|svg|ico|pdf|csv|xml|html?|txt|zip|t?gz|sql|php|js|css|json|log|conf|crt|key|pem|bak)"
    rb"(?![A-Za-z0-9-])",
    re.IGNORECASE,
)
#: Text before a place where a web server or a cookie expects a host.
_HOST_ASKED = re.compile(
    rb"(?:%\{(?:HTTP_HOST|SERVER_NAME|HTTP:Host)\}[\"']?[ \t]*[=!~]*[ \t]*[\"']?[!=^(?:|)\w.\\-]*"
    rb"|\bSetEnvIf(?:NoCase)?[ \t]+Host[ \t]+[\"']?[\^(?:|)\w.\\-]*"
    rb"|(?:cookie[_-]?domain|DOMAIN_CURRENT_SITE)(?:\\?[\"'])?\]?[ \t]*(?:=>|[=:,])[ \t]*(?:\\?[\"'])?\.?"
    # Hotlink protection: pictures are refused to pages of other hosts
    rb"|%\{HTTP(?:_|:)(?:REFERER|ORIGIN)\}[\"']?[ \t]+[\"']?[^\s\"']*"
    rb"|\bSetEnvIf(?:NoCase)?[ \t]+(?:Referer|Origin)[ \t]+[\"']?[^\s\"']*)$",
    re.IGNORECASE,
)
#: Stands for this text before a value that has none.
ASKED = b"cookie_domain="
#: A key whose value is a host.
_KEY_OF_HOST = re.compile(rb"(?:.*[._-])?cookie[_-]?domain|DOMAIN_CURRENT_SITE", re.IGNORECASE | re.DOTALL)
_JSON_KEY = re.compile(rb'"([^"\\]+)"[ \t\r\n]*:[ \t\r\n]*$')
#: Text before a place where browsers compare origins, which have no path.
_ORIGIN_BEFORE = re.compile(
    rb"(?:access-control-allow-origin(?:[\"':,=>\s]|value=)*(?:https?://)?|allow-from[ \t]+(?:https?://)?"
    rb"|%\{HTTP(?:_|:)ORIGIN\}[\"']?[ \t]+[\"']?[^\s\"']*|\bSetEnvIf(?:NoCase)?[ \t]+Origin[ \t]+[\"']?[^\s\"']*"
    rb"|\b(?:(?:default|script|style|img|font|connect|media|object|child|frame|worker|manifest)-src(?:-elem|-attr)?"
    rb"|frame-ancestors|form-action)[ \t][^\r\n\"<>{};]*)$",
    re.IGNORECASE,
)
_ORIGIN_WORDS = (b"origin", b"-src", b"ancestors", b"form-action", b"allow-from")
#: The part of a policy that may stand before one of its sources.
_LINE_BYTES = 1000
_PATH_AFTER = re.compile(rb"(?::[0-9]+)?" + SLASH)
#: Text before the two slashes of an address without scheme, and after its host.
_ADDRESS_BEFORE = re.compile(rb"(?:^|[\"'(=,]|&quot;|&#0?39;|%22|%27|%3[Dd]|\\u0022|" + _COLON + rb")$")
_ADDRESS_AFTER = re.compile(rb"(?:\Z|" + SLASH + rb"|[\"'?#)\\]|&quot;|&#0?39;|%22|%27|%3[Ff]|" + _COLON + rb"[0-9])")


def is_weak(host: bytes) -> bool:
    """Return whether a host, or an address that begins with one, has a name that every machine has."""
    address = host.decode("utf-8", "replace").rpartition("//")[2]
    return hosts.is_weak(address.partition("/")[0])


def is_key_of_host(key: bytes) -> bool:
    """Return whether the value of a key with this name is a host."""
    return _KEY_OF_HOST.fullmatch(key) is not None


def is_below_key_of_host(before: bytes) -> bool:
    """Return whether the JSON string after `before` is the value of such a key."""
    found = _JSON_KEY.search(before) if b"omain" in before or b"OMAIN" in before else None
    return found is not None and is_key_of_host(found.group(1))


def is_origin(data: bytes, start: int, end: int) -> bool:
    """Return whether the address whose host is `data[start:end]` is an origin: it has no path, whatever the shop's."""
    if _PATH_AFTER.match(data, end):
        return False
    line = data[max(0, start - _LINE_BYTES) : start].lower()
    # A fast check first: nearly always there is none
    return any(word in line for word in _ORIGIN_WORDS) and _ORIGIN_BEFORE.search(line) is not None


def is_of_weak(one: Replacement) -> bool:
    """Return whether a needle is, or begins with, a host that every machine has."""
    return one.kind in ("domain", "host") and is_weak(one.old)


def problem_of(before: bytes, after: bytes, host: bytes, kind: str) -> str:
    """Return why `host` between `before` and `after` is not the shop's; "" when it is.

    `kind` is "domain", or "host" for a name that no address of the shop begins with.
    """
    weak = is_weak(host)
    # A needle with its scheme is always an address
    slashes = None if b"//" in host else URL_BEFORE.search(before)
    in_url = slashes is not None or b"//" in host
    if kind == "host":
        return _problem_of_host(before, after, in_url)
    if weak and not _HOST_ASKED.search(before):
        if slashes is not None and not _speaks_http(before[: slashes.start()], after):
            return ANOTHER_SERVICE
        if not in_url and not _names_its_port(host):
            return COMMON_WORD
    problem = _problem_around(before, after, in_url)
    port = _PORT_AFTER.match(after)
    if not problem and port and not _has_port(host) and port.group(1).decode() not in hosts.USUAL_PORTS:
        return ANOTHER_PORT
    return problem


def _problem_of_host(before: bytes, after: bytes, in_url: bool) -> str:
    if _HOST_ASKED.search(before):
        return _problem_around(before, after, in_url)
    if in_url:
        return ANOTHER_PORT if _PORT_AFTER.match(after) else ANOTHER_FOLDER
    return COMMON_WORD


def _problem_around(before: bytes, after: bytes, in_url: bool) -> str:
    """Return why a host is part of another name; "" when it stands as a whole."""
    if not ESCAPE_BEFORE.search(before) and _SUBDOMAIN_BEFORE.search(before):
        return SUBDOMAIN
    if is_joined_before(before, b"-"):
        return LONGER_NAME
    if after[:1] in (b"-", b"_") and not in_url and not before.endswith(b"@"):
        return ""
    if _EXTENSION_AFTER.match(after) and not in_url and not before.endswith(b"@"):
        return ""
    return LONGER_NAME if is_joined_after(after) else ""


def _speaks_http(before: bytes, after: bytes) -> bool:
    """Return whether two slashes after `before` begin a web address: comments of code begin so, too."""
    scheme = SCHEME_BEFORE.search(before)
    if scheme is not None:
        return scheme.group(1).lower().endswith((b"http", b"https"))
    return bool(_ADDRESS_BEFORE.search(before) and _ADDRESS_AFTER.match(after))


def _has_port(host: bytes) -> bool:
    return bool(hosts.split(_host_of(host))[1])


def _names_its_port(host: bytes) -> bool:
    """Return whether only the template's web server can be meant, because its port belongs to the name."""
    return _has_port(host) and b"/" not in host


def _host_of(host: bytes) -> str:
    return host.decode("utf-8", "replace").rpartition("//")[2].partition("/")[0]


def end_of_port(data: bytes, end: int, last: int) -> int:
    """Return where the port of an address ends: default ports mean nothing, and none may follow a folder."""
    port = _PORT_AFTER.match(data, end, last)
    return end if port is None else port.end()
