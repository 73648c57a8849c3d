"""Labels of states, steps and stages on pages, and the few milestones that a client sees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_babel import lazy_gettext
from markupsafe import Markup, escape

from controller.follow_up_kinds import KINDS
from controller.jobs.lifecycle import plan
from controller.web.support.i18n import gettext, language
from shared.errors import is_known, title
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Step

#: A command, with what no line may begin or end with without it.
_COMMAND = re.compile(r"([(«]*)`([^`]*)`([.,:;?!)»]*)")
_HELD = Markup('<span class="held">{}<code dir="ltr">{}</code>{}</span>')
#: state -> (label, tone: how it is coloured)
STATES: dict[str, tuple[Any, str]] = {
    "received": (lazy_gettext("Received"), "idle"),
    "preparing": (lazy_gettext("Preparing"), "busy"),
    "dropped": (lazy_gettext("Waiting for the agent"), "busy"),
    "restoring": (lazy_gettext("Restoring"), "busy"),
    "finishing": (lazy_gettext("Finishing"), "busy"),
    "live": (lazy_gettext("Live"), "good"),
    "failed": (lazy_gettext("Failed"), "bad"),
    "stalled": (lazy_gettext("Stalled"), "bad"),
    "cancelled": (lazy_gettext("Cancelled"), "idle"),
    "ignored": (lazy_gettext("Ignored"), "idle"),
}
STEP_STATES: dict[str, tuple[Any, str]] = {
    "waiting": (lazy_gettext("Waiting"), "idle"),
    "running": (lazy_gettext("Running"), "busy"),
    "done": (lazy_gettext("Done"), "good"),
    "failed": (lazy_gettext("Failed"), "bad"),
    "skipped": (lazy_gettext("Skipped"), "idle"),
}
#: Stages of the agent, in the words of an operator; those of steps stand in the plan.
STAGES: dict[str, Any] = {
    "verify": lazy_gettext("Verify job and bundle"),
    "preflight": lazy_gettext("Check before any change"),
    "unpack": lazy_gettext("Unpack files"),
    "import": lazy_gettext("Import database"),
    "configure": lazy_gettext("Fill in settings"),
    "edit": lazy_gettext("Change files"),
    "prove": lazy_gettext("Prove the copy"),
    "switch": lazy_gettext("Switch to the new shop"),
    "report": lazy_gettext("Report"),
    "cleanup": lazy_gettext("Clean up"),
}
#: The progress of a shop's certificate.
TLS: dict[str, Any] = {
    "none": lazy_gettext("The panel issues none; the shop is on http"),
    "waiting": lazy_gettext("Waited for; the shop is on http"),
    "asked": lazy_gettext("Asked for; the shop is on http"),
    "served": lazy_gettext("Served; the shop is on http"),
    "on": lazy_gettext("Served; the shop is on https"),
}
#: The roles of operators, lowest first.
ROLES: dict[str, Any] = {
    "look": lazy_gettext("look"),
    "operate": lazy_gettext("operate"),
    "administer": lazy_gettext("administer"),
}
#: The same as a sentence.
ROLE_SENTENCES: dict[str, Any] = {
    "look": lazy_gettext("Sees everything, changes nothing."),
    "operate": lazy_gettext("Also retries and cancels jobs and sends refused orders again."),
    "administer": lazy_gettext("Also closes shops, sets their passwords, and looks after operators and keys."),
}
#: The operations that a billing system's key can be denied.
OPERATIONS: dict[str, Any] = {
    "occupied": lazy_gettext("Move what stands in a new shop's place aside"),
    "create_account": lazy_gettext("Make hosting accounts"),
    "retry": lazy_gettext("Retry jobs"),
    "cancel": lazy_gettext("End services"),
}
TROUBLED = ("failed", "stalled")
ENDED = ("live", "cancelled", "ignored")
#: milestone of the client page -> job states in which it is the one under way
_MILESTONES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (lazy_gettext("Order received"), ("received",)),
    (lazy_gettext("Preparing the hosting"), ("preparing", "dropped")),
    (lazy_gettext("Installing the %(noun)s"), ("restoring",)),
    (lazy_gettext("Testing the %(noun)s"), ("finishing",)),
    (lazy_gettext("%(noun)s ready"), ()),
)


def state_label(state: str) -> object:
    """Return the label of a job's `state`; an unknown one keeps its own name."""
    return STATES.get(state, (state, "idle"))[0]


def state_tone(state: str) -> str:
    """Return `idle`, `busy`, `good` or `bad` for a job's or a step's `state`."""
    return (STATES.get(state) or STEP_STATES.get(state) or ("", "idle"))[1]


def step_state_label(state: str) -> object:
    """Return the label of a step's `state`."""
    return STEP_STATES.get(state, (state, "idle"))[0]


