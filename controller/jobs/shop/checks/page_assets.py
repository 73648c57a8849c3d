"""Checks that what a page names on its own host answers: pictures, style sheets, scripts and pages of any theme.

A template may have a broken link or two of its own. A fault of the whole shop – a base address, the rules of
.htaccess, a missing folder – breaks all addresses of a kind.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controller.jobs.shop.checks.check_failure import failed
from controller.jobs.shop.checks.page_markup import LINK, PICTURE, SCRIPT, STYLE, Page
from controller.jobs.shop.checks.visits import Answer, Site, Visitor
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Check, RequestedAssets

#: This much of each file is read; pages are read whole.
FILE_BYTES = 64 * 1024
#: No more addresses are requested after this time.
SECONDS = 60
#: Kind -> its name in messages, and how many misses without any answer are a failure.
_KINDS: Mapping[str, tuple[str, int]] = {
    PICTURE: ("pictures", 3), STYLE: ("style sheets", 1), SCRIPT: ("scripts", 1), LINK: ("pages", 3),
}  # fmt: skip
_OK = 200
_HTML = "text/html"
_NUMBERS = re.compile(r"\d+")


def prove(visitor: Visitor, answer: Answer, check: Check, written: Sequence[str] = ()) -> RequestedAssets:
    """Return how many of the page's addresses were requested, and how many answered.

    `assets` of the check limits the distinct addresses of each kind that are requested; `written` are its forbidden
    texts as the bundle has them, for messages: filled in they may hold a secret.
    Raises ShoplaunchError `check_failed` when none of a kind, or none of the pictures below one folder, answers, for a
    page that ends in an error, and for a page that names nothing on its own host.
    """
    site, name = visitor.site, check["name"]
    page = Page(site.url(answer.path), answer.body)
    own = {kind: _own(page, kind, site) for kind in _KINDS}
    if not any(own.values()):
        raise failed(f"{name}: {answer.path} names no address of its own", "another site answers for this name")
    end, misses, answered = min(visitor.end, time.monotonic() + SECONDS), 0, 0
    for kind, limit in check["assets"].items():
        found: dict[str, list[str]] = defaultdict(list)
        for path in own.get(kind, [])[:limit]:
            if time.monotonic() > end:
                break
            miss = _asked(visitor, kind, path, check, written)
            for group in (kind, _shape(path)):
                found[group].append(miss)
            misses, answered = misses + bool(miss), answered + (not miss)
        _judge(kind, found, check, answer.path)
    return {"asked": answered + misses, "answered": answered}


def _own(page: Page, kind: str, site: Site) -> list[str]:
    """Return the paths (with queries) of the page's addresses of a kind on the site's own host."""
    found = (urlsplit(address) for address in page.of(kind))
    on_host = [one for one in found if site.address.is_origin_of(one)]
    if kind == LINK:
        # A query may have side effects; other folders are other sites
        on_host = [one for one in on_host if not one.query and f"{one.path}/".startswith(site.base_uri)]
        on_host = [one for one in on_host if one.path.rstrip("/") not in ("", site.base_uri.rstrip("/"))]
    paths = ((one.path or "/") + (f"?{one.query}" if one.query else "") for one in on_host)
    return list(dict.fromkeys(paths))


def _asked(visitor: Visitor, kind: str, path: str, check: Check, written: Sequence[str]) -> str:
    """Return what is wrong with the answer to `path`, "" for nothing; a page must not end in an error."""
    name = f"{check['name']} names"
    try:
        found = visitor.open(path, name, most=None if kind == LINK else FILE_BYTES)
    except ShoplaunchError as problem:
        return str(problem.message).removeprefix(f"{name}: ")
    if kind == LINK:
        if found.status >= 500:
            raise failed(f"{name}: {found.path} answered {found.status}", "see the account's error_log")
        texts: list[str] = check.get("absent", [])
        for text, shown in zip(texts, written, strict=True):
            if text.encode("utf-8") in found.body:
                raise failed(f"{name}: {found.path} holds forbidden text: {shown[:80]}", "see the account's error_log")
    elif found.status == _OK and found.content_type.lower().startswith(_HTML):
        return f"{path} is a page"
    return "" if found.status == _OK else f"{path} answered {found.status}"


def _shape(path: str) -> str:
    """Return the folder of an address without its numbers: pictures served by one rule of .htaccess share it."""
    return _NUMBERS.sub("0", path.partition("?")[0].rpartition("/")[0])


def _judge(kind: str, found: Mapping[str, list[str]], check: Check, path: str) -> None:
    """Raise ShoplaunchError `check_failed` when all of a kind, or all pictures of one shape, fail."""
    word, least = _KINDS[kind]
    groups = found.values() if kind == PICTURE else [found[kind]]
    for asked in groups:
        if all(asked) and len(asked) >= least:
            message = f"{check['name']}: none of {len(asked)} {word} that {path} names answers: {asked[0]}"
            raise failed(message, str(check.get("hint", "")))
