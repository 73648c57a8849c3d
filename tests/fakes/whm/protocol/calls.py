"""What was called: recorded for assertions, with how many calls were in flight and which waited for which."""

import itertools
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Call:
    """One request: `function` as in `Mysql::create_database`; `outcome` is ok, refused, auth, cut or 500."""

    number: int
    method: str
    path: str
    door: str  # whm | cpanel
    started: float
    in_flight: int
    function: str = ""
    caller: str = ""
    account: str = ""
    changes: bool = False
    nth: int = 0  # which call of its function, as its server counts them
    names: tuple = ()
    query_names: tuple = ()
    ended: float = 0.0
    outcome: str = ""
    said: str = ""
    before: frozenset = field(default=frozenset(), repr=False)


class Calls:
    """All calls of one server, in the order in which they came."""

    def __init__(self):
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._open = set()
        self.all = []
        self.max_in_flight = 0

    @contextmanager
    def record(self, method, path, door):
        """Record one call from its arrival to its answer."""
        with self._guard:
            number = next(self._numbers)
            self._open.add(number)
            self.max_in_flight = max(self.max_in_flight, len(self._open))
            ended = frozenset(call.number for call in self.all if call.ended)
            call = Call(number, method, path, door, time.monotonic(), len(self._open), before=ended)
            self.all.append(call)
        try:
            yield call
        finally:
            self.end(call)

    def end(self, call):
        """The call is over: said before its answer is sent, so that the next one counts as coming after it."""
        with self._guard:
            if call.number in self._open:
                self._open.discard(call.number)
                call.ended = time.monotonic()

    def clear(self):
        """Forget what was called so far."""
        with self._guard:
            self.all = [call for call in self.all if not call.ended]
            self.max_in_flight = len(self._open)

    def of(self, function):
        """Return the calls of `function`."""
        return [call for call in self.all if call.function == function]

    def functions(self):
        """Return the functions' names in order."""
        return [call.function for call in self.all]

    def round_trips(self, calls=None):
        """Return the length of the longest chain of calls of which each came after the one before was answered."""
        depth = {}
        for call in self.all if calls is None else calls:
            depth[call.number] = 1 + max((depth[one] for one in call.before if one in depth), default=0)
        return max(depth.values(), default=0)
