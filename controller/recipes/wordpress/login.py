"""Restores the usual address of the login form in new sites: plug-ins that move it are switched off or reset."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: The reason for each: the address is the template owner's, and every client would have the same.
MOVED = "the sign-in form is at the address that clients are given: the template had moved it"
#: Plug-ins (folders) that only move the form.
PLUGINS = (
    "wps-hide-login", "rename-wp-login", "easy-hide-login", "hide-login-page", "lws-hide-login", "hide-wp-login-php",
    "change-wp-admin-login", "hide-my-wp",
)  # fmt: skip
#: Option -> (the part that moves the form, its replacement), for plug-ins that do more.
OPTIONS: Mapping[str, tuple[re.Pattern[bytes], bytes]] = {
    "secupress_active_submodule_move-login": (re.compile(rb".+", re.DOTALL), b""),
    "aio_wp_security_configs": (re.compile(rb'(s:31:"aiowps_enable_rename_login_page";)s:1:"1";'), rb'\g<1>s:0:"";'),
    "itsec-storage": (re.compile(rb'(s:12:"hide-backend";a:[0-9]+:\{s:7:"enabled";)b:1;'), rb"\g<1>b:0;"),
    "perfmatters_options": (re.compile(rb'(s:9:"login_url";)s:[0-9]+:"[^"]+";'), rb'\g<1>s:0:"";'),
    "cerber-main": (re.compile(rb'(s:9:"loginpath";)s:[0-9]+:"[^"]+";'), rb'\g<1>s:0:"";'),
}


def option(name: str, value: bytes) -> bytes:
    """Return an option with the form at its usual address; the same object when nothing moved it."""
    if name not in OPTIONS:
        return value
    pattern, wanted = OPTIONS[name]
    return pattern.sub(wanted, value) if pattern.search(value) else value
