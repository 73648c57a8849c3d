"""A stage in a second process: forked before there are threads, its messages applied, its end noticed.

The helper is told by a pipe which job and shards it works for, and reports by another, one JSON document a line. It
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
from agent.session.context import LATER
from shared.errors import ShoplaunchError, is_known
from shared.job import LOG_FILE, RESTORE

MYPY = False
if MYPY:
    from typing import Any, BinaryIO, Callable, Dict, Iterator

    from agent.session.context import Context
    from agent.tree.flushing import Flushing

    Prepare = Callable[[int], Dict[str, Iterator[bytes]]]

#: The stage that runs beside others: of the new tree, which needs neither database nor network.
STAGE = "unpack"


def start(ctx: "Context") -> "Helper | None":
    """Return a Helper for the stage that is to run beside another one, None when none is or there can be no helper.

    To be called before there is a second thread. Until that stage's turn comes it changes nothing. Opens the bundle
    (`ctx.bundle`), if there is one: what both need is read and checked once.
    """
    if ctx.kind != RESTORE or _is_switched(ctx):
        return None
    ctx.bundle = open_early(ctx.job, ctx.folder) or LATER
    try:
        # Nothing is written before the order; unpacking in memory need not wait for it
        return Helper(ctx, STAGE, partial(read_ahead, ctx.bundle, ctx.job.get("variant"), ctx.state.shard_done))
    except OSError as error:
        ctx.log.info("no second process: %s", error.strerror)
        return None


def _is_switched(ctx: "Context") -> bool:
    """Tell whether this very shop is in its place already; `attempt.prepare`, which comes later, will keep it there."""
    same = {"job": ctx.job_id, "values_sha256": ctx.values_sha256}
    return all(ctx.state.get(name) == value for name, value in same.items()) and ctx.state.stage_done("switch")


class Helper:
    """Runs the stage `name` for `ctx` in a process of its own, which is there from construction on and waits for
    `work`.

    It has to be made while there is one thread: what others hold when a process is forked stays held in its copy.
    What `prepare(orders)` can do before (helper_main.main) it does while it waits. Raises OSError when none can
    start.
    """

    def __init__(self, ctx: "Context", name: str, prepare: "Prepare | None" = None) -> None:
        self.name = name
        self._ctx = ctx
        self._flushing: "Flushing" = LATER
        self._thread: "threading.Thread" = LATER
        self._error: "ShoplaunchError | None" = None
        self._done = False
        self._started: "float" = LATER
        self._ended: "float | None" = None
        self._pid: "int | None"
        self._pid, self._orders, self._messages = _fork(ctx, name, prepare)
        try:
            ctx.lock.add_helper(self._pid)
        except BaseException:
            self.end()
            raise

    def work(self) -> None:
        """Let it begin, as things are now. Raises OSError if it can't."""
        ctx = self._ctx
        self._flushing = ctx.flushing
        order: "dict[str, Any]" = {"job": ctx.job, "raw": ctx.raw_job.decode("latin-1"), "lock": ctx.lock.file_id}
        order.update(staging=ctx.staging, shards=ctx.state.get("shards", {}))
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._listen, args=(order,), name="helper", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = LATER
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None

    def _listen(self, order: "dict[str, Any]") -> None:
        try:
            self._orders.write(json.dumps(order).encode("ascii") + b"\n")
            self._orders.flush()
            for line in self._messages:
                self._apply(json.loads(line.decode("utf-8")))
                if self._done:
                    # All that is left to it is to end: nobody has to wait for that
                    break
        except ShoplaunchError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the helper is heard no more
            self._ctx.log.info("helper %s: %s", self.name, as_failure(error).message)
        self._ended = time.monotonic()

    def _apply(self, message: "dict[str, Any]") -> None:
        ctx = self._ctx
        kind = message["kind"]
        if kind == "progress":
            ctx.progress(self.name, message["fraction"])
        elif kind == "shard":
            self._flushing.add(message["member"], message["counters"])
        elif kind == "record":
            ctx.state.record(message["name"], message["value"])
        elif kind == "log":
            ctx.log.info("%s", message["text"])
        elif kind == "counters":
            for name, amount in message["counters"].items():
                ctx.count(name, amount)
        elif kind == "error":
            code = message["code"] if is_known(message["code"]) else "internal"
            raise ShoplaunchError(code, message["message"], retryable=message["retryable"], stage=self.name)
        elif kind == "done":
            self._done = True

    def check(self) -> None:
        """Raise the helper's ShoplaunchError as soon as it is known."""
        if self._error is not None:
            raise self._error

    def wait(self, tick: "Callable[[], None]") -> bool:
        """Return whether the helper finished its stage; False when it is gone without a word, as if killed.

        Calls `tick()` twice a second meanwhile. Raises as `check` does.
        """
        while self._thread.is_alive():
            self._thread.join(0.5)
            tick()
        if self._done:
            self._let_go()
        else:
            # Whoever is heard no more must not go on beside what follows
            self._kill()
        self.check()
        return self._done

    def is_done(self) -> bool:
        """Tell whether the helper has said that its stage is done."""
        return self._done

    def seconds(self) -> float:
        """Return how long the helper worked."""
        return (self._ended or time.monotonic()) - self._started

    def end(self) -> None:
        """Make the helper end now, done or not; safe to repeat."""
        # Killed first: closing waits for an order that a stopped helper does not take
        self._kill()
        try:
            self._orders.close()
        except OSError as error:
            self._ctx.log.info("helper %s: %s", self.name, error)
        if self._thread is not None:
            self._thread.join(5.0)

    def _let_go(self) -> None:
        """Of a process that has ended by now nothing stays: an account may have few."""
        if self._pid is not None and os.waitpid(self._pid, os.WNOHANG)[0]:
            self._pid = None

    def _kill(self) -> None:
        """The process is no more. Until it was waited for its number is nobody else's."""
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
                pipes = (theirs, answers), (orders, messages)
                code = helper_main.become(ctx.folder, name, *pipes, log, ctx.bundle, prepare)
            finally:
                # What follows is the parent's
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
