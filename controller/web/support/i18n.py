"""The choice of a request's language, and its numbers and dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import flask_babel
from flask import Flask, Response, current_app, g, has_request_context, request, url_for
from flask_babel import Babel, format_datetime, format_timedelta, get_locale
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from controller.jalali import MONTHS, to_jalali
from controller.web.support import context
from controller.wording.languages import ENGLISH, LANGUAGES, has_persian_calendar, supported
from controller.wording.languages import amount as amount_in
from controller.wording.languages import number as number_in

COOKIE = "shoplaunch_lang"
YEAR_SECONDS = 31_536_000
_TIME_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
#: No time on a page is older.
_FIRST_YEAR = 1970


def gettext(text: str, **values: object) -> str:
    """Return `text` in the request's language, its `%(name)s` filled with `values`."""
    return str(flask_babel.gettext(text, **values))


def select_language() -> str:
    """Return the request's language: requested, chosen earlier, the client's own, the browser's, English."""
    if not has_request_context():
        return ENGLISH
    choices = (request.args.get("lang"), request.cookies.get(COOKIE), g.get("client_language"))
    for choice in choices:
        if choice in LANGUAGES:
            return str(choice)
    return request.accept_languages.best_match(list(LANGUAGES)) or ENGLISH


def in_language(code: str) -> str:
    """Return a link to this page in the language `code`; filters and page number stay.

    It is only a query, so that it never leads to another host. On pages that only accept forms, it is the list of jobs.
    """
    if not _answers_get():
        return url_for("admin.jobs", lang=code)
    kept = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return "?" + urlencode([*kept, ("lang", code)])


def this_page() -> str:
    """Return the path and query of the request, as a link to the same page."""
    return request.full_path.rstrip("?")


def _answers_get() -> bool:
    if request.method in ("GET", "HEAD"):
        return True
    try:
        current_app.create_url_adapter(request).match(method="GET")  # type: ignore[union-attr]
    except HTTPException:
        return False
    return True


def language() -> str:
    """Return the current language's code."""
    locale = get_locale()
    return locale.language if locale is not None else ENGLISH


def number(value: object) -> str:
    """Return `value` with the language's digits."""
    # Of separators its percent sign alone: a value may be a version
    return number_in(value, language()).replace("%", amount_in("%", language()))


def amount(value: float) -> str:
    """Return the number `value` with the language's digits and thousands separators."""
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
    return amount_in(text, language())


def parse_time(value: object) -> datetime | None:
    """Return ISO 8601 text, unix seconds or a datetime as an aware datetime (UTC by default)."""
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_time_text(value: object) -> bool:
    """Return whether `value` is text like 2026-01-31T12:00:00+00:00, of a moment that every calendar has."""
    if not isinstance(value, str) or not _TIME_TEXT.match(value):
        return False
    try:
        moment = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        # The value may be made up
        return False
    return moment.year >= _FIRST_YEAR


def when(value: object) -> Markup:
    """Return a `<time>` element with date and time in UTC, an en dash for none."""
    moment = parse_time(value)
    return Markup("–") if moment is None else _element(moment, _absolute(moment))


def ago(value: object) -> Markup:
    """Return a `<time>` element that says how long ago it was; its title is the exact time."""
    moment = parse_time(value)
    if moment is None:
        return Markup("–")
    passed = moment - datetime.fromtimestamp(context.now(), UTC)
    text = format_timedelta(passed, add_direction=True, granularity="second", threshold=1.2)
    return _element(moment, number(text))


def duration(seconds: object) -> str:
    """Return seconds as a short text such as `4.2 s` or `3 min 5 s`, an en dash for none."""
    if not isinstance(seconds, (int, float)):
        return "–"
    if seconds < 10 and isinstance(seconds, float):
        return gettext("%(seconds)s s", seconds=amount_in(f"{seconds:.1f}", language()))
    if seconds < 60:
        return gettext("%(seconds)s s", seconds=number(round(seconds)))
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return gettext("%(minutes)s min %(seconds)s s", minutes=number(minutes), seconds=number(rest))
    hours, minutes = divmod(minutes, 60)
    return gettext("%(hours)s h %(minutes)s min", hours=number(hours), minutes=number(minutes))


def took(started: object, finished: object) -> str:
    """Return how long it took from `started` to `finished`, nothing while one of them is missing."""
    start, end = parse_time(started), parse_time(finished)
    return "" if start is None or end is None else duration((end - start).total_seconds())


def _absolute(moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    if has_persian_calendar(language()):
        year, month, day = to_jalali(moment.date())
        return number(f"{day} {MONTHS[month - 1]} {year}، {moment:%H:%M:%S}")
    return number_in(format_datetime(moment, "d MMM y, HH:mm:ss", rebase=False), language())


def _element(moment: datetime, text: str) -> Markup:
    exact = f"{_absolute(moment)} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(moment.isoformat(), exact, text)


def _remember(response: Response) -> Response:
    choice = request.args.get("lang")
    if choice in LANGUAGES and request.cookies.get(COOKIE) != choice:
        secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
        response.set_cookie(COOKIE, str(choice), YEAR_SECONDS, secure=secure, httponly=True, samesite="Lax")
    response.headers.add("Vary", "Accept-Language, Cookie")
    return response


def init_app(app: Flask) -> None:
    """Set up translations and template filters, and remember a chosen language."""
    Babel(app, locale_selector=select_language, default_translation_directories="translations")
    app.after_request(_remember)
    app.jinja_env.filters.update(num=number, amount=amount, when=when, ago=ago, duration=duration)
    app.jinja_env.tests["datetime_text"] = is_time_text
    app.jinja_env.globals.update(
        took=took,
        language=language,
        in_language=in_language,
        this_page=this_page,
        languages={code: one.own_name for code, one in LANGUAGES.items()},
        direction=lambda: LANGUAGES[supported(language())].direction,
    )
