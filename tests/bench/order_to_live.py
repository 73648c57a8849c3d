"""From an order to the shop that lives, on the local panel with the machine's own cron, and where the time goes.

Usage: python -m tests.bench.order_to_live [BUNDLE] [--size SHAPE] [--runs N] [--json]. Without a bundle it is one of
tests.bench.shapes, as large as a PrestaShop 8, made at the first time. Orders come by HTTP as billing sends them, one
after the other, at moments spread over the minute (the same every time): most of what passes is waiting for cron's next
minute.
"""

import argparse
import contextlib
import json
import random
import statistics
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from controller.db import events, steps
from controller.db.engine import reading
from tests.bench.material import of_shape
from tests.bench.shapes import SHAPES
from tests.mariadb import start_private, stop_private
from tests.whole import ENDED, SERVER, Whole, wait_for

SEED = 7
MINUTE = 60
NAME = "bench"


def moments(runs):
    """Return `runs` seconds of a minute: one in each of its equal parts, in no order."""
    chance = random.Random(SEED)
    found = [(number + chance.random()) * MINUTE / runs for number in range(runs)]
    chance.shuffle(found)
    return found


def made(size):
    """Return the path of the bundle of a shape."""
    server = start_private()
    try:
        with contextlib.ExitStack() as stack:
            return of_shape(size, server, stack).bundle
    finally:
        stop_private(server)


def order(whole, moment):
    """Order a shop at the second `moment` of a minute; return its parts once it lives and the client was told."""
    time.sleep((moment - time.time()) % MINUTE)
    account = whole.new_name()
    document = {"server": SERVER, "bundle": NAME, "domain": f"{account}.localhost", "account": account}
    document |= {"email": f"{account}@example.com", "create_account": True}
    answer = whole.signed("POST", "/api/v1/orders", document)
    if answer.status_code != 202:
        raise RuntimeError(answer.text)
    job = answer.json()
    whole.wait(job, *ENDED)
    wait_for(lambda: {row.state for row in rows_of(whole, job).values()} <= {"done", "skipped", "failed"})
    if whole.show(job)["state"] != "live":
        raise RuntimeError(whole.trouble(job))
    return parts_of(whole, job)


def rows_of(whole, job):
    """Return the job's steps."""
    with reading(whole.service.engine) as connection:
        return steps.of_job(connection, job["id"])


def parts_of(whole, job):
    """Return part -> seconds; `in all` is their sum, from the order to the state live."""
    rows, ordered = rows_of(whole, job), whole.service.get_job(job["id"]).created_at
    with reading(whole.service.engine) as connection:
        came = {event["event"]: event["received_at"] for event in events.of_job(connection, job["id"])}
    dropped, lives = rows["cron"].finished_at, rows["tls"].finished_at
    times = [ordered, rows["account"].started_at, dropped, came["started"], came["finished"]]
    times += [rows["check"].started_at, rows["check"].finished_at, lives]
    names = ("taken up", "prepared", "waited for cron", "restored", "agent gone", "visited", "certified")
    found = {name: after - before for name, before, after in zip(names, times, times[1:], strict=False)}
    return {**found, "in all": lives - ordered, "in all but cron": lives - ordered - found["waited for cron"]}


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--size", choices=SHAPES, default="medium")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bundle = options.bundle or made(options.size)
    whole = Whole()
    found = []
    try:
        whole.start()
        whole.world.run("bundle", "add", NAME, str(bundle))
        for number, moment in enumerate(moments(options.runs), 1):
            found.append(order(whole, moment))
            text = ", ".join(f"{name} {seconds:.1f}" for name, seconds in found[-1].items())
            print(f"{number} of {options.runs}, ordered at second {moment:.0f}: {text}", file=sys.stderr, flush=True)
    finally:
        whole.remove()
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        print_table(found, bundle)


def print_table(found, bundle):
    """Print each part's median and range."""
    size = bundle.stat().st_size / 1e6
    table = Table("part", "median s", "min–max s", title=f"{len(found)} orders, a bundle of {size:.0f} MB")
    for name in found[0]:
        seconds = [one[name] for one in found]
        table.add_row(name, f"{statistics.median(seconds):.1f}", f"{min(seconds):.1f}–{max(seconds):.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
