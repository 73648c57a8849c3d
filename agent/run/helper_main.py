"""The helper process: runs one stage, leaves all durable changes to the parent, and ends with the parent.

It trusts the parent, which has verified the job, and uses neither database nor network.
"""

import importlib
import json
import os
import threading

from agent.base import compat
from agent.base.failures import as_failure
from agent.base.log import Log
from agent.base.state import boot_id
from agent.bundle.reader import open_bundle
from agent.session import job_file
from agent.session.context import Context

MYPY = False
if MYPY:
    from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping

    from agent.bundle.reader import Bundle
    from agent.run.order import Order
    from agent.run.stage import Stage

    Prepare = Callable[[int], Dict[str, Iterator[bytes]]]

EXIT_ORPHANED = 7
EXIT_BROKEN = 1
#: The name in `ps` and `top`; fifteen bytes at most.
PROCESS_NAME = b"shoplaunch-help"


class _Line:
    """Messages to the parent, one JSON document a line."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._guard = threading.Lock()

    def send(self, kind: str, **fields: object) -> None:
        data = json.dumps(dict(fields, kind=kind)).encode("ascii") + b"\n"
        with self._guard:
            self._stream.write(data)
            self._stream.flush()


class _State:
    """Replaces agent.base.state.State: durable changes go to the parent."""

    def __init__(self, line: "_Line", shards: "dict[str, str]") -> None:
        self._line = line
        self._shards = shards
        self.boot = boot_id()

    def shard_done(self, member: str) -> bool:
        return self._shards.get(member) == self.boot

    def mark_shard(self, member: str, counters: "Mapping[str, int]") -> None:
        self._shards[member] = self.boot
        self._line.send("shard", member=member, counters=counters)

    def record(self, name: str, value: object) -> None:
        self._line.send("record", name=name, value=value)


class _Flushing:
    """Replaces agent.tree.flushing.Flushing: the parent flushes and notes."""

    def __init__(self, state: "_State") -> None:
        self._state = state

    def add(self, member: str, counters: "Mapping[str, int]") -> None:
        self._state.mark_shard(member, counters)

    def finish(self) -> None:
        """Do nothing: the parent flushes when this process reports its end."""


class _Log:
    """Replaces agent.base.log.Log; the parent removes the secrets."""

    def __init__(self, line: "_Line") -> None:
        self._line = line

    def info(self, message: str, *values: object) -> None:
        self._line.send("log", text=message % values if values else message)


class _Events:
    """Replaces agent.reporting.event_log.EventLog; only the parent hears the controller."""

    def __init__(self, line: "_Line") -> None:
        self._line = line

    def progress(self, stage: str, fraction: float) -> None:
        self._line.send("progress", stage=stage, fraction=fraction)


def _leave_with_parent(orders: int) -> None:
    """End this process when the parent's end of the pipe `orders` closes."""
    while os.read(orders, 4096):
        continue
    os._exit(EXIT_ORPHANED)


def _line_of(orders: int) -> bytes:
    """Return the only line from the pipe `orders`; b"" when the pipe closes before."""
    # Not buffered: the watching thread must not share a buffer's lock with the interpreter's shutdown. Not byte by
    # byte, as an unbuffered `readline` reads
    pieces: "list[bytes]" = []
    while not pieces or not pieces[-1].endswith(b"\n"):
        piece = os.read(orders, 65536)
        if not piece:
            return b""
        pieces.append(piece)
    return b"".join(pieces)


class Inherited:
    """The descriptors of a forked process: `own_ends` of the pipes (order, message), the parent's ends `theirs`,
    and `log` of the agent's log."""

    __slots__ = ("log", "own_ends", "theirs")

    def __init__(self, own_ends: "tuple[int, int]", theirs: "tuple[int, int]", log: int) -> None:
        self.own_ends = own_ends
        self.theirs = theirs
        self.log = log


def become(
    folder: str,
    name: str,
    inherited: "Inherited",
    bundle: "Bundle | None" = None,
    prepare: "Prepare | None" = None,
) -> int:
    """Do in a forked process what `main` does; return the exit code the process must end with."""
    try:
        # Copies of the parent's ends would keep the pipes open after its end
        for descriptor in inherited.theirs:
            os.close(descriptor)
        # A process that reads the parent's output must not wait for the end of this one
        os.dup2(inherited.own_ends[0], 0)
        os.dup2(inherited.log, 1)
        os.dup2(inherited.log, 2)
        compat.name_process(PROCESS_NAME)
        return main(folder, name, 0, inherited.own_ends[1], bundle, prepare)
    except Exception as error:  # noqa: BLE001 - the parent continues alone; the log keeps the reason
        Log(folder).info("helper: %s", as_failure(error).message)
        return EXIT_BROKEN


def main(
    folder: str, name: str, orders: int, messages: int, bundle: "Bundle | None" = None, prepare: "Prepare | None" = None
) -> int:
    """Run the stage `name` (a module of agent.stages) as the helper of the agent in `folder`; return the exit code.

    `orders` and `messages` are the descriptors of the pipes from and to the parent, `bundle` is the Bundle it has
    opened, if any. `prepare(orders)`, which ends as soon as an order arrives, returns what the stage finds as
    `ctx.ahead`.
    """
    module = importlib.import_module("agent.stages." + name)
    compat.keep_modules()
    ahead = prepare(orders) if prepare is not None else {}
    text = _line_of(orders)
    if not text:
        # The parent ended, or had no work, before it sent the order
        return EXIT_ORPHANED
    order = json.loads(text.decode("ascii"))
    threading.Thread(target=_leave_with_parent, args=(orders,), daemon=True).start()
    line = _Line(os.fdopen(messages, "wb", closefd=False))
    try:
        _work(folder, module, order, line, bundle, ahead)
    except Exception as error:  # noqa: BLE001 - every error is reported to the parent
        failure = as_failure(error)
        line.send("error", code=failure.code, message=failure.message, retryable=failure.retryable)
        return EXIT_BROKEN
    line.send("done")
    return 0


def _work(
    folder: str,
    module: "Stage",
    order: "Order",
    line: "_Line",
    bundle: "Bundle | None",
    ahead: "dict[str, Iterator[bytes]]",
) -> None:
    job = order["job"]
    # Checks at once whether the file was replaced since the parent read it
    guard = job_file.Guard(folder, order["raw"].encode("latin-1"), job, job_file.public_keys(), order["lock"])
    guard.check()
    # These replacements have only the members the stage uses
    state: "Any" = _State(line, order["shards"])
    log: "Any" = _Log(line)
    events: "Any" = _Events(line)
    flushing: "Any" = _Flushing(state)
    ctx = Context(job, folder, state, log, guard=guard)
    ctx.events, ctx.flushing = events, flushing
    ctx.staging = order["staging"]
    ctx.bundle, ctx.ahead = bundle or open_bundle(job, folder), ahead
    ctx.manifest = ctx.bundle.manifest
    module.run(ctx)
    ctx.counters["peak_rss_helper_bytes"] = compat.peak_memory_bytes()
    line.send("counters", counters=ctx.take_counters())
