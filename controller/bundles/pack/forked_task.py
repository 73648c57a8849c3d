"""Runs a part of the packing in a forked process, while the parent goes on until it needs the result."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from controller.bundles.pack.progress import Progress
from shared.errors import ShoplaunchError

T = TypeVar("T")
#: Seconds between two polls of the work's progress.
_LOOK_SECONDS = 0.1
#: A forked copy of this process: it shares our memory's content and our file permissions.
_FORK = multiprocessing.get_context("fork")


class ForkedTask(Generic[T]):
    """Work that runs in another process."""

    def __init__(self, receiver: Connection, steps: Any) -> None:
        self._receiver = receiver
        self._steps = steps
        self._shown = 0

    def outcome(self, progress: Progress, meanwhile: Callable[[], bool] = lambda: False) -> T:
        """Wait for the work and return its result; report its progress to `progress`.

        `meanwhile` does one piece of other work and returns whether there was any: it is called until the result
        is there. Raises the work's exception, and ShoplaunchError `internal` when it ended without a result.
        """
        busy = True
        while True:
            arrived = self._receiver.poll(0 if busy else _LOOK_SECONDS)
            self._show(progress)
            if not arrived:
                busy = meanwhile()
                continue
            try:
                kind, *said = self._receiver.recv()
            except EOFError:
                raise ShoplaunchError("internal", "a process of the packer was ended from outside") from None
            if kind == "phase":
                progress.phase(*said)
            elif kind == "failed":
                raise said[0]
            elif kind == "refused":
                code, message, retryable, details = said
                raise ShoplaunchError(code, message, retryable, **details)
            else:
                self._show(progress)
                done: T = said[0]
                return done

    def _show(self, progress: Progress) -> None:
        steps = self._steps.value
        progress.advance(steps - self._shown)
        self._shown = steps


class _ProgressSender:
    """Sends the progress of the work to the process that waits for it."""

    def __init__(self, sender: Connection, steps: Any, parent: int) -> None:
        self._sender = sender
        self._steps = steps
        self._parent = parent

    def phase(self, name: str, total: int | None = None) -> None:
        self._sender.send(("phase", name, total))

    def advance(self, steps: int = 1) -> None:
        self._steps.value += steps
        if os.getppid() != self._parent:
            # The waiting process is gone
            os._exit(1)


@contextmanager
def start_forked(work: Callable[[Progress], T]) -> Iterator[ForkedTask[T]]:
    """Start `work(progress)` and yield it as a ForkedTask; the process is ended with the context.

    Its result and exceptions are sent pickled; its changes in memory are lost.
    """
    receiver, sender = _FORK.Pipe(duplex=False)
    steps = _FORK.Value("Q", 0, lock=False)
    process = _FORK.Process(target=_run, args=(work, sender, receiver, steps, os.getpid()), daemon=True)
    # A garbage collection writes into every object it visits: soon each process would have its own copy of all memory
    gc.freeze()
    try:
        process.start()
        sender.close()
        yield ForkedTask(receiver, steps)
    finally:
        gc.unfreeze()
        receiver.close()
        if process.pid is not None:
            process.kill()
            process.join()


def _run(work: Callable[[Progress], T], sender: Connection, receiver: Connection, steps: Any, parent: int) -> None:
    # A Ctrl-C in the terminal reaches both: the parent decides about this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    receiver.close()
    try:
        sender.send(("done", work(_ProgressSender(sender, steps, parent))))
    except ShoplaunchError as problem:
        sender.send(("refused", problem.code, problem.message, problem.retryable, problem.details))
    except Exception as problem:  # noqa: BLE001 - raised again in the process that waits
        problem.add_note(traceback.format_exc())
        sender.send(("failed", problem))
    finally:
        # The parent's exit handlers must not run here
        os._exit(0)
