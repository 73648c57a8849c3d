"""The helper process: one stage, everything durable left to the parent, gone as soon as the parent is.

It believes what the parent tells it, the verified job above all, and uses neither database nor network.
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
    from agent.run.stage import Stage

    Prepare = Callable[[int], Dict[str, Iterator[bytes]]]

EXIT_ORPHANED = 7
EXIT_BROKEN = 1
#: What `ps` and `top` call the process; fifteen bytes at most.
PROCESS_NAME = b"shoplaunch-help"


class _Line:
    """Messages to the parent, one JSON document a line."""

    def __init__(self, stream: "BinaryIO") -> None:
        self._stream = stream
        self._guard = threading.Lock()

    def send(self, kind: str, **fields: "Any") -> None:
        data = json.dumps(dict(fields, kind=kind)).encode("ascii") + b"\n"
        with self._guard:
            self._stream.write(data)
            self._stream.flush()


class _State:
    """Stands in for agent.base.state.State: what is to be durable goes to the parent."""

    def __init__(self, line: "_Line", shards: "dict[str, str]") -> None:
        self._line = line
        self._shards = shards
        self.boot = boot_id()

    def shard_done(self, member: str) -> bool:
        return self._shards.get(member) == self.boot

    def mark_shard(self, member: str, counters: "Mapping[str, int]") -> None:
        self._shards[member] = self.boot
        self._line.send("shard", member=member, counters=counters)

    def record(self, name: str, value: "Any") -> None:
        self._line.send("record", name=name, value=value)


class _Flushing:
    """Stands in for agent.tree.flushing.Flushing: the parent flushes, and notes."""

    def __init__(self, state: "_State") -> None:
        self._state = state

    def add(self, member: str, counters: "Mapping[str, int]") -> None:
        self._state.mark_shard(member, counters)

    def finish(self) -> None:
        """The parent does, once it has heard of the end."""


class _Log:
    """Stands in for agent.base.log.Log; the parent hides the secrets."""

    def __init__(self, line: "_Line") -> None:
        self._line = line

    def info(self, message: str, *values: object) -> None:
        self._line.send("log", text=message % values if values else message)


class _Progress:
    """Stands in for agent.reporting.reporter.Reporter."""

    def __init__(self, line: "_Line") -> None:
        self._line = line

    def check(self) -> None:
        """The parent hears the controller's answers; when it stops, so do we."""

    def progress(self, stage: str, fraction: float) -> None:
        self._line.send("progress", stage=stage, fraction=fraction)


def _leave_with_parent(orders: int) -> None:
    """End this process when the parent's end of the pipe `orders` closes."""
    while os.read(orders, 4096):
        continue
    os._exit(EXIT_ORPHANED)


def _line_of(orders: int) -> bytes:
    """Return the line that comes from the pipe `orders`, after which there is nothing; b"" when it ends before."""
    # Neither buffered, as the watching thread must not share a buffer's lock with the interpreter's own end, nor byte
    # by byte, as without a buffer lines are read
    pieces: "list[bytes]" = []
    while not pieces or not pieces[-1].endswith(b"\n"):
        piece = os.read(orders, 65536)
        if not piece:
            return b""
        pieces.append(piece)
    return b"".join(pieces)


def become(
    folder: str,
    name: str,
    ours: "tuple[int, int]",
    theirs: "tuple[int, int]",
    log: int,
    bundle: "Bundle | None" = None,
    prepare: "Prepare | None" = None,
) -> int:
    """Do in a forked process what `main` does; return its exit code, with which the process has to leave.

    `ours` and `theirs` are the ends of the pipes (order, message), `log` is a descriptor of the agent's log.
    """
    try:
        # Held open by us, too, they would never end when the parent is gone
        for descriptor in theirs:
            os.close(descriptor)
        # Whoever reads what the parent says must not wait for us
        os.dup2(ours[0], 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        compat.name_process(PROCESS_NAME)
        return main(folder, name, 0, ours[1], bundle, prepare)
    except Exception as error:  # noqa: BLE001 - the parent goes on without us, and people look into the log
        Log(folder).info("helper: %s", as_failure(error).message)
        return EXIT_BROKEN


def main(
    folder: str, name: str, orders: int, messages: int, bundle: "Bundle | None" = None, prepare: "Prepare | None" = None
) -> int:
    """Run the stage `name` (a module of agent.stages) as the helper of the agent that works in `folder`; return the
    exit code.

    `orders` and `messages` are the descriptors of the pipes from and to the parent, `bundle` is the Bundle it has
    opened, if any. `prepare(orders)`, which ends as soon as there is an order, returns what the stage will find as
    `ctx.ahead`.
    """
    module = importlib.import_module("agent.stages." + name)
    compat.keep_modules()
    ahead = prepare(orders) if prepare is not None else {}
    text = _line_of(orders)
    if not text:
        # The parent went, or had no work, before it gave the order
        return EXIT_ORPHANED
    order = json.loads(text.decode("ascii"))
    threading.Thread(target=_leave_with_parent, args=(orders,), daemon=True).start()
    line = _Line(os.fdopen(messages, "wb", closefd=False))
    try:
        _work(folder, module, order, line, bundle, ahead)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        failure = as_failure(error)
        line.send("error", code=failure.code, message=failure.message, retryable=failure.retryable)
        return EXIT_BROKEN
    line.send("done")
    return 0


def _work(
    folder: str,
    module: "Stage",
    order: "dict[str, Any]",
    line: "_Line",
    bundle: "Bundle | None",
    ahead: "dict[str, Iterator[bytes]]",
) -> None:
    job = order["job"]
    # Looks at once whether the file was replaced since the parent read it
    guard = job_file.Guard(folder, order["raw"].encode("latin-1"), job, job_file.public_keys(), order["lock"])
    guard.check()
    # They stand in for what knows more: the stage calls no more of it than this
    state: "Any" = _State(line, order["shards"])
    log: "Any" = _Log(line)
    reporter: "Any" = _Progress(line)
    flushing: "Any" = _Flushing(state)
    ctx = Context(job, folder, state, log, reporter=reporter, guard=guard, flushing=flushing)
    ctx.staging = order["staging"]
    ctx.bundle, ctx.ahead = bundle or open_bundle(job, folder), ahead
    ctx.manifest = ctx.bundle.manifest
    module.run(ctx)
    ctx.counters["peak_rss_helper_bytes"] = compat.peak_memory_bytes()
    line.send("counters", counters=ctx.take_counters())
