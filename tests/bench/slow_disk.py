"""A restore on a disk of 1 MB/s, as hosts limit accounts, next to the time in which every byte comes and goes once.

Bytes pass through the gate of the tests of small accounts (slow_disk). Measured is the smallest shop of `make
bench`, about a minute a run, or the bundle that is named; whole runs of the agent, from the launcher's start to its own
removal, each on a new file system.
"""

import argparse
import contextlib
import statistics
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.bench.material import of_bundle, of_shape
from tests.bench.shapes import SHAPES
from tests.bench.ways import Bench
from tests.support import leftovers
from tests.support.servers.slow_disk import RATE

#: Of the seconds in which bundle and tree pass once.
MOST = 1.05
SMALLEST = next(iter(SHAPES))
COLUMNS = ("shop", "bundle and tree", "at least s", "allowed s", "median s", "min–max s", "ratio")


def floor_of(material, rate):
    """Return the seconds in which the bundle's bytes and those of the files in it pass at `rate` bytes a second."""
    return (material.bundle.stat().st_size + material.tree_bytes) / rate


def show(console, material, floor, rate, seconds):
    """Print the row of one shop, of which the runs took `seconds`, and what is wanted."""
    median = statistics.median(seconds)
    span = f"{min(seconds):.2f}–{max(seconds):.2f}"
    times = [f"{one:.2f}" for one in (floor, MOST * floor, median)]
    table = Table(*COLUMNS, title=f"{len(seconds)} runs at {rate / 1e6:g} MB/s")
    table.add_row(material.shape, f"{floor * rate / 1e6:.1f} MB", *times, span, f"{median / floor:.3f}")
    console.print(table)
    style = "yellow" if median > MOST * floor else None
    console.print(f"ratio of seconds to bytes / rate: {median / floor:.3f}, at most {MOST} is wanted", style=style)


def parse():
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, help="measure this instead of a shop of our own making")
    parser.add_argument("--size", choices=SHAPES, default=SMALLEST, help="which shop (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--rate", type=int, default=RATE, help="bytes a second (%(default)s)")
    return parser.parse_args()


def main():
    """Measure and print."""
    options, console = parse(), Console()
    with contextlib.ExitStack() as stack:
        bench = Bench()
        stack.callback(bench.close)
        console.print("Making what is measured, or finding it in build/bench")
        if options.bundle:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slbench")))
            material = of_bundle(options.bundle, folder, bench.server)
        else:
            material = of_shape(options.size, bench.server, stack)
        runs = track(range(options.runs), material.shape, console=console)
        seconds = [bench.agent(material, rate=options.rate).seconds for _ in runs]
        floor = floor_of(material, options.rate)
    show(console, material, floor, options.rate, seconds)


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
