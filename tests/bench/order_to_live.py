"""From an order to the shop that lives, with the machine's own cron, and where the time goes.

Usage: python -m tests.bench.order_to_live [BUNDLE] [--size SHAPE] [--panel local|cpanel] [--runs N] [--against FOLDER]
[--cron] [--orders-only] [--svg FILE] [--json]. `cpanel` is a double of WHM, its accounts, web server and cron real.
Without a bundle it is one of tests.bench.shapes, as large as a PrestaShop 8, made at the first time. Orders come by
HTTP as billing sends them, one after the other, at moments spread over the minute (the same every time), and count from
the signed order to the certificate, every visit made. With `--against` (another version's folder, its `.venv` made)
each moment is one order here and one there, in turn; with `--cron` one more here, on a server that cron alone starts.
`--orders-only` leaves out follow-up jobs, which wait for cron another minute.
"""

import argparse
import contextlib
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.chart import draw_waits
from tests.bench.disk import Disk
from tests.bench.material import of_shape
from tests.bench.shapes import SHAPES
from tests.support import leftovers
from tests.support.servers.databases.mariadb import start_private, stop_private

PROJECT = Path(__file__).resolve().parents[2]
SEED = 7
#: Of the disk of one version: its services, and each order's files, tables and logs.
FIXED_BYTES, BYTES_PER_ORDER = 2 * 1024**3, 640 * 1024**2
MINUTE = 60
HERE, BY_CRON, THERE = "this version", "this version, by cron alone", "the other version"
#: What nobody works in, of the parts of tests.bench.order_driver.
WAITS = ("taken up", "waited for cron", "agent gone")


def moments(runs):
    """Return `runs` seconds of a minute: the middle of each of its equal parts, in no order.

    Their median is that of all seconds of the minute, so that the median order waits for cron as long as any does.
    """
    found = [(number + 0.5) * MINUTE / runs for number in range(runs)]
    random.Random(SEED).shuffle(found)
    return found


def made_by(folder, size):
    """Return the path of the bundle of a shape as the version in `folder` makes it: newer ones read it, too."""
    command = [folder / ".venv/bin/python", "-c", f"from tests.bench.order_to_live import made; print(made({size!r}))"]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.splitlines()[-1])


def made(size):
    """Return the path of the bundle of a shape."""
    server = start_private()
    try:
        with contextlib.ExitStack() as stack:
            return of_shape(size, server, stack).bundle
    finally:
        stop_private(server)


class Version:
    """A version's own driver, started in its folder with its own Python."""

    def __init__(self, folder, bundle, panel, start, disk, follow_ups=True):
        # As text: the version may be older than this measurement, and finds its own modules first
        source = Path(__file__).with_name("order_driver.py").read_text("utf-8")
        command = [folder / ".venv/bin/python", "-c", source, bundle, panel, start, "follow-ups" if follow_ups else ""]
        self._process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "TMPDIR": str(disk)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the measurement ended with {self._process.wait()}")
        return line

    def order(self, moment):
        """Return part -> seconds of a shop ordered at that second of a minute."""
        self._process.stdin.write(f"{moment}\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def close(self):
        """Nothing of it is left."""
        self._process.stdin.close()
        self._process.wait()


def new_disk(stack, runs):
    """Return a new file system for a version's accounts and databases: on an old one the place of a folder decides."""
    elsewhere = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slbench")))
    # Short: sockets lie below it
    disk = Disk(elsewhere, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sl"))))
    stack.callback(disk.remove)
    path = disk.renew(FIXED_BYTES + runs * BYTES_PER_ORDER)
    path.chmod(0o1777)
    return path


def measured(folders, bundle, panel, runs, follow_ups=True):
    """Return version -> [part -> seconds], one order of each version in turn at every moment.

    `folders` is version -> (its folder, how its server starts agents: "auto" or "cron").
    """
    found = {name: [] for name in folders}
    with contextlib.ExitStack() as stack:
        versions = {
            name: stack.enter_context(
                contextlib.closing(Version(where, bundle, panel, start, new_disk(stack, runs), follow_ups))
            )
            for name, (where, start) in folders.items()
        }
        for number, moment in enumerate(moments(runs), 1):
            for name, version in versions.items():
                found[name].append(version.order(moment))
                text = ", ".join(f"{part} {seconds:.1f}" for part, seconds in found[name][-1].items())
                print(f"{number} of {runs}, {name}, at second {moment:.0f}: {text}", file=sys.stderr, flush=True)
    return found


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path)
    parser.add_argument("--size", choices=SHAPES, default="medium")
    parser.add_argument("--panel", choices=("local", "cpanel"), default="local")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--against", type=Path, metavar="FOLDER")
    parser.add_argument("--cron", action="store_true")
    parser.add_argument("--orders-only", action="store_true")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    oldest = options.against.resolve() if options.against else PROJECT
    folders = {HERE: (PROJECT, "auto")}
    if options.cron:
        folders[BY_CRON] = (PROJECT, "cron")
    if options.against:
        folders[THERE] = (oldest, "auto")
    bundle = (options.bundle or made_by(oldest, options.size)).resolve()
    found = measured(folders, bundle, options.panel, options.runs, not options.orders_only)
    if options.svg:
        options.svg.write_text(draw_waits({name: medians(orders) for name, orders in found.items()}, WAITS), "utf-8")
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, orders in found.items():
            print_table(name, orders, bundle)


def medians(orders):
    """Return part -> its median, of those that every order has."""
    parts = [part for part in orders[0] if all(part in one for one in orders)]
    return {part: statistics.median(one[part] for one in orders) for part in parts}


def percentile(seconds, share):
    """Return the smallest of `seconds` that `share` (0..1) of them do not exceed."""
    return sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)]


def print_table(name, orders, bundle):
    """Print each part's median, 95th percentile and range."""
    size = bundle.stat().st_size / 1e6
    title = f"{name}: {len(orders)} orders, a bundle of {size:.0f} MB"
    table = Table("part", "median s", "p95 s", "min–max s", title=title)
    for part, median in medians(orders).items():
        seconds = [one[part] for one in orders]
        last = f"{percentile(seconds, 0.95):.1f}"
        table.add_row(part, f"{median:.1f}", last, f"{min(seconds):.1f}–{max(seconds):.1f}")
    Console().print(table)


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
