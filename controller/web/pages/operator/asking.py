"""Confirmation pages for changes of access: they say what will happen and ask for the operator's own password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import make_response
from werkzeug.wrappers import Response

from controller.web.pages.operator.session import is_own_password, page
from controller.web.support import problems
from controller.web.support.i18n import gettext, language
from shared.errors import ShoplaunchError, advice

#: Errors shown in the form; any other error has its own page.
_OF_FORMS = ("login_invalid", "name_invalid", "name_taken", "server_unknown", "bundle_unknown", "login_throttled")


def own_password_problem() -> tuple[str, int]:
    """Return ("", 200) when the form holds the signed-in operator's password, otherwise (what is wrong, the status)."""
    try:
        right = is_own_password()
    except ShoplaunchError as error:
        return problem_of(error)
    return ("", 200) if right else (gettext("That is not your password."), 401)


def problem_of(error: ShoplaunchError) -> tuple[str, int]:
    """Return (advice, status) for an error in the form; raise `error` when it is about something else."""
    if error.code not in _OF_FORMS:
        raise error
    return advice(error.code, language()), problems.STATUS.get(error.code, 422)


def confirmation(
    section: str,
    title: str,
    text: str,
    button: str,
    back: str,
    *,
    problem: str = "",
    status: int = 200,
    hidden: Mapping[str, str] | None = None,
    action: str = "",
    danger: bool = True,
) -> Response:
    """Return the confirmation page; its form posts to `action` (default: its own address) with `hidden` fields."""
    values = {"title": title, "text": text, "button": button, "back": back, "problem": problem, "hidden": hidden or {}}
    return make_response(page("confirm.html", section, action=action, danger=danger, **values), status)


def shown_once(
    title: str, facts: Sequence[tuple[str, str]], note: str, *, back: str, section: str = "operators"
) -> Response:
    """Return the page that shows a secret once."""
    return make_response(page("shown_once.html", section, title=title, facts=facts, note=note, back=back, codes=()))
