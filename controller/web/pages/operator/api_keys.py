"""Keys of billing systems: list, add with permissions, renew, revoke, and show the history of each."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, request, url_for
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response

from controller.access import billing_keys
from controller.db.identities.api_keys import OPERATIONS, RATE, ApiKey
from controller.digits import latin
from controller.web.pages.operator import asking, view
from controller.web.pages.operator.session import page
from controller.web.support.context import actor
from controller.web.support.i18n import amount, gettext
from shared.errors import ShoplaunchError

LAST = 50
MAX_RATE = 1_000_000
#: What a key may be limited to.
LIMITS = ("servers", "bundles", "operations")
#: change -> (title, text, button) of its confirmation.
CHANGES = {
    "renew": (
        lazy_gettext("Give the key %(name)s another secret?"),
        lazy_gettext("What signs as %(name)s is refused until it has the new secret. Its services stay."),
        lazy_gettext("Renew the key"),
    ),
    "revoke": (
        lazy_gettext("Revoke the key %(name)s?"),
        lazy_gettext(
            "Nothing that %(name)s signs is accepted any more, permanently; its jobs go on. Another key may take its "
            "services over afterwards: `shoplaunch key adopt NEW --of %(name)s`"
        ),
        lazy_gettext("Revoke the key"),
    ),
}


def register(bp: Blueprint) -> None:
    """Add the pages to `bp`."""
    bp.add_url_rule("/keys", "keys", list_keys)
    bp.add_url_rule("/keys/add", "ask_key", ask_key)
    bp.add_url_rule("/keys/add", "add_key", add_key, methods=["POST"])
    bp.add_url_rule("/key/<name>", "key", show)
    bp.add_url_rule("/key/<name>/<any(renew, revoke):change>", "confirm_key", confirm)
    bp.add_url_rule("/key/<name>/<any(renew, revoke):change>", "change_key", change_key, methods=["POST"])


def list_keys() -> str:
    """List the keys: permissions, rate, last use."""
    return page("keys.html", "keys", keys=billing_keys.listed(actor()))


def ask_key() -> Response:
    """Show the form for a new key."""
    return _add_form("", 200)


def add_key() -> Response:
    """Add the key and show its secret once."""
    problem, status = asking.own_password_problem()
    if problem:
        return _add_form(problem, status)
    rate = _rate()
    if not 1 <= rate <= MAX_RATE:
        words = gettext("Requests a minute are a number from 1 to %(most)s.", most=amount(MAX_RATE))
        return _add_form(words, 422)
    if any(request.form.get(f"all_{field}") and request.form.get(field) for field in LIMITS):
        # A forgotten box must not turn a limited key into an unlimited one
        return _add_form(gettext("Either all, or the chosen ones: take one of both marks away."), 422)
    key = _asked_for(rate)
    try:
        secret = billing_keys.add(actor(), key)
    except ShoplaunchError as error:
        return _add_form(*asking.problem_of(error))
    return _show_secret(key.name, secret)


def show(name: str) -> str:
    """Show one key: its permissions, and its latest actions and refusals."""
    entries = view.of_audit(billing_keys.trail(actor(), name, LAST))
    return page("key.html", "keys", key=billing_keys.get(actor(), name), entries=entries)


def confirm(name: str, change: str) -> Response:
    """Ask for confirmation before the key is renewed or revoked."""
    return _confirm(name, change, "", 200)


def change_key(name: str, change: str) -> Response:
    """Renew the key and show its secret once, or revoke it."""
    problem, status = asking.own_password_problem()
    if problem:
        return _confirm(name, change, problem, status)
    if change == "renew":
        return _show_secret(name, billing_keys.renew(actor(), name))
    billing_keys.revoke(actor(), name)
    flash(gettext("The key %(name)s is revoked.", name=name))
    return redirect(url_for("admin.key", name=name), 303)


def _rate() -> int:
    """Return the rate from the form, 0 when it is no number."""
    text = latin(request.form.get("rate", "").strip())
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _asked_for(rate: int) -> ApiKey:
    """Return the key the form describes."""
    name = request.form.get("name", "").strip()[:64]
    return ApiKey(name, _limit("servers"), _limit("bundles"), _limit("operations"), rate)


def _limit(field: str) -> tuple[str, ...] | None:
    """Return the key's limit, None when it has none."""
    if request.form.get(f"all_{field}"):
        return None
    known = set(request.form.getlist(field))
    return tuple(sorted(known & set(OPERATIONS) if field == "operations" else known))


def _show_secret(name: str, secret: str) -> Response:
    return asking.shown_once(
        gettext("The secret of the key %(name)s", name=name),
        [(gettext("Key"), name), (gettext("Secret"), secret)],
        gettext("The billing system signs its requests with it. Anybody who has it can order in its name."),
        back=url_for("admin.key", name=name),
        section="keys",
    )


def _confirm(name: str, change: str, problem: str, status: int) -> Response:
    billing_keys.in_use(actor(), name)
    title, text, button = (str(words) % {"name": name} for words in CHANGES[change])
    question = asking.Question(title, text, button, url_for("admin.key", name=name))
    return asking.confirmation("keys", question, problem, status)


def _add_form(problem: str, status: int) -> Response:
    chosen = {field: request.form.getlist(field) for field in LIMITS}
    first = request.method == "GET"
    every = {field: first or bool(request.form.get(f"all_{field}")) for field in chosen}
    given = {"name": request.form.get("name", "")[:64], "rate": request.form.get("rate", str(RATE))[:9]}
    choices = {**billing_keys.choices(actor()), "operations": OPERATIONS}
    values = {**given, "choices": choices, "chosen": chosen, "every": every, "problem": problem}
    return make_response(page("key_add.html", "keys", **values), status)
