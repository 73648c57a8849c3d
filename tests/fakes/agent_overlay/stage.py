"""A stand-in stage for tests of the agent's core: does what `plan.json` in the home says and leaves a trace."""

import json
import os
import time

from shared.bundle import members_of
from shared.errors import ShoplaunchError

NAME = "@NAME@"


def _trace(ctx, text):
    with open(os.path.join(ctx.home, "trace"), "a") as stream:
        stream.write(f"{NAME} {text} attempt {ctx.attempt} pid {os.getpid()}\n")


def run(ctx):
    with open(os.path.join(ctx.home, "plan.json")) as stream:
        plan = json.load(stream).get(NAME, {})
    _trace(ctx, "begins")
    if NAME == "unpack":
        for member in members_of(ctx.manifest, "files"):
            ctx.check_current()
            if not ctx.state.shard_done(member["name"]):
                ctx.count("bytes_read", len(ctx.bundle.read(member)))
                _trace(ctx, "shard {}".format(member["name"]))
                ctx.state.mark_shard(member["name"], ctx.take_counters())
    for number in range(plan.get("steps", 1)):
        ctx.check_current()
        ctx.progress(NAME, float(number) / plan.get("steps", 1))
        while plan.get("wait") and not os.path.exists(os.path.join(ctx.home, plan["wait"])):
            ctx.check_current()
            time.sleep(0.02)
        while plan.get("hang") and not os.path.exists(os.path.join(ctx.home, plan["hang"])):
            time.sleep(0.02)
    if NAME == "prove":
        ctx.wait_for_tree(lambda: None)
    if "error" in plan:
        raise ShoplaunchError(plan["error"], plan.get("message", "as planned"))
    if "oserror" in plan:
        raise OSError(plan["oserror"], os.strerror(plan["oserror"]), "/some/file")
    if "bug" in plan:
        raise RuntimeError(ctx.values["db.password"])
    ctx.state.record(NAME, {"as": "planned"})
    _trace(ctx, "ends")
