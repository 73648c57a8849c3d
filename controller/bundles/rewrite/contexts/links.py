"""Finds links without a host: all of a template at its domain's root, those to the front page of one in a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

#: Text before an address: in markup, in JSON or code with a backslash before quote and slash.
_BEFORE = (
    rb"(?:\b(?:href|src(?:set)?|action|poster|data-(?:src(?:set)?|href|url|link))=(?:\\?[\"']|&quot;|&#0?39;)"
    rb"|\burl\((?:\\?[\"']|&quot;)?|[^\s\"'<>][ \t][0-9.]+[wx],[ \t\r\n]*)"
)
_ROOT_LINK = re.compile(rb"(" + _BEFORE + rb")(\\?)/(?!\\?/)", re.IGNORECASE)
#: A value that is nothing but the address of a picture, style or script, in a folder: a single name does not show
#: below which folder it stands.
_ROOT_FILE = re.compile(
    rb"/[^/\s\"'<>\\]+/[^\s\"'<>\\]+\.(?:avif|css|gif|ico|jpe?g|js|mp4|png|svg|webm|webp|woff2?)(?:\?[^\s\"'<>\\]*)?",
    re.IGNORECASE,
)
#: Scripts make their addresses of parts, so that what begins with a slash says nothing.
_CODE = (b".tpl", b".twig", b".php", b".phtml", b".html", b".htm", b".css")
#: Quicker than the whole pattern: few files of a theme hold one.
_QUOTED_SLASH = re.compile(rb"[\"'(;]\\?/")
_LINK_ENDS = rb"(?=\\?[\"'?#)]|&quot;|&#0?39;|[\s>])"


class Links:
    """Finds such links. With `at_root` the template is at its domain's root; `folders` are others, as `/shop/`."""

    def __init__(self, at_root: bool, folders: Iterable[bytes]) -> None:
        self._at_root = at_root
        self._homes = [folder.rstrip(b"/") for folder in folders]
        written = b"|".join(re.escape(home[1:]).replace(b"/", rb"\\?/") for home in self._homes)
        pattern = rb"(" + _BEFORE + rb")(\\?)/(?:" + written + rb")" + _LINK_ENDS
        self._pattern = _ROOT_LINK if at_root else re.compile(pattern, re.IGNORECASE)

    def is_in(self, data: bytes) -> bool:
        """Return whether `data` holds or is a link."""
        if b"/" not in data:
            return False
        if self._at_root:
            return (_ROOT_LINK.search(data) or _ROOT_FILE.fullmatch(data)) is not None
        # A fast check first: the folder's name rarely occurs, with or without the slash after it
        names = any(home.rpartition(b"/")[2] in data for home in self._homes)
        return names and self._pattern.search(data) is not None

    def filled(self, data: bytes, base_uri: Callable[[str], bytes]) -> bytes:
        """Return `data` with the template's base URI replaced by `base_uri` in the encoding of its slashes."""
        if self._at_root and _ROOT_FILE.fullmatch(data):
            return base_uri("raw") + data[1:]
        return self._pattern.sub(lambda hit: hit.group(1) + base_uri("json" if hit.group(2) else "raw"), data)


def is_theme_code(path: bytes, themes: bytes) -> bool:
    """Return whether `path` is a page or style of a theme below the folder `themes`."""
    return bool(themes) and path.startswith(themes) and path.lower().endswith(_CODE)


def root_links(data: bytes) -> int:
    """Return how many addresses in markup and styles begin at the domain's root: in code they are not rewritten."""
    return sum(1 for _ in _ROOT_LINK.finditer(data)) if _QUOTED_SLASH.search(data) else 0
