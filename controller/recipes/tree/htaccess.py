"""Adapts an owner's `.htaccess` to a new account: without redirects to https, or to the template's host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shared.placeholders import token

HTACCESS = b".htaccess"
#: The first rule: files that prove control of a domain are served over http as they are, whatever follows.
PROOFS = b"""\
# What proves this domain to an authority is served as it is
<IfModule mod_rewrite.c>
RewriteEngine on
RewriteRule ^\\.well-known(/|$) - [L]
</IfModule>

"""
LEFT_OUT = "rules that lead to https or to the template's own host are left out: https has its own, once it is served"
SHORTENED = "redirects to the shop's own pages name these without scheme and host"
OVER_HTTPS = "rules about the page a visitor comes from hold for pages over https, too"
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|((?:\\.|[^\\\s])+)', re.DOTALL)
#: Conditions on the visitor's protocol, and on the host name.
_SCHEME = re.compile(
    rb"%\{(?:HTTPS|(?:ENV|SSL):HTTPS|SERVER_PORT|SERVER_PORT_SECURE|REQUEST_SCHEME"
    rb"|HTTP:[^}]*(?:proto|https|ssl|scheme|visitor|port)[^}]*)\}",
    re.IGNORECASE,
)
_HOST = re.compile(rb"%\{(?:HTTP_HOST|SERVER_NAME|HTTP:[^}]*host)\}", re.IGNORECASE)
#: Patterns that match every address, and targets that are the requested address.
_EVERYTHING = re.compile(rb"\^?(?:/\??)?\(?/?(?:\.[*+])?\)?\$?")
_ITSELF = re.compile(rb"/?(?:\$[01]|%\{REQUEST_URI\})(?:\?.*)?", re.IGNORECASE)
_FORBIDS = re.compile(rb"[\[,](?:F|forbidden|G|gone|R=4\d\d|redirect=4\d\d)[,\]]", re.IGNORECASE)
_SKIPS = re.compile(rb"[\[,]\s*(?:S|skip)=\d", re.IGNORECASE)
_STATUS = re.compile(rb"\d{3}|permanent|temp|seeother", re.IGNORECASE)
_OF_REFERERS = (b"rewritecond", b"setenvif", b"setenvifnocase")
_REDIRECTS = (b"redirect", b"redirectmatch", b"redirectpermanent", b"redirecttemp")
#: Compares the referrer with an http address only: new shops answer over both.
_PLAIN_REFERER = re.compile(
    rb"(%\{HTTP(?:_|:)REFERER\}[\"']?\s+[\"']?!?\^?|\bSetEnvIf(?:NoCase)?\s+Referer\s+[\"']?\^?)http://", re.IGNORECASE
)
_UPGRADE = re.compile(rb"upgrade-insecure-requests\s*;?\s*", re.IGNORECASE)
_OUTSIDE = re.compile(
    rb"^[^\S\n]*+(?:AuthUserFile|AuthGroupFile|php_value\s+auto_prepend_file)\s", re.MULTILINE | re.IGNORECASE
)
#: The text before a path of the domain in rules of a web server, or in robots.txt.
_BEFORE_PATH = (
    rb"^((?:[ \t]*(?:RewriteBase[ \t]+|RewriteRule[ \t]+\S+[ \t]+|ErrorDocument[ \t]+[0-9]+[ \t]+"
    rb"|RewriteCond[ \t]+\"?%\{REQUEST_URI\}\"?[ \t]+\"?!?\^|(?:Disa|A)llow:[ \t]*)\"?)|[^#\n]*\bREWRITEBASE:)"
)
#: A redirect names two paths.
_BEFORE_PATHS = rb"^([ \t]*Redirect(?:Match|Permanent|Temp)?[ \t](?:[^\n]*?[ \t\"^])??)"
_NO_POLICY = re.compile(
    rb"content-security-policy[\"']?+\s*+(?:\"\s*+\"|'\s*+')?+\s*+(?:env=\S*+\s*+)?+\Z", re.IGNORECASE
)


@dataclass(frozen=True)
class Adapted:
    """The new content, and sentences about the changes."""

    content: bytes
    notes: Sequence[str]


class OwnersRules:
    """The `.htaccess` files of one template: `names` are its hosts, `base_uri` the path below which it is."""

    def __init__(self, names: Sequence[str], base_uri: str, nonce: str) -> None:
        self._names, self._base_uri, self._nonce = names, base_uri, nonce

    def template(self, path: bytes, content: bytes, fill: Callable[[bytes], bytes | None]) -> bytes | None:
        """Return the file at `path` as a template, None if nothing changes.

        `fill` returns the document root's own file with the recipe's values filled in, None if there are none.
        """
        plain = in_folder(self._adapted(content).content, self._base_uri, self._nonce)
        if path == HTACCESS:
            plain = with_proofs(fill(plain) or plain)
        return None if plain == content else plain

    def warnings(self, path: bytes, content: bytes) -> Sequence[str]:
        """Return sentences about changed lines of the file at `path`, of any name, and on what the owner's may do."""
        if not is_htaccess(path):
            return ()
        return [*self._adapted(content).notes, *(names_outside(content) if path == HTACCESS else ())]

    def _adapted(self, content: bytes) -> Adapted:
        return adapted(content, self._names, self._base_uri.rstrip("/"))


