"""Confirmation pages for changes of access: they say what will happen and ask for the operator's own password."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    return advice(error.code, language()), problems.status_of(error.code, 422)


@dataclass(frozen=True)
class Question:
    """What a confirmation page asks; its form posts to `action` (default: its own address) with `hidden` fields."""

    title: str
    text: str
    button: str
    back: str
    hidden: Mapping[str, str] = field(default_factory=dict)
    action: str = ""
    danger: bool = True


def confirmation(section: str, question: Question, problem: str, status: int) -> Response:
    """Return the page of `section` that asks the question; `problem` is what was wrong with the last answer, or ""."""
    return make_response(page("confirm.html", section, problem=problem, **vars(question)), status)


def shown_once(
    title: str, facts: Sequence[tuple[str, str]], note: str, *, back: str, section: str = "operators"
) -> Response:
    """Return the page that shows a secret once."""
    return make_response(page("shown_once.html", section, title=title, facts=facts, note=note, back=back, codes=()))
