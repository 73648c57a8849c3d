"""Labels for how agents are started, in the words of an operator."""

from __future__ import annotations

import math
from typing import Any

from flask import Flask
from flask_babel import lazy_gettext

from controller.web.support.i18n import duration

#: How an agent was started.
WAYS: dict[str, Any] = {
    "account": lazy_gettext("At once, as the account"),
    "ssh": lazy_gettext("At once, by SSH"),
    "web": lazy_gettext("At once, by the site's PHP"),
    "cron": lazy_gettext("By cron"),
}
#: Why an agent was started by cron: code of controller.panels.start.REASONS -> words.
REASONS: dict[str, Any] = {
    "not_offered": lazy_gettext("this panel has no way to start anything at once"),
    "switched_off": lazy_gettext("the server is set to leave the start to cron"),
    "php_not_the_account": lazy_gettext("PHP does not run as the account"),
    "functions_disabled": lazy_gettext("PHP may not start programs there"),
    "refused_by_site": lazy_gettext("the site refused the request, possibly by its own rules"),
    "refused_by_firewall": lazy_gettext("a firewall before the sites refused the request"),
    "redirected": lazy_gettext("the site sends everybody somewhere else"),
    "not_written": lazy_gettext("the starter could not be written into the document root"),
    "overtaken": lazy_gettext("the agent had started before the request"),
    "no_answer": lazy_gettext("the site did not answer yet"),
    "wrong_answer": lazy_gettext("something other than the starter answered"),
    "vanished": lazy_gettext("the starter was gone before the request"),
    "emptied": lazy_gettext("the starter was emptied or changed before the request"),
    "closed": lazy_gettext("the starter was closed to everybody before the request"),
    "took_too_long": lazy_gettext("it exceeded its time limit"),
    "account_closed": lazy_gettext("the account may not start programs"),
    "home_closed": lazy_gettext("the account's home cannot be entered"),
    "limits": lazy_gettext("the account's limits leave no room for another process"),
    "unheard": lazy_gettext("an agent was started at once, and sent no report"),
    "limited": lazy_gettext("an agent was started at once, and its limits were too small"),
    "failed": lazy_gettext("it failed; the controller's log says how"),
}


def way_label(way: str) -> object:
    """Return how an agent was started; an unknown way keeps its own name."""
    return WAYS.get(way, way)


def reason_label(reason: str) -> object:
    """Return why an agent was left to cron; an unknown reason keeps its own name."""
    return REASONS.get(reason, reason)


def rounded_duration(seconds: float) -> str:
    """Return an estimate as text, rounded: it is not exact to a tenth of a second."""
    return duration(math.ceil(seconds) if seconds < 10 else math.ceil(seconds / 5) * 5)


def init_app(app: Flask) -> None:
    """Register the labels for templates."""
    app.jinja_env.filters["rounded_duration"] = rounded_duration
    app.jinja_env.globals.update(start_way_label=way_label, start_reason_label=reason_label)
