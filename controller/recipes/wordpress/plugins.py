"""Which of a WordPress's plug-ins are at work, and what they change of what visitors are answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_FOLDER, _ALWAYS_ON = "wp-content/plugins", "wp-content/mu-plugins"
_ACTIVE = re.compile(rb's:[0-9]+:"([^"]+\.php)"')
WOOCOMMERCE = "woocommerce/woocommerce.php"
#: Of these a robot is not let in, or only with a code: nobody signs in but a person.
_GUARDS = re.compile(
    r"secur|captcha|turnstile|firewall|2fa|two-?factor|authenticat|login|signin|sign-in|limit|shield|defender|sucuri"
    r"|wordfence|hide-?my|wp-hide|ghost|anti-?spam-?bee|cerber|member|password-protected|restrict|sso|saml|oauth|passkey",
    re.IGNORECASE,
)
#: They close a site to visitors, some with status 503.
_CLOSED = re.compile(r"maintenance|coming-?soon|under-?construction|seedprod", re.IGNORECASE)
#: They answer something else where nothing is.
_MISSING = re.compile(r"404|not-?found|redirect", re.IGNORECASE)
#: They may give the form for signing in an address that only they know; others are turned back in new sites.
_HIDDEN = re.compile(
    r"hide|ghost|rename|better-wp-security|ithemes-security|solid-security|cerber|custom-login-url|change-wp-admin",
    re.IGNORECASE,
)


class Plugins:
    """The plug-ins of new sites that run: active ones whose files are there, and those that always run.

    `root` is the template's, `options` are a new site's.
    """

    def __init__(self, root: Path, options: Mapping[str, bytes]) -> None:
        named = [name.decode("utf-8", "replace") for name in _ACTIVE.findall(options.get("active_plugins", b""))]
        always = sorted(path.name for path in (root / _ALWAYS_ON).glob("*.php"))
        self._names = [*(name for name in named if (root / _FOLDER / name).is_file()), *always]

    @property
    def has_shop(self) -> bool:
        """Tell whether WooCommerce runs."""
        return WOOCOMMERCE in self._names

    @property
    def guards_login(self) -> bool:
        """Tell whether signing in may be kept from all but persons."""
        return self._any(_GUARDS)

    @property
    def closes(self) -> bool:
        """Tell whether visitors may be answered that the site is closed."""
        return self._any(_CLOSED)

    @property
    def answers_anything(self) -> bool:
        """Tell whether an address that is not there may be answered with a page."""
        return self._any(_MISSING)

    def login(self) -> str | None:
        """Return the path of the form for signing in, None where a plug-in may hide it in a way of its own."""
        return None if self._any(_HIDDEN) else "/wp-login.php"

    def _any(self, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(name) for name in self._names)
