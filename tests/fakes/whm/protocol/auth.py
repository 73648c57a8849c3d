"""Who is calling; refusals come in three forms in turn, and after too many the address is locked out."""

import itertools
import threading

from tests.fakes.whm.protocol.envelopes import Reply, api2_denied

LOGIN = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title} Login</title></head>
<body><form id="login_form" action="/login/" method="post"><input name="user"><input name="pass" type="password">
</form></body></html>
"""


class Door:
    """Checks the `Authorization` header of every request."""

    def __init__(self, double):
        self._double = double
        self._guard = threading.Lock()
        self._forms = itertools.count()
        self.failures = 0

    def unlock(self):
        """The address may try again."""
        with self._guard:
            self.failures = 0

    @property
    def locked(self):
        """Return whether the address is locked out."""
        limit = self._double.quirks.lockout_after
        return bool(limit) and self.failures >= limit

    def enter(self, door, header):
        """Return the token of the header, None when it is not accepted."""
        token = self._token(door, header)
        with self._guard:
            if self.locked:
                self.failures += 1
                return None
            if token is None or self._double.quirks.refuse_token:
                self.failures += 1
                return None
        return token

    def _token(self, door, header):
        kind, _, rest = (header or "").partition(" ")
        user, separator, secret = rest.partition(":")
        if kind != door or not separator:
            return None
        return self._double.state.find_token(door, user, secret)

    def refusal(self, door):
        """Return the next of the three ways of saying no."""
        forms = self._double.quirks.auth_forms
        with self._guard:
            form = forms[next(self._forms) % len(forms)]
        page = LOGIN.format(title="WHM" if door == "whm" else "cPanel")
        if form == "403":
            return Reply(403, api2_denied("Access denied"), refused=True)
        return Reply(int(form), page, "text/html; charset=utf-8", refused=True)