def is_htaccess(path: bytes) -> bool:
    """Return whether the file at `path` holds rules for the web server."""
    return path.rpartition(b"/")[2] == HTACCESS


def adapted(content: bytes, hosts: Sequence[str], folder: str = "") -> Adapted:
    """Return `content` without redirects to https or to the template itself: `hosts` are its names, `folder` the path
    below which it is ("" for none)."""
    file = _File(hosts, folder, noop=b"RewriteRule ^ -\n" if _SKIPS.search(content) else b"")
    for line in _lines(content):
        file.take(line)
    return Adapted(b"".join(file.kept), sorted(file.notes))


def with_proofs(content: bytes) -> bytes:
    """Return the `.htaccess` of a document root with the rule for domain proofs before all others."""
    return PROOFS + content.replace(PROOFS, b"")


def in_folder(content: bytes, base_uri: str, nonce: str) -> bytes:
    """Return rules of a web server, or of robots.txt, with a placeholder for the path below which the template is.

    `base_uri` begins and ends with a slash; `/` is a domain's root, below which every path lies.
    """
    path = re.escape(base_uri.encode("utf-8")) + (rb"(?!/)" if base_uri == "/" else b"")
    filled = rb"\g<1>" + token(nonce, "base_uri")
    for before in (_BEFORE_PATH, _BEFORE_PATHS, _BEFORE_PATHS):
        content = re.sub(before + path, filled, content, flags=re.MULTILINE | re.IGNORECASE)
    return content


def names_outside(content: bytes) -> list[str]:
    """Return sentences about what the owner's own lines in a `.htaccess` may do to a new account."""
    return ["names a file outside the tree that a new account does not have"] if _OUTSIDE.search(content) else []


