"""Runs the checks of a bundle's manifest as visits to the shop; a failure names its most likely cause."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from controller.jobs.shop.checks import page_assets, sign_in
from controller.jobs.shop.checks.check_failure import failed
from controller.jobs.shop.checks.visits import TIMEOUT_SECONDS, Answer, Site, Visitor
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Check, SignIn, Visit

#: For all visits of one look at a shop: one that answers slowly each time would hold up other jobs of its server.
ALL_SECONDS = 300
_OK = 200
_HTML = "text/html"
#: Characters of a bundle's text in a message.
_SHOWN = 80
#: Status -> its most likely cause on a hosting account.
_CAUSES: Mapping[int, str] = {
    401: "the folder asks for a password: see .htaccess",
    403: "the web server refuses it: see the modes of files and folders, .htaccess, and ModSecurity's log",
    404: "the application or its .htaccess does not know the address",
    429: "the web server or a plug-in limits how often it is asked",
    500: "PHP or .htaccess failed; the account's error_log names file and line",
    502: "PHP did not answer: see the account's error_log",
    503: "the shop is in maintenance, or the account is at its limits",
    504: "PHP took too long: see the account's error_log",
    508: "the account is at its limits of processes or CPU",
}


def deadline() -> float:
    """Return when a look at a shop that begins now has to be over (monotonic)."""
    return time.monotonic() + ALL_SECONDS


def run_checks(
    site: Site,
    checks: Sequence[Check],
    renderer: Renderer,
    timeout: float = TIMEOUT_SECONDS,
    password: str = "",
    end: float | None = None,
) -> list[Visit]:
    """Return one row per page that was visited.

    With the administrator's `password` the checks that say how also sign in, where nobody can read what is sent.
    `end` is the deadline of all visits; without it, `deadline()`.
    Raises ShoplaunchError `check_failed` for the first page that is not as expected.
    """
    rows: list[Visit] = []
    end = deadline() if end is None else end
    for check in checks:
        filled = _filled(check, renderer)
        name, path = check["name"], site.base_uri.rstrip("/") + filled["path"]
        visitor, started = Visitor(site, timeout, end), time.monotonic()
        answer = visitor.open(path, name)
        _compare(filled, answer, check)
        row = _row(name, path, answer, started)
        if "assets" in check:
            row["assets"] = page_assets.prove(visitor, answer, filled, check.get("absent", ()))
        rows.append(row)
        if password and "sign_in" in check and site.keeps_secrets:
            rows += _signed_in(visitor, answer, filled, check, password)
    return rows


def _signed_in(visitor: Visitor, login: Answer, check: Check, template: Check, password: str) -> list[Visit]:
    rows, started = [], time.monotonic()
    for name, answer in sign_in.pages(visitor, login, check, password):
        # The query may hold a session key
        path = answer.path.partition("?")[0]
        compared: Check = {"name": name, "path": path, "status": [_OK], "content_type": _HTML}
        compared["contains"] = check["sign_in"].get("contains", [])
        compared["absent"] = check["sign_in"].get("absent", [])
        shown = Answer(answer.status, path, answer.body, answer.content_type, answer.redirects)
        _compare(compared, shown, template["sign_in"])
        rows.append(_row(name, path, answer, started))
        started = time.monotonic()
    return rows


def _row(name: str, path: str, answer: Answer, started: float) -> Visit:
    return {
        "name": name,
        "path": path,
        "status": answer.status,
        "bytes": len(answer.body),
        "seconds": round(time.monotonic() - started, 3),
        "redirects": answer.redirects,
    }


def _compare(check: Check, answer: Answer, template: Check | SignIn) -> None:
    """Raise ShoplaunchError `check_failed` unless the answer meets a check, which is `template` filled in."""
    where, hint = f"{check['name']}: {answer.path}", check.get("hint", "")
    led_on = answer.redirects and answer.status in check.get("after_redirect", ())
    if not led_on and answer.status not in check["status"]:
        hint = hint if answer.status < 500 and hint else _CAUSES.get(answer.status, "")
        raise failed(f"{where} answered {answer.status}, expected {check['status']}", hint)
    wanted = check.get("content_type")
    if wanted and not answer.content_type.lower().startswith(wanted.lower()):
        raise failed(f"{where} is {answer.content_type or 'untyped'}, expected {wanted}", hint)
    if answer.status == _OK and not answer.body.strip():
        raise failed(f"{where} is blank", "PHP ended without a word; the account's error_log names file and line")
    for number, text in enumerate(check.get("contains", ()), 1):
        if text.encode("utf-8") not in answer.body:
            raise failed(f"{where} lacks expected text {number}: {_as_written(template, 'contains', number)}", hint)
    for number, text in enumerate(check.get("absent", ()), 1):
        if text.encode("utf-8") in answer.body:
            raise failed(f"{where} holds forbidden text {number}: {_as_written(template, 'absent', number)}", hint)


def _as_written(template: Check | SignIn, key: Literal["contains", "absent"], number: int) -> str:
    """Return how the bundle writes the text: filled in it may hold a secret, which is in no message."""
    return template[key][number - 1][:_SHOWN]


def _filled(check: Check, renderer: Renderer) -> Check:
    """Return a check with its templates filled in, nested ones too."""
    filled = {key: value if key in ("name", "hint") else _render(value, renderer) for key, value in check.items()}
    return cast("Check", filled)


def _render(value: object, renderer: Renderer) -> object:
    if isinstance(value, str):
        return str(renderer.render(value.encode("utf-8")).decode("utf-8"))
    if isinstance(value, Mapping):
        return {key: _render(inner, renderer) for key, inner in value.items()}
    return [_render(inner, renderer) for inner in value] if isinstance(value, list | tuple) else value
