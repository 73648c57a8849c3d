"""Changes a WordPress's development settings to those of a live site, with a sentence about each change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from controller.recipes.php.definitions import Definition
from controller.recipes.php.shown_errors import without_shown_errors
from controller.recipes.wordpress import login

#: (place of the setting, sentence about the change)
Adjustment = tuple[str, str]

_OFF = (False, 0, b"", b"0")
#: Constant -> (value of a live site, equivalent values, sentence).
CONSTANTS: Mapping[str, tuple[bytes, Sequence[object], str]] = {
    **dict.fromkeys(
        ("WP_DEBUG", "WP_DEBUG_DISPLAY", "WP_DEBUG_LOG", "SCRIPT_DEBUG", "SAVEQUERIES", "WP_LOCAL_DEV", "IMPORT_DEBUG",
         "JETPACK_DEV_DEBUG", "JETPACK_STAGING_MODE", "WP_DISABLE_FATAL_ERROR_HANDLER"),
        (b"false", _OFF, "no errors are shown, logged or looked for"),
    ),
    "WP_ENVIRONMENT_TYPE": (b"'production'", (b"production",), "the site is in production"),
    "WP_DEVELOPMENT_MODE": (b"''", (b"",), "development mode is off"),
    "DISABLE_WP_CRON": (b"false", _OFF, "visits start what is due: a new account has no cron line for it"),
    "WP_ALLOW_REPAIR": (b"false", _OFF, "nobody repairs the database without signing in"),
    "WP_HTTP_BLOCK_EXTERNAL": (b"false", _OFF, "the site may ask others: for payments, rates, updates"),
    "WP_PROXY_HOST": (b"''", (b"",), "the template's proxy is not asked"),
}  # fmt: skip
_ERRORS_SHOWN = "pages show no errors"
#: Option -> (values of an unfinished site, value of a live one, sentence).
OPTIONS: Mapping[str, tuple[Sequence[bytes], bytes, str]] = {
    "blog_public": ((b"0",), b"1", "search engines may look at the site"),
    "woocommerce_coming_soon": ((b"yes",), b"no", "the shop is open: it said \"coming soon\""),
    "woocommerce_demo_store": ((b"yes", b"1"), b"no", "no page says that orders are not carried out"),
    "elementor_maintenance_mode_mode": ((b"maintenance", b"coming_soon"), b"", "the site is out of maintenance"),
}  # fmt: skip
_SEEDPROD = "seedprod_settings"
_SEEDPROD_ON = re.compile(rb"(\"enable_(?:coming_soon|maintenance)_mode\"\s*:\s*)(?:true|1|\"1\")")
_CLOSED = "the site is open: this plug-in showed a notice instead"
_MAIL = "mail goes through PHP: what this plug-in sent it with does not travel, or caught it"
_HTTPS = "a new site answers over http first: this plug-in led visitors to https"
#: Plug-ins (folders) that are switched off: a new site runs without them until its owner decides otherwise.
PLUGINS: Mapping[str, str] = {
    **dict.fromkeys(
        ("wp-maintenance-mode", "maintenance", "under-construction-page", "cmp-coming-soon-maintenance",
         "minimal-coming-soon-maintenance-mode", "nifty-coming-soon-and-under-construction-page",
         "slim-maintenance-mode", "easy-coming-soon", "simple-maintenance", "wp-maintenance", "maintenance-switch",
         "lj-maintenance-mode", "ultimate-under-construction", "colorlib-coming-soon-maintenance"),
        _CLOSED,
    ),
    **dict.fromkeys(
        ("wp-mail-smtp", "wp-mail-smtp-pro", "easy-wp-smtp", "post-smtp", "fluent-smtp", "smtp-mailer", "wp-smtp",
         "gmail-smtp", "sendgrid-email-delivery-simplified", "wp-ses", "wp-offload-ses", "mailgun", "wp-mailhog-smtp",
         "mailhog-for-wp", "wp-mailtrap", "mailtrap-for-wp", "wp-mailpit", "wp-mailcatcher-smtp", "disable-emails",
         "stop-emails", "wp-stop-emails", "smtp2go", "sar-friendly-smtp", "configure-smtp"),
        _MAIL,
    ),
    **dict.fromkeys(
        ("really-simple-ssl", "really-simple-ssl-pro", "wp-force-ssl", "wp-encryption", "easy-https-redirection",
         "ssl-zen", "one-click-ssl", "verve-ssl", "wordpress-https"),
        _HTTPS,
    ),
    **dict.fromkeys(login.PLUGINS, login.MOVED),
}  # fmt: skip
_ACTIVE = "active_plugins"
_PLUGIN = re.compile(rb'i:[0-9]+;s:[0-9]+:"([^"]+)";')


def constant(one: Definition) -> bytes | None:
    """Return the value of a constant in a live site, None where it stays."""
    value, same, _ = CONSTANTS.get(one.name, (b"", (), ""))
    # An expression that would have to be run may have any value
    is_same = one.value is not None and any(type(one.value) is type(other) and one.value == other for other in same)
    return None if one.name not in CONSTANTS or is_same else value


def option(name: str, value: bytes) -> bytes:
    """Return an option's value for a live site."""
    if name == _ACTIVE:
        return _without(value)
    if name == _SEEDPROD:
        return _SEEDPROD_ON.sub(rb"\g<1>false", value)
    unwanted, wanted, _ = OPTIONS.get(name, ((), value, ""))
    return wanted if value in unwanted else login.option(name, value)


def adjustments(source: bytes, definitions: Sequence[Definition], options: Mapping[str, bytes]) -> Iterator[Adjustment]:
    """Yield the changed settings of wp-config.php (its source, and its definitions) and among the options."""
    for one in definitions:
        if constant(one) is not None:
            yield f"wp-config.php {one.name}", CONSTANTS[one.name][2]
    if without_shown_errors(source) != source:
        yield "wp-config.php ini_set", _ERRORS_SHOWN
    for name, (unwanted, _, what) in OPTIONS.items():
        if options.get(name) in unwanted:
            yield f"option {name}", what
    seedprod = options.get(_SEEDPROD, b"")
    if option(_SEEDPROD, seedprod) != seedprod:
        yield f"option {_SEEDPROD}", _CLOSED
    for name in login.OPTIONS:
        if login.option(name, options.get(name, b"")) != options.get(name, b""):
            yield f"option {name}", login.MOVED
    for plugin in _PLUGIN.findall(options.get(_ACTIVE, b"")):
        if _folder(plugin) in PLUGINS:
            yield f"plug-in {_folder(plugin)}", f"switched off: {PLUGINS[_folder(plugin)]}"


def _without(value: bytes) -> bytes:
    """Return the list of active plug-ins without those that are switched off."""
    active = _PLUGIN.findall(value)
    kept = [plugin for plugin in active if _folder(plugin) not in PLUGINS]
    if len(kept) == len(active):
        return value
    written = b"".join(b'i:%d;s:%d:"%b";' % (number, len(one), one) for number, one in enumerate(kept))
    return b"a:%d:{%b}" % (len(kept), written)


def _folder(plugin: bytes) -> str:
    return plugin.partition(b"/")[0].decode("utf-8", "replace")
