"""A branch in this process, or in one of its own: both do what they are asked, and answer when that is done."""

import multiprocessing
import traceback

from controller.db.connection import engine
from controller.jobs.retention import sweep
from tests.bench.year.branch import Branch

_CONTEXT = multiprocessing.get_context("spawn")
#: Whose turn it is to write, of all processes of a year. SQLite's own lock stays as it is: a process that finds that
#: one taken sleeps, up to a tenth of a second, before it looks again; this one wakes it.
_TURN = _CONTEXT.RLock()


def write_in_turn(turn=_TURN):
    """Let this process write when it is its turn among all processes of the year, and be woken then."""
    engine._turns.clear()
    engine._turns.default_factory = lambda: turn


class Here:
    """A branch of this process."""

    def __init__(self, *given):
        self._branch = Branch(*given)
        self._answer = None

    def ask(self, name, *given):
        """Let it do something, of which `answer` returns the result."""
        self._answer = getattr(self._branch, name)(*given)

    def answer(self):
        """Wait until it is done; return the result."""
        return self._answer

    def close(self):
        self._branch.close()


class Elsewhere:
    """A branch in a process of its own, which ends with this one."""

    def __init__(self, *given):
        self._line, other = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(other, _TURN, *given), daemon=True)
        self._process.start()
        other.close()

    def ask(self, name, *given):
        """Let it do something, of which `answer` returns the result."""
        self._line.send((name, given))

    def answer(self):
        """Wait until it is done; return the result. Raises RuntimeError with what went wrong there."""
        problem, found = self._line.recv()
        if problem:
            raise RuntimeError(problem)
        return found

    def close(self):
        self.ask("close")
        self.answer()
        self._line.close()
        self._process.join()


def _serve(line, turn, *given):
    sweep.PAUSE_SECONDS = 0.0
    write_in_turn(turn)
    branch = Branch(*given)
    while True:
        try:
            name, more = line.recv()
        except EOFError:
            return
        try:
            line.send(("", getattr(branch, name)(*more)))
        except Exception:  # noqa: BLE001 - it is raised again where it was asked for
            line.send((traceback.format_exc(), None))
