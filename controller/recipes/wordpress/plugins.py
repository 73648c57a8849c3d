"""Determines which plug-ins of a WordPress run, and how they change the answers to visitors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_FOLDER, _ALWAYS_ON = "wp-content/plugins", "wp-content/mu-plugins"
_ACTIVE = re.compile(rb's:[0-9]+:"([^"]+\.php)"')
WOOCOMMERCE = "woocommerce/woocommerce.php"
#: They admit no robot, or only with a code: only a person can log in.
_GUARDS = re.compile(
    r"secur|captcha|turnstile|firewall|2fa|two-?factor|authenticat|login|signin|sign-in|limit|shield|defender|sucuri"
    r"|wordfence|hide-?my|wp-hide|ghost|anti-?spam-?bee|cerber|member|password-protected|restrict|sso|saml|oauth|passkey",
    re.IGNORECASE,
)
#: They close a site to visitors, some with status 503.
_CLOSED = re.compile(r"maintenance|coming-?soon|under-?construction|seedprod", re.IGNORECASE)
#: They answer unknown addresses with something else.
_MISSING = re.compile(r"404|not-?found|redirect", re.IGNORECASE)
#: They may give the login form an address that only they know; others are switched off or reset in new sites.
_HIDDEN = re.compile(
    r"hide|ghost|rename|better-wp-security|ithemes-security|solid-security|cerber|custom-login-url|change-wp-admin",
    re.IGNORECASE,
)


class Plugins:
    """The plug-ins that run in a new site: active ones whose files exist, and those that always run.

    `root` is the template's, `options` are a new site's.
    """

    def __init__(self, root: Path, options: Mapping[str, bytes]) -> None:
        named = [name.decode("utf-8", "replace") for name in _ACTIVE.findall(options.get("active_plugins", b""))]
        always = sorted(path.name for path in (root / _ALWAYS_ON).glob("*.php"))
        self._names = [*(name for name in named if (root / _FOLDER / name).is_file()), *always]

    @property
    def has_shop(self) -> bool:
        """Return whether WooCommerce runs."""
        return WOOCOMMERCE in self._names

    @property
    def guards_login(self) -> bool:
        """Return whether robots may be kept from logging in."""
        return self._any(_GUARDS)

    @property
    def closes(self) -> bool:
        """Return whether visitors may get the answer that the site is closed."""
        return self._any(_CLOSED)

    @property
    def answers_anything(self) -> bool:
        """Return whether an unknown address may be answered with a page."""
        return self._any(_MISSING)

    def login(self) -> str | None:
        """Return the path of the login form, None if a plug-in may hide it in its own way."""
        return None if self._any(_HIDDEN) else "/wp-login.php"

    def _any(self, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(name) for name in self._names)
