"""The address of a shop: scheme, host, port and folder; its URLs, and the form of it that people read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult

import idna

HTTP, HTTPS = "http", "https"
#: Ports that URLs of a scheme do not name.
_USUAL_PORTS = {HTTP: 80, HTTPS: 443}
#: Scripts commonly used together in one name.
_TOGETHER = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
#: Letters of other scripts that look like Latin ones; browsers show names made only of these in ASCII form.
_READ_AS_LATIN = frozenset("аысԁеԍһіюјӏорԗԛѕԝхуъьҽпгѵѡαορνυικτωχγησε")


@dataclass(frozen=True)
class ShopAddress:
    """Where a shop is found: `host` is its name in ASCII (as from `orders.check_domain`), without a port; `folder` is
    "" for a shop at the root of its host."""

    scheme: str
    host: str
    port: int
    folder: str = ""

    @classmethod
    def on_usual_port(cls, host: str, folder: str = "") -> ShopAddress:
        """Return the address by http where every browser looks for it."""
        return cls(HTTP, host, _USUAL_PORTS[HTTP], folder)

    @property
    def host_and_port(self) -> str:
        """The host as it stands in URLs and in the header Host: with its port unless that is the scheme's usual one."""
        return self.host if self.port == _USUAL_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def base_path(self) -> str:
        """The path of the shop's folder without a slash at its end, "" at the root."""
        return f"/{self.folder}" if self.folder else ""

    @property
    def base_uri(self) -> str:
        """The path of the shop's folder with a slash at its end."""
        return f"{self.base_path}/"

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers compare them."""
        return f"{self.scheme}://{self.host_and_port}"

    def is_origin_of(self, url: SplitResult) -> bool:
        """Return whether an absolute address has this one's scheme, host and port."""
        return (url.scheme, url.netloc.lower()) == (self.scheme, self.host_and_port.lower())

    @property
    def url(self) -> str:
        """The address as people open it."""
        return self.origin + self.base_uri

    def url_below(self, folder: str) -> str:
        """Return the address of a folder of the shop, as of its back office; the shop's own for ""."""
        return f"{self.url}{folder}/" if folder else self.url

    @property
    def readable_host(self) -> str:
        """The host in its own script; a name that could be mistaken for another one stays in ASCII form."""
        return ".".join(_readable_label(label) for label in self.host.split("."))

    @property
    def readable(self) -> str:
        """The host as people read it, followed by the shop's folder."""
        return self.readable_host + self.base_path


def _readable_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    text = idna.decode(label)
    return label if _may_be_misread(text) else text


def _may_be_misread(text: str) -> bool:
    """Return whether people may misread the label: it mixes scripts, or looks like Latin."""
    letters = [letter for letter in text if unicodedata.category(letter).startswith("L")]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    if len(scripts) > 1:
        return not scripts <= _TOGETHER
    return bool(scripts & {"CYRILLIC", "GREEK"}) and _READ_AS_LATIN.issuperset(letters)
