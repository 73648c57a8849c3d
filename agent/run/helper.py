"""Runs a stage in a second process: forks it before threads start, applies its messages, notices its end.

The helper gets its job and shards through one pipe, and reports through another, one JSON document per line. It
inherits the lock descriptor, and ends when its input closes.
"""

import errno
import json
import os
import signal
import threading
import time
from functools import partial

from agent.base.failures import as_failure
from agent.bundle.reader import open_early
from agent.bundle.shards import read_ahead
from agent.run import helper_main
from agent.session.context import UNSET
from shared.errors import ShoplaunchError, is_known
from shared.job import LOG_FILE, RESTORE

MYPY = False
if MYPY:
    from typing import BinaryIO, Callable, Dict, Iterator

    from agent.run.message import Message
    from agent.run.order import Order
    from agent.session.context import Context
    from agent.tree.flushing import Flushing

    Prepare = Callable[[int], Dict[str, Iterator[bytes]]]

#: The stage that runs in parallel with others: it makes the new tree, without database or network.
STAGE = "unpack"


def start(ctx: "Context") -> "Helper | None":
    """Return a Helper for the parallel stage, None when no stage needs one or no process can be started.

    Call it before a second thread starts. The helper changes nothing until its stage's turn. Opens the bundle
    (`ctx.bundle`), if there is one, so that both processes share one reading and check.
    """
    if ctx.kind != RESTORE or _is_switched(ctx):
        return None
    ctx.bundle = open_early(ctx.job, ctx.folder) or UNSET
    try:
        # Before the order it writes nothing, but it can already unpack to memory
        return Helper(ctx, STAGE, partial(read_ahead, ctx.bundle, ctx.job.get("variant"), ctx.state.shard_done))
    except OSError as error:
        ctx.log.info("no second process: %s", error.strerror)
        return None


def _is_switched(ctx: "Context") -> bool:
    """Return whether this very shop is in its place already; `resume.prepare`, which runs later, keeps it there."""
    same = {"job": ctx.job_id, "values_sha256": ctx.values_sha256}
    return all(ctx.state.data.get(name) == value for name, value in same.items()) and ctx.state.stage_done("switch")


class Helper:
    """Runs the stage `name` for `ctx` in a process of its own; the constructor starts it, and it waits for `work`.

    Create it while there is one thread: a lock that another thread holds during a fork stays locked in the copy. While
    it waits, the process calls `prepare(orders)` (helper_main.main). Raises OSError when no process can be started.
    """

    def __init__(self, ctx: "Context", name: str, prepare: "Prepare | None" = None) -> None:
        self.name = name
        self._ctx = ctx
        self._flushing: "Flushing" = UNSET
        self._thread: "threading.Thread" = UNSET
        self._error: "ShoplaunchError | None" = None
        self._done = False
        self._started: "float" = UNSET
        self._ended: "float | None" = None
        self._pid: "int | None"
        self._pid, self._orders, self._messages = _fork(ctx, name, prepare)
        try:
            ctx.lock.add_helper(self._pid)
        except BaseException:
            self.end()
            raise

    def work(self) -> None:
        """Let the helper begin, with the current state. Raises OSError if it cannot."""
        ctx = self._ctx
        self._flushing = ctx.flushing
        order: "Order" = {
            "job": ctx.job,
            "raw": ctx.raw_job.decode("latin-1"),
            "lock": ctx.lock.file_id,
            "staging": ctx.staging,
            "shards": ctx.state.data.get("shards", {}),
        }
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._listen, args=(order,), name="helper", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = UNSET
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None

    def _listen(self, order: "Order") -> None:
        try:
            self._orders.write(json.dumps(order).encode("ascii") + b"\n")
            self._orders.flush()
            for line in self._messages:
                self._apply(json.loads(line.decode("utf-8")))
                if self._done:
                    # The helper only has to exit now; there is no need to wait
                    break
        except ShoplaunchError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - after any error the helper's messages are lost
            self._ctx.log.info("helper %s: %s", self.name, as_failure(error).message)
        self._ended = time.monotonic()

    def _apply(self, message: "Message") -> None:
        ctx = self._ctx
        if message["kind"] == "progress":
            ctx.progress(self.name, message["fraction"])
        elif message["kind"] == "shard":
            self._flushing.add(message["member"], message["counters"])
        elif message["kind"] == "record":
            ctx.state.record(message["name"], message["value"])
        elif message["kind"] == "log":
            ctx.log.info("%s", message["text"])
        elif message["kind"] == "counters":
            for name, amount in message["counters"].items():
                ctx.count(name, amount)
        elif message["kind"] == "error":
            code = message["code"] if is_known(message["code"]) else "internal"
            raise ShoplaunchError(code, message["message"], retryable=message["retryable"], stage=self.name)
        elif message["kind"] == "done":
            self._done = True

    def check(self) -> None:
        """Raise the helper's ShoplaunchError as soon as it is known."""
        if self._error is not None:
            raise self._error

    def wait(self, tick: "Callable[[], None]") -> bool:
        """Return whether the helper finished its stage; False when it ended without a message, as if killed.

        Calls `tick()` twice a second meanwhile. Raises like `check`.
        """
        while self._thread.is_alive():
            self._thread.join(0.5)
            tick()
        if self._done:
            self._release()
        else:
            # A helper that does not answer must not run in parallel with what follows
            self._kill()
        self.check()
        return self._done

    def is_done(self) -> bool:
        """Return whether the helper has reported that its stage is done."""
        return self._done

    def seconds(self) -> float:
        """Return how long the helper worked."""
        return (self._ended or time.monotonic()) - self._started

    def end(self) -> None:
        """End the helper now, done or not; safe to repeat."""
        # Killed first: closing flushes an order, which blocks if the helper is stopped
        self._kill()
        try:
            self._orders.close()
        except OSError as error:
            self._ctx.log.info("helper %s: %s", self.name, error)
        if self._thread is not None:
            self._thread.join(5.0)

    def _release(self) -> None:
        """Reap the process if it has ended: an account may have few processes."""
        if self._pid is not None and os.waitpid(self._pid, os.WNOHANG)[0]:
            self._pid = None

    def _kill(self) -> None:
        """Kill and reap the process. Until then its pid cannot be reused."""
        pid, self._pid = self._pid, None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork(ctx: "Context", name: str, prepare: "Prepare | None") -> "tuple[int, BinaryIO, BinaryIO]":
    """Return (process id, stream for its orders, stream of its messages) of a new process. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    log = os.open(os.path.join(ctx.folder, LOG_FILE), flags, 0o600)
    ends: "list[int]" = []
    try:
        ends += os.pipe()
        ends += os.pipe()
        theirs, orders, messages, answers = ends
        pid = os.fork()
        if not pid:
            code = helper_main.EXIT_BROKEN
            try:
                inherited = helper_main.Inherited((theirs, answers), (orders, messages), log)
                code = helper_main.become(ctx.folder, name, inherited, ctx.bundle, prepare)
            finally:
                # The code below is for the parent
                os._exit(code)
    except OSError:
        for descriptor in ends:
            os.close(descriptor)
        raise
    finally:
        os.close(log)
    os.close(theirs)
    os.close(answers)
    return pid, os.fdopen(orders, "wb"), os.fdopen(messages, "rb")
