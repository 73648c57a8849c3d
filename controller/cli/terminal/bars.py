"""Progress bars on the terminal, one per phase; a line per phase where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from controller.bundles.pack import progress


def console() -> Console:
    """Return a console for standard output that neither interprets markup nor wraps output for programs."""
    return Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False)


class Bars:
    """A context manager that draws progress as controller.bundles.pack.progress.Progress reports it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._task: TaskID | None = None
        self._name = ""
        self._since = 0.0
        columns = (TextColumn("{task.description:<24}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        self._drawn = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> Bars:
        self._drawn.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end()
        self._drawn.stop()

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a bar."""
        self._end()
        self._name, self._since = name, time.monotonic()
        self._task = self._drawn.add_task(name, total=total)

    def advance(self, steps: int = 1) -> None:
        """Advance the bar by `steps`."""
        if self._task is not None:
            self._drawn.advance(self._task, steps)

    def _end(self) -> None:
        if self._task is None:
            return
        task = self._drawn.tasks[self._drawn.task_ids.index(self._task)]
        total = task.total or 1
        self._drawn.update(self._task, total=total, completed=total)
        if not self._console.is_terminal:
            self._console.print(f"{self._name}: {time.monotonic() - self._since:.1f} s")


@contextmanager
def bars_on_terminal() -> Iterator[progress.Progress]:
    """Yield bars on standard error where that is a terminal; elsewhere nothing is drawn."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield progress.NoProgress()
        return
    with Bars(console) as bars:
        yield bars
