"""Decides which findings need no question: media metadata, upstream documents, words in libraries' code."""

from __future__ import annotations

import re

from controller.bundles.residue.findings import CREDENTIAL, DOMAIN, PATH, SECRET, SUSPECTED, Finding
from controller.bundles.review.known_forms import form_of
from controller.recipes.secrets.values import is_weak

MEDIA = "notes of an editor in a picture, font, film or document"
DOCUMENT = "a document of a library, module or theme"
LIBRARY = "a word in a library's own code"

#: First bytes of pictures, fonts, films and print files: editors store metadata in them.
_MEDIA = (
    b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"RIFF", b"wOFF", b"wOF2", b"\0\1\0\0", b"OTTO", b"%PDF-",
    b"\0\0\1\0", b"8BPS", b"II*\0", b"MM\0*", b"ID3", b"OggS", b"\x1aE\xdf\xa3",
)  # fmt: skip
_FILM = re.compile(rb"....ftyp", re.DOTALL)
#: Where third-party code lies.
_OTHERS = r"(?:^|/)(?:vendor|node_modules|bower_components|modules/[^/]+|plugins/[^/]+|themes/[^/]+|lib|libs|tools)/"
_IN_OTHERS = re.compile(_OTHERS)
_WRITTEN = (
    r"(?:(?:readme|changelog|changes|history|license|licence|copying|notice|authors|contributors"
    r"|contributing|upgrading|upgrade|install|security|credits|todo)(?:[.-][\w.-]*)?|(?:docs?|documentation)/.*"
    r"|[^/]*\.(?:md|rst|adoc))$"
)
_DOCUMENT = re.compile(_OTHERS + r"(?:.*/)?" + _WRITTEN, re.IGNORECASE)
_INSIDE = r"(?:^|/)(?:modules|(?:mu-)?plugins|themes)/[^/]+/(?:.*/)?[^/]+/"
#: Documents of a library inside a plug-in, module or theme, no code of that name; those of the outermost folder may be
#: the owner's.
_UPSTREAM = re.compile(
    _INSIDE + r"(?=(?:.*/)?(?:[^/.]+|[^/]*\.(?:md|markdown|rst|adoc|txt|html?))$)" + _WRITTEN, re.IGNORECASE
)
#: A library's tests, and the forms made for tests: any other form is issued by a service to one customer.
_TRIALS = re.compile(_INSIDE + r"(?:examples?|samples?|tests?|fixtures)/", re.IGNORECASE)
_TRIED = ("private key", "web token")
#: Libraries installed by a package manager; nobody writes settings into them.
_LIBRARY = re.compile(r"(?:^|/)(?:vendor|node_modules|bower_components)/")


def reason(finding: Finding, needle: bytes, head: bytes) -> str:
    """Return why a finding is harmless, "" when it may be harmful; `head` is how its file begins.

    A secret that nobody writes by chance is never harmless, except in the documents of a library, which are public.
    """
    place = finding.place
    if not place.file or place.is_name:
        return ""
    # A finding in an archive is about the file in it
    file = f"{place.file}/{finding.about}" if finding.about else place.file
    if finding.kind == SECRET:
        return DOCUMENT if _is_everybodys(file, form_of(finding.what)) else ""
    if finding.kind in (DOMAIN, PATH) and (head.startswith(_MEDIA) or _FILM.match(head)):
        return MEDIA
    by_chance = finding.kind in (DOMAIN, PATH) or is_weak(needle)
    if by_chance and _IN_OTHERS.search(place.file) and _DOCUMENT.search(place.file):
        return DOCUMENT
    if finding.kind in (SUSPECTED, CREDENTIAL) and is_weak(needle) and _LIBRARY.search(place.file):
        return LIBRARY
    return ""


def _is_everybodys(file: str, form: str | None) -> bool:
    """Return whether a secret of a known form is one that a library's makers published."""
    if form is None:
        return False
    return _UPSTREAM.search(file) is not None or (form in _TRIED and _TRIALS.search(file) is not None)
