"""Signs in to a back office as its owner will, and visits its pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controller.jobs.shop.checks.check_failure import failed
from controller.jobs.shop.checks.page_markup import LINK, Form, Page
from controller.jobs.shop.checks.visits import Answer, Site, Visitor
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Check

#: Addresses of a back office that make, change or remove something when requested contain these.
_CHANGES = re.compile(
    r"[/?&](?:new|add|create|update|delete|duplicate|install|uninstall|enable|disable)", re.IGNORECASE
)


def pages(visitor: Visitor, login: Answer, check: Check, password: str) -> Iterator[tuple[str, Answer]]:
    """Sign in at the page `login`; yield (name, answer) of the first page and of those the check names, then sign out.

    Yields nothing where the form asks for something only a person can answer.
    Raises ShoplaunchError `check_failed` when the administrator is not let in, or a page leads back to the form.
    """
    wanted, name = check["sign_in"], check["name"]
    form = _page(visitor.site, login).form
    if form is None or form.is_guarded:
        return
    action = _path(visitor.site, form.action)
    if action is None:
        raise failed(f"{name}: the form at {_bare(login.path)} is sent to another host")
    first = visitor.open(action, name, form.filled(wanted["user"], password))
    _require_inside(visitor.site, first, form, f"{name}: the new administrator cannot sign in at {_bare(login.path)}")
    yield f"{name}_first_page", first
    links = _page(visitor.site, first).of(LINK)
    for one in wanted.get("pages", ()):
        label = f"{name}_{one['name']}"
        path = (
            visitor.site.base_uri.rstrip("/") + one["path"] if "path" in one else _linked(visitor, links, one["links"])
        )
        if path is None:
            continue
        answer = _open(visitor, path, label)
        _require_inside(visitor.site, answer, form, f"{label}: {_bare(path)} leads back to the form for signing in")
        yield label, answer
    leave = _linked(visitor, links, wanted.get("leave", ()))
    if leave is not None:
        _open(visitor, leave, name)


def _open(visitor: Visitor, path: str, name: str) -> Answer:
    try:
        return visitor.open(path, name)
    except ShoplaunchError as problem:
        # Queries of these addresses are session keys
        raise failed(problem.message.replace(path, _bare(path))) from None


def _require_inside(site: Site, answer: Answer, form: Form, message: str) -> None:
    """Raise ShoplaunchError `check_failed` when the answer is the submitted form again."""
    again = _page(site, answer).form
    if again is not None and (again.user, again.password) == (form.user, form.password):
        raise failed(message)


def _page(site: Site, answer: Answer) -> Page:
    return Page(site.url(answer.path), answer.body)


def _linked(visitor: Visitor, links: Sequence[str], marks: Sequence[str]) -> str | None:
    """Return the own address with the shortest path among `links` that holds the first of `marks` any of them holds;
    None where none does. Addresses out of the shop's folder, and those that change something, are skipped."""
    paths = (_path(visitor.site, link) for link in links)
    own = [path for path in paths if path and visitor.site.holds(path) and not _changes(visitor.site, path)]
    found = next((held for mark in marks if (held := [path for path in own if mark in path])), [])
    return min(found, key=lambda path: (len(_bare(path)), len(path)), default=None)


def _changes(site: Site, path: str) -> bool:
    """Return whether a request to the address changes something, whatever the folders of shop and back office are."""
    return bool(_CHANGES.search("/" + path.removeprefix(site.base_uri).partition("/")[2]))


def _path(site: Site, address: str) -> str | None:
    return site.own_path(urlsplit(address))


def _bare(path: str) -> str:
    return path.partition("?")[0]
