"""Answers to failures: problem documents for programs, a plain page for people."""

from __future__ import annotations

import logging

from flask import Flask, make_response, render_template, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadHost, BadRequest, HTTPException, InternalServerError
from werkzeug.wrappers import Response

from controller.web.support import problems
from controller.web.support.i18n import gettext, language
from shared.errors import ShoplaunchError, advice

LOG = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Register the handlers."""
    problems.init_app(app)
    app.register_error_handler(ShoplaunchError, known)
    app.register_error_handler(HTTPException, by_http)
    app.register_error_handler(InternalServerError, unexpected)
    app.register_error_handler(ParseException, malformed)
    app.register_error_handler(OverflowError, beyond_counting)


def known(error: ShoplaunchError) -> Response:
    """Answer a failure that has a code."""
    if problems.wants_problem():
        return problems.problem(error)
    status = problems.status_of(error.code)
    title = gettext("Not found") if status == 404 else gettext("That did not work")
    return _page(title, advice(error.code, language()), status)


def by_http(error: HTTPException) -> Response:
    """Answer an HTTP failure: page not found, method not allowed, missing CSRF token."""
    if error.response is not None:
        return make_response(error.response)
    if problems.wants_problem():
        return problems.from_http(error)
    if isinstance(error, BadHost):
        # A page links to others, and of that host there are no addresses
        return Response(f"{error.name}\n", error.code, content_type="text/plain; charset=utf-8")
    if error.code == 404:
        return _page(gettext("Not found"), gettext("There is nothing at this address."), 404)
    if error.description == "csrf":
        return _page(gettext("Please try again"), gettext("The form was too old or not of this session."), 400)
    text = gettext("This address takes no such request (%(name)s).", name=error.name)
    return _page(gettext("That did not work"), text, error.code or 500)


def malformed(_error: ParseException) -> Response:
    """Answer a request with a malformed body: its chunks are invalid."""
    return by_http(BadRequest())


def beyond_counting(problem: OverflowError) -> Response:
    """Answer a request for a file that is to be newer than a year no calendar has; raise any other overflow again."""
    if request.endpoint != "static":
        raise problem
    return by_http(BadRequest())


def unexpected(error: InternalServerError) -> Response:
    """Answer an unexpected failure; its details are only logged."""
    LOG.error("unexpected failure of %s %s", request.method, request.path, exc_info=error.original_exception or error)
    return known(ShoplaunchError("internal", "an unexpected failure; see the controller's log"))


def _page(title: str, text: str, status: int) -> Response:
    back = "/admin/jobs" if request.path.startswith("/admin/") and status != 500 else None
    return make_response(render_template("message.html", title=title, text=text, back=back), status)
