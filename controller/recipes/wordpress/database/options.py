"""Decides which of WordPress's options become values of the job, and which are removed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.recipes.secrets import parts
from controller.recipes.secrets.parts import Held
from controller.recipes.wordpress import living
from shared.placeholders import token

#: Option -> (value of the job, its encoding): WordPress stores the site's name escaped for HTML.
FROM_JOB = {
    "siteurl": ("shop.url", "raw"),
    "home": ("shop.url", "raw"),
    "blogname": ("shop.name", "html"),
    "admin_email": ("shop.email", "raw"),
    "woocommerce_email_from_address": ("shop.email", "raw"),
    "woocommerce_stock_email_recipient": ("shop.email", "raw"),
    "woocommerce_email_from_name": ("shop.name", "html"),
}
#: Those of them that a site always has.
NEEDED = ("siteurl", "home", "blogname", "admin_email", "WPLANG")
#: Fixed options of a new site, whatever the template had: open to search engines, no mailbox of the template.
FIXED = {
    "blog_public": b"1", "mailserver_url": b"mail.example.com", "mailserver_login": b"login@example.com",
    "mailserver_pass": b"", "mailserver_port": b"110", "woocommerce_force_ssl_checkout": b"no",
    "https_migration_required": b"",
    # The time from which administrators are asked whether their e-mail address is right (since 5.3): a new site's is.
    # A date of its own would differ in every site, and could not be proved
    "admin_email_lifespan": b"2147483647",
}  # fmt: skip
#: Rows left out: data that WordPress generates again, and personal data.
_LEFT_OUT = (
    "auth_key", "auth_salt", "logged_in_key", "logged_in_salt", "secure_auth_key", "secure_auth_salt", "nonce_key",
    "nonce_salt", "secret_key", "new_admin_email", "adminhash", "recovery_keys", "recovery_mode_email_last_sent",
    "using_application_passwords", "auto_updater.lock", "core_updater.lock", "auto_core_update_notified",
    "can_compress_scripts", "woocommerce_helper_data", "jetpack_options", "jetpack_private_options",
    "woocommerce_tracker_ua", "woocommerce_store_id", "fs_accounts", "elementor_log",
)  # fmt: skip
#: Updaters of sold plug-ins keep the answers of their makers' servers, with the licence in them, for some hours.
_ANSWER = '^a:2:[{]s:7:"timeout";i:[0-9]+;s:5:"value";'
CONDITION = (
    "option_name NOT REGEXP '^_([a-z]+_)?transient_|^_w[cp]_session_'"
    f" AND option_value NOT REGEXP '{_ANSWER}'"
    " AND option_name NOT IN (" + ", ".join(f"'{name}'" for name in _LEFT_OUT) + ")"
)
#: The folder of each entry in the list of active plug-ins.
_PLUGIN = re.compile(rb'"([^"/]+)/[^"]+\.php"')
#: The password WordPress itself puts into the mailbox's settings.
_MAILBOX = b"password"
#: The application's own settings about passwords, with names like passwords.
_NOT_SECRET = ("woocommerce_registration_generate_password",)


def secrets_in(name: str, value: bytes) -> list[Held]:
    """Return the secrets of an option: itself, or those inside it."""
    return [] if name in _NOT_SECRET or value == _MAILBOX else parts.secrets_in(name, value)


def template_of(name: str, value: bytes, nonce: str) -> bytes:
    """Return the option's template; `value` itself when the recipe does not set it."""
    if name in FROM_JOB:
        wanted, steps = FROM_JOB[name]
        filled: bytes = token(nonce, wanted, steps)
        return filled
    if name in FIXED:
        return FIXED[name]
    value = living.option(name, value)
    return value if name in _NOT_SECRET else parts.taken_out(name, value)[0]


def folders_in_use(options: Mapping[str, bytes]) -> set[str]:
    """Return the folders of the active themes and plug-ins."""
    themes = {options.get(name, b"").decode("utf-8", "replace") for name in ("template", "stylesheet")}
    plugins = _PLUGIN.findall(options.get("active_plugins", b""))
    used = {f"wp-content/plugins/{found.decode('utf-8', 'replace')}" for found in plugins}
    return used | {f"wp-content/themes/{theme}" for theme in themes if theme}