def kind_label(kind: str) -> object:
    """Return the label of jobs of `kind`; an unknown one keeps its own name."""
    if kind == RESTORE:
        return lazy_gettext("New shop")
    return lazy_gettext(KINDS[kind].label) if kind in KINDS else kind


def tls_label(state: str) -> object:
    """Return the label of the certificate's state; an unknown one keeps its own name."""
    return TLS.get(state, state)


def role_label(role: str) -> object:
    """Return what pages call the role; an unknown one keeps its own name."""
    return ROLES.get(role, role)


def role_sentence(role: str) -> object:
    """Return a sentence that says what operators with the role may do."""
    return ROLE_SENTENCES.get(role, "")


def operation_label(name: str) -> object:
    """Return the label of a key's operation; an unknown one keeps its own name."""
    return OPERATIONS.get(name, name)


def step_label(name: str | None) -> object:
    """Return the label of the step or stage `name`; an unknown one keeps its own name."""
    return known_step(name or "") or name or ""


def known_step(name: str) -> object:
    """Return the label of the step or stage `name`, None for an unknown one."""
    step = plan.named(name)
    return STAGES.get(name) if step is None else lazy_gettext(step.label)


def error_title(code: str) -> str:
    """Return in a few words of the page's language what the error `code` is; an unknown one keeps its own name."""
    return title(code, language()) if is_known(code) else code


def is_moving(state: str, steps: Iterable[Step] = ()) -> bool:
    """Return whether the job may change by itself, so that its page refreshes; `steps` are those of its status."""
    after_all = any(step["state"] in ("waiting", "running") for step in steps)
    return state not in ENDED or (state == "live" and after_all)


def milestones(state: str, percent: int, noun: str) -> list[dict[str, Any]]:
    """Return [{"label", "state"}] for the client page: progress in non-technical words, `noun` among them."""
    current = _current_milestone(state, percent)
    found = []
    for number, (label, _states) in enumerate(_MILESTONES):
        done = number < current or state == "live"
        pause = "failed" if state in TROUBLED else "running"
        text = str(label) % {"noun": noun}
        found.append(
            {
                "label": text[:1].upper() + text[1:],
                "state": "done" if done else pause if number == current else "waiting",
            }
        )
    return found


def _current_milestone(state: str, percent: int) -> int:
    for number, (_label, states) in enumerate(_MILESTONES):
        if state in states:
            return number
    # A job in trouble does not say where it was; its percentage does
    if state in TROUBLED:
        return 1 if percent < 5 else 2 if percent < 96 else 3
    return len(_MILESTONES) - 1


def headline(state: str, noun: str, *, is_alarmed: bool = True) -> tuple[str, str]:
    """Return (title, sentence) that inform a client about the state; `noun` is in the page's language;
    `is_alarmed` says whether the operator has been notified of trouble."""
    if state == "live":
        return gettext("Your %(noun)s is ready", noun=noun), gettext(
            "Everything was installed and tested. Have a good start!"
        )
    if state in TROUBLED and not is_alarmed:
        return (
            gettext("This takes a little longer"),
            gettext("Our team has to look at it. You need not do anything; nothing is lost."),
        )
    if state in TROUBLED:
        return (
            gettext("This takes a little longer"),
            gettext("Our team has been notified and is looking at it. You need not do anything; nothing is lost."),
        )
    if state in ("cancelled", "ignored"):
        return gettext("This order is closed"), gettext("Please ask us if you did not expect this.")
    return (
        gettext("Your %(noun)s is being prepared", noun=noun),
        gettext("You may close this page; you get an e-mail as soon as the %(noun)s is ready.", noun=noun),
    )


def with_labels(steps: Iterable[Step]) -> list[dict[str, object]]:
    """Return `steps` of a job with `label` and `tone` for the page."""
    return [{**step, "label": step_label(step["name"]), "tone": state_tone(step["state"])} for step in steps]


def with_code(text: str) -> Markup:
    """Return `text` as HTML, with `commands between backticks` marked up as code, held to brackets and full stops."""
    if text.count("`") % 2:
        return escape(text)
    plain, *commands = _COMMAND.split(text)
    made = escape(plain)
    for opening, command, closing, after in zip(*(iter(commands),) * 4, strict=True):
        made += _HELD.format(opening, command, closing) + escape(after)
    return made


def init_app(app: Flask) -> None:
    """Register the labels for templates."""
    app.jinja_env.filters["with_code"] = with_code
    app.jinja_env.globals.update(
        state_label=state_label,
        state_tone=state_tone,
        step_label=step_label,
        tls_label=tls_label,
        kind_label=kind_label,
        role_label=role_label,
        role_sentence=role_sentence,
        operation_label=operation_label,
        step_state_label=step_state_label,
        error_title=error_title,
        states=tuple(STATES),
    )
