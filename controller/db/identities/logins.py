"""Failed logins: how many failures a network, a user or a known device may have before its attempts are delayed."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable

import sqlalchemy as sa

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.connection.engine import transact
from controller.db.tables import login_failures, operators
from shared.errors import ShoplaunchError

WINDOW_SECONDS = 900
#: After this many failures of one IPv4 address, IPv6 network of 64 bits, or device that has signed in before, one
#: attempt per ADDRESS_DELAY_SECONDS is allowed. In the long run a lock for the window would allow as many, and let a
#: stranger keep operators of the same address out for all of it.
MAX_PER_ADDRESS = 10
ADDRESS_DELAY_SECONDS = WINDOW_SECONDS / MAX_PER_ADDRESS
#: The same for one user, from anywhere.
MAX_PER_USER = 30
USER_DELAY_SECONDS = 10
_V6_NETWORK_BITS = 64
#: An IPv4 address, or an IPv6 address in brackets, and a port.
_WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([^\]]+)\])(?::[0-9]{1,5})?\Z")
#: Codes of a second factor are short. A caller with the right password may try MAX_CODES within a day from devices that
#: have never signed in, then one per CODE_DELAY_SECONDS; each device that has signed in is counted by itself.
CODES_SECONDS = 86_400
MAX_CODES = 20
CODE_DELAY_SECONDS = 600


def network(address: str) -> str:
    """Return what counts as one sender: an IPv4 address, or the IPv6 network of 64 bits that one owner has."""
    try:
        found = ipaddress.ip_address(_without_port(address).partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _V6_NETWORK_BITS), strict=False))


def _without_port(address: str) -> str:
    """Return an address without the port that some proxies write with it: each connection has another one."""
    found = _WITH_PORT.match(address)
    return address if found is None else found[1] or found[2]


class LoginThrottle:
    """Counts failures in the controller's database. Times are unix seconds of `clock`.

    `device` names a device that has signed in as the user before: it is counted by itself, and failures of strangers
    through the same proxy or for the same user do not make it wait.
    """

    def __init__(self, engine: sa.Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, user: str, address: str, device: str = "") -> None:
        """Note an attempt as failed before it is checked, so that concurrent attempts count too.

        Raises ShoplaunchError `login_throttled` with `retry_after_seconds` when there were too many; such attempts
        are not noted.
        """
        now = self._clock()
        limits = _limits(user, address, device)

        def note(connection: sa.Connection) -> None:
            _take_turns(connection)
            _forget_old(connection, now)
            for subject, (most, delay) in limits.items():
                _refuse_too_soon(connection, subject, now, most, delay)
            rows = [{"subject": subject, "at": now} for subject in limits]
            connection.execute(sa.insert(login_failures), rows)

        transact(self._engine, note)

    def begin_code(self, user: str, device: str = "") -> None:
        """Note an attempt at a code after the user's right password; as `begin`."""
        now, subject = self._clock(), _code_of(user, device)

        def note(connection: sa.Connection) -> None:
            _take_turns(connection)
            _refuse_too_soon(connection, subject, now, MAX_CODES, CODE_DELAY_SECONDS)
            connection.execute(sa.insert(login_failures).values(subject=subject, at=now))

        transact(self._engine, note)

    def succeeded(self, user: str, address: str, device: str = "") -> None:
        """Forget the failures and the codes of the user and of the address, or those of the device."""
        subjects = [*_limits(user, address, device), _code_of(user, device)]
        gone = sa.delete(login_failures).where(login_failures.c.subject.in_(subjects))
        transact(self._engine, lambda connection: connection.execute(gone))


def _limits(user: str, address: str, device: str) -> dict[str, tuple[int, float]]:
    """Return what is counted -> (how many failures it may have, delay between two attempts from then on)."""
    of_sender = (MAX_PER_ADDRESS, ADDRESS_DELAY_SECONDS)
    if device:
        return {f"device:{device}": of_sender}
    return {f"address:{network(address)}": of_sender, f"user:{user}": (MAX_PER_USER, USER_DELAY_SECONDS)}


def _code_of(user: str, device: str) -> str:
    return f"code:device:{device}" if device else f"code:{user}"


def _take_turns(connection: sa.Connection) -> None:
    """Serialise the counting of attempts over all servers of the installation."""
    # A subject without failures has no row to lock; operators are few, and at least one exists
    connection.execute(sa.select(operators.c.user).order_by(operators.c.user).with_for_update()).all()


def _forget_old(connection: sa.Connection, now: float) -> None:
    subject, at = login_failures.c.subject, login_failures.c.at
    of_code = subject.startswith("code:")
    old = sa.or_(at < now - CODES_SECONDS, sa.and_(at < now - WINDOW_SECONDS, sa.not_(of_code)))
    # Rows written while the clock was ahead would block every login until that time
    connection.execute(sa.delete(login_failures).where(sa.or_(old, at > now + AHEAD_SECONDS)))


def _refuse_too_soon(connection: sa.Connection, subject: str, now: float, most: int, delay: float) -> None:
    found = sa.select(sa.func.count(), sa.func.max(login_failures.c.at)).where(login_failures.c.subject == subject)
    count, newest = connection.execute(found).one()
    if count >= most and newest > now - delay:
        seconds = max(1, math.ceil(newest + delay - now))
        raise ShoplaunchError("login_throttled", "too many failed logins", retry_after_seconds=seconds)
