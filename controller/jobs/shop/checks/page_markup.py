"""Parses a page's markup: the addresses it names, and its sign-in form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

#: Longest part of a page that is read.
MAX_CHARACTERS = 2 * 1024 * 1024
#: Addresses and forms of a page that are noted, and the longest address: each holds the page's base once more.
MAX_ADDRESSES, MAX_FORMS, MAX_ADDRESS_CHARACTERS = 10_000, 100, 2048
PICTURE, STYLE, SCRIPT, LINK = "img", "link", "script", "a"
#: Attributes in which lazy-loading themes keep a picture's address, best first.
_PICTURE_SOURCES = ("data-src", "data-original", "data-lazy-src", "src")
#: Types of input fields that may hold a user name.
_NAMES = ("email", "text", "")
#: Parts of the names of fields that only a person can answer.
_CAPTCHAS = ("captcha", "turnstile")
_PRESSED = ("submit", "image", "button", "reset", "checkbox", "radio", "file")


@dataclass
class Form:
    """A form with a password: `fields` are the values it sends unfilled."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    user: str = ""
    password: str = ""
    button: tuple[str, str] | None = None
    #: Whether it asks for something only a person can answer.
    is_guarded: bool = False

    def filled(self, user: str, password: str) -> dict[str, str]:
        """Return the values the form sends once it is filled in."""
        pressed = dict([self.button]) if self.button else {}
        return {**self.fields, **pressed, self.user: user, self.password: password}


class Page(HTMLParser):
    """A page that was read at `address`. `addresses` are (kind, absolute address) in order, without fragments.

    Of a page without measure only the first addresses and forms are noted.
    """

    def __init__(self, address: str, body: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self._base = address
        self._has_base = False
        self._left = MAX_ADDRESSES
        self._open: Form | None = None
        self._forms: list[Form] = []
        self._guarded = False
        self.addresses: list[tuple[str, str]] = []
        self.feed(body.decode("utf-8", "replace")[:MAX_CHARACTERS])
        self.close()

    @property
    def form(self) -> Form | None:
        """The first form that asks for a name and a password."""
        found = next((form for form in self._forms if form.user and form.password), None)
        if found is not None and self._guarded:
            found.is_guarded = True
        return found

    def of(self, *kinds: str) -> list[str]:
        """Return the distinct addresses of these kinds, in the page's order."""
        return list(dict.fromkeys(address for kind, address in self.addresses if kind in kinds))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the addresses and fields of a tag."""
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag == "base" and values.get("href") and not self._has_base:
            # As for browsers, the first one counts
            self._has_base = True
            self._base = _joined(self._base, values["href"]) or self._base
        for kind, address in _named(tag, values):
            # A script in the page itself has none, and nobody asks for the page again
            if address.strip():
                self._note(kind, address)
        if tag == "form":
            self._open = None
            if len(self._forms) < MAX_FORMS:
                self._open = Form(_joined(self._base, values.get("action", "")) or self._base)
                self._forms.append(self._open)
        elif tag in ("input", "button") and self._open is not None:
            _take(self._open, tag, values)
        marks = f"{values.get('name', '')} {values.get('class', '')} {values.get('id', '')}".lower()
        self._guarded = self._guarded or (tag != "script" and any(mark in marks for mark in _CAPTCHAS))

    def _note(self, kind: str, address: str) -> None:
        if not self._left:
            return
        self._left -= 1
        absolute = _joined(self._base, address)
        if absolute:
            self.addresses.append((kind, absolute))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a form."""
        if tag == "form":
            self._open = None


def _named(tag: str, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if tag == "img":
        address = next((values[name] for name in _PICTURE_SOURCES if values.get(name)), "")
        yield PICTURE, address
    elif tag == "link" and "stylesheet" in values.get("rel", "").lower().split():
        yield STYLE, values.get("href", "")
    elif tag == "script":
        yield SCRIPT, values.get("src", "")
    elif tag == "a":
        yield LINK, values.get("href", "")


def _joined(base: str, address: str) -> str:
    """Return an absolute http address without its fragment, "" for anything else and for one that is too long."""
    if len(base) + len(address) > MAX_ADDRESS_CHARACTERS:
        return ""
    try:
        parts = urlsplit(urljoin(base, address.strip()))
    except ValueError:
        return ""
    return parts._replace(fragment="").geturl() if parts.scheme in ("http", "https") and parts.netloc else ""


def _take(form: Form, tag: str, values: Mapping[str, str]) -> None:
    name, kind = values.get("name", ""), values.get("type", "").lower()
    if tag == "button" or kind in ("submit", "image"):
        if name and form.button is None and kind in ("submit", "image", ""):
            form.button = (name, values.get("value", ""))
    elif not name or kind in _PRESSED:
        return
    elif kind == "password" and not form.password:
        form.password = name
    elif kind in _NAMES and not form.user and not form.password:
        form.user = name
    elif kind != "password":
        form.fields[name] = values.get("value", "")
        # A one-time code, an arithmetic question
        form.is_guarded = form.is_guarded or kind != "hidden"
