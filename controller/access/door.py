"""Access: who may sign in or sign requests, sessions, and the audit log."""

from __future__ import annotations

import sqlalchemy as sa

from controller.access import passwords, second_factor
from controller.access.actor import Actor
from controller.db.connection.clock import Clock
from controller.db.connection.engine import reading, transact
from controller.db.identities import access, api_keys, operators, sessions
from controller.db.identities.api_keys import ApiKey
from controller.db.identities.logins import LoginThrottle
from controller.db.orders.request_log import RequestLog
from controller.keys import Keys


class Access:
    """Checks operators and billing systems. Every method raises ShoplaunchError; times are of `clock`."""

    def __init__(self, engine: sa.Engine, keys: Keys, clock: Clock) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._throttle = LoginThrottle(engine, clock)
        #: The log of signed requests.
        self.request_log = RequestLog(engine, clock)
        #: Keys that sign session cookies, the newest last.
        self.cookie_keys: tuple[bytes, ...] = keys.sessions

    def newer_cookie_keys(self) -> tuple[bytes, ...]:
        """Return the keys of session cookies as they are by now: another web server may have been started since."""
        return self._keys.current().sessions

    def actor(self, name: str) -> Actor:
        """Return the actor for changes that the operator `name` makes to operators and keys."""
        return Actor(name, self._engine, lambda: self._keys)

    def check_login(self, user: str, password: str, address: str, device: str = "", code: str = "") -> bool:
        """Return whether it is an operator's password, and `code` a valid one where they have a second factor; `device`
        has signed in as the user before ("": it has not).

        Raises login_throttled after too many failures.
        """
        self._throttle.begin(user, address, device)
        accepted = self._is_password(user, password)
        if accepted and second_factor.may_be_guessed(self._engine, user, code):
            self._throttle.begin_code(user, device)
        if accepted and not second_factor.accepts(self._engine, self._keys, user, code, self._clock()):
            # The caller knows the password: note that
            self.audit(user, "code wrong", None, address)
            accepted = False
        if accepted:
            self._throttle.succeeded(user, address, device)
            self.audit(user, "login", None, address)
        return accepted

    def check_password(self, user: str, password: str, address: str, device: str = "") -> bool:
        """Return whether this is the password of a signed-in operator; a wrong one is noted.

        Raises login_throttled.
        """
        self._throttle.begin(user, address, device)
        accepted = self._is_password(user, password)
        if accepted:
            self._throttle.succeeded(user, address, device)
        else:
            self.audit(user, "password wrong", None, address)
        return accepted

    def _is_password(self, user: str, password: str) -> bool:
        with reading(self._engine) as connection:
            known = access.password_hash(connection, user)
        # Checking an unknown user takes as long as a wrong password
        return passwords.is_right(known or passwords.NOBODY, password) and known is not None

    def begin_session(self, user: str, address: str) -> str:
        """Note that the operator has signed in; return the session's number."""
        now = self._clock()
        return transact(self._engine, lambda connection: sessions.begin(connection, user, address, now))

    def session_seen(self, number: str) -> None:
        """Note that the session is in use now."""
        now = self._clock()
        transact(self._engine, lambda connection: sessions.seen(connection, number, now))

    def session_generation(self, user: str) -> int | None:
        """Return the operator's session generation, whose sessions are valid; None when there is no such operator."""
        with reading(self._engine) as connection:
            return access.generation(connection, user)

    def role(self, user: str) -> str:
        """Return the operator's role. Raises user_unknown."""
        with reading(self._engine) as connection:
            return operators.role(connection, user)

    def sign_out(self, user: str, address: str) -> None:
        """End every session of the operator, on every device; the request comes from `address`."""

        def work(connection: sa.Connection) -> None:
            access.end_sessions(connection, user)
            access.add_audit(connection, self._clock(), user, "logout", None, address)

        transact(self._engine, work)

    def signing_secret(self, key: str) -> bytes | None:
        """Return the secret of a billing system's key, None when there is no such key."""
        with reading(self._engine) as connection:
            encrypted = api_keys.secret(connection, key)
        return None if encrypted is None else self._keys.decrypt(encrypted).encode("ascii")

    def key(self, name: str) -> ApiKey:
        """Return a billing system's key with its permissions. Raises key_unknown."""
        with reading(self._engine) as connection:
            return api_keys.get(connection, name)

    def audit(self, user: str, action: str, job: str | None = None, detail: str = "") -> int:
        """Note who did what; return the row's number."""
        now = self._clock()
        return transact(self._engine, lambda connection: access.add_audit(connection, now, user, action, job, detail))

    def complete_audit(self, number: int, job: str | None, detail: str, before: str) -> None:
        """Add the result to a row that was written before the action, with the detail `before`."""
        transact(self._engine, lambda connection: access.complete_audit(connection, number, job, detail, before))

    def list_audit(self, limit: int, offset: int, user: str | None = None) -> list[sa.Row[object]]:
        """Return the audit log's entries (at, user, action, job, detail), newest first; only those of `user` when it is
        given."""
        with reading(self._engine) as connection:
            return access.list_audit(connection, limit, offset, user)

    def count_audit(self, user: str | None = None) -> int:
        """Return how many entries the audit log has; only those of `user` when it is given."""
        with reading(self._engine) as connection:
            return access.count_audit(connection, user)