class _File:
    """The lines kept so far; `noop` replaces a removed rule where other rules skip a number of rules."""

    def __init__(self, hosts: Sequence[str], folder: str, noop: bytes) -> None:
        names = sorted({host.removeprefix("www.").partition(":")[0] for host in hosts if host})
        known = b"|".join([rb"%[0-9]", _HOST.pattern, *(re.escape(name.encode("utf-8")) for name in names)])
        self._own = re.compile(
            rb"(?:https?|%%\{REQUEST_SCHEME\})://(?:www\.)?(?:%b)(?::(?:[0-9]+|%%\{SERVER_PORT\}))?"
            rb"(?P<folder>%b(?=[/$%%?]|\Z))?(?P<path>[/$%%?].*|)" % (known, re.escape(folder.encode("utf-8"))),
            re.IGNORECASE | re.DOTALL,
        )
        self._noop = noop
        self._conditions: list[tuple[int, bytes]] = []
        self.kept: list[bytes] = []
        self.notes: set[str] = set()

    def take(self, line: bytes) -> None:
        """Keep the (logical) line, changed if necessary, or leave it out with the conditions that belong to it."""
        name, words = _words(line)
        if name in _OF_REFERERS and (both := _PLAIN_REFERER.sub(rb"\1https?://", line)) != line:
            self.notes.add(OVER_HTTPS)
            line = both
        if name == b"rewritecond" and words:
            self._conditions.append((len(self.kept), words[0]))
        if name == b"rewriterule" and len(words) > 1:
            line = self._rule(line, words)
        elif name in _REDIRECTS and words:
            line = self._redirect(line, name, words)
        elif name == b"sslrequiressl":
            line = self._left_out()
        elif name == b"header" and (plain := _UPGRADE.sub(b"", line)) != line:
            # Browsers would switch to https by themselves
            self._left_out()
            line = b"" if _NO_POLICY.search(plain) else plain
        self.kept.append(line)

    def _rule(self, line: bytes, words: Sequence[bytes]) -> bytes:
        pattern, target, flags = words[0], words[1], b"".join(words[2:])
        conditions, self._conditions = self._conditions, []
        tests = b" ".join(test for _, test in conditions)
        path = self._path(target)
        came_by = _SCHEME.search(tests) or _HOST.search(tests)
        is_way = path is not None and (came_by or (_EVERYTHING.fullmatch(pattern) and _ITSELF.fullmatch(path)))
        if is_way or (_SCHEME.search(tests) and _FORBIDS.search(flags)):
            for at, _ in conditions:
                self.kept[at] = b""
            return self._left_out(self._noop)
        return line if path is None else self._shortened(line, target)

    def _redirect(self, line: bytes, name: bytes, words: Sequence[bytes]) -> bytes:
        path = self._path(words[-1])
        if path is None:
            return line
        source = words[-2] if len(words) > 1 and not _STATUS.fullmatch(words[-2]) else b"/"
        is_match = name == b"redirectmatch"
        if source == b"/" or (is_match and _EVERYTHING.fullmatch(source) and (_ITSELF.fullmatch(path) or path in b"/")):
            return self._left_out()
        return self._shortened(line, words[-1])

    def _path(self, target: bytes) -> bytes | None:
        """Return the path of an address of the template itself, None for any other target."""
        found = self._own.fullmatch(target)
        return None if found is None else found["path"]

    def _left_out(self, instead: bytes = b"") -> bytes:
        self.notes.add(LEFT_OUT)
        return instead

    def _shortened(self, line: bytes, target: bytes) -> bytes:
        self.notes.add(SHORTENED)
        found = self._own.fullmatch(target)
        assert found is not None
        return line.replace(target, (found["folder"] or b"") + b"/" + found["path"].removeprefix(b"/"), 1)


def _lines(content: bytes) -> Iterator[bytes]:
    """Yield the lines with their ends; a line that continues on the next is yielded with it."""
    parts: list[bytes] = []
    for line in content.splitlines(keepends=True):
        parts.append(line)
        if not line.rstrip(b"\r\n").endswith(b"\\"):
            yield b"".join(parts)
            parts.clear()
    if parts:
        yield b"".join(parts)


def _words(line: bytes) -> tuple[bytes, list[bytes]]:
    """Return a directive's name in lower case, and its words without quotes; a comment has none."""
    if line.lstrip().startswith(b"#"):
        return b"", []
    text = re.sub(rb"\\\r?\n", b" ", line)
    found = [next(part for part in match.groups() if part is not None) for match in _WORD.finditer(text)]
    return (found[0].lower(), found[1:]) if found else (b"", [])
