"""Two versions of the agent side by side: `python -m tests.bench.agents --against FOLDER [--sizes S] [--runs N]`.

FOLDER is an earlier version's, its `.venv` made. Both restore the bundles that it packs, in turn, each run on a new
file system and a database of its own; and both start without a job, which takes a start alone. Printed are medians, and
of the ratios of pairs the median with its 95 % interval.
"""

import argparse
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from controller.agent_archive.build import launcher
from tests.bench import shapes
from tests.bench.material import of_bundle
from tests.bench.ways import Bench
from tests.support import leftovers
from tests.support.machine.resources import usage_of
from tests.support.worlds.agent_box import Box

#: Where a version builds its agent: by the rooms, and before them.
_BUILD = """
import json, sys
from pathlib import Path
try:
    from controller.agent_archive.build import build_agent, launcher
except ModuleNotFoundError:
    from controller.bundles.agent_build import build_agent, launcher
output, keys = Path(sys.argv[1]), json.loads(sys.argv[2])
build_agent(output, [bytes.fromhex(key) for key in keys])
output.with_name("run").write_bytes(launcher())
"""
START = "start alone"
#: Starts are short: so many are one run.
STARTS = 10


class Versions:
    """`here` and `there`: version -> (agent, launcher), as files of the bench's folder."""

    def __init__(self, bench, folder):
        self._bench = bench
        there = bench.folder / "there"
        there.mkdir()
        keys = json.dumps([bench.keys.public.hex()])
        command = [folder.resolve() / ".venv/bin/python", "-c", _BUILD, there / "agent.pyz", keys]
        subprocess.run(command, cwd=folder, check=True)
        here = bench.folder / "here"
        here.mkdir()
        (here / "agent.pyz").write_bytes((bench.folder / "agent.pyz").read_bytes())
        (here / "run").write_bytes(launcher())
        self.folders = {"here": here, "there": there}
        self._packer = folder.resolve() / ".venv/bin/shoplaunch"

    def packed_there(self, name, stack):
        """Return a shape's Material (tests.bench.material), packed by the other version: its agent reads none newer."""
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slbench")))
        root, url = shapes.make(shapes.SHAPES[name], folder / "template", self._bench.server)
        command = [self._packer, "pack", "--docroot", root, "--database", url, "-o", folder / "shop.bundle"]
        environment = {**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": shapes.PASSWORD}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "derived").mkdir()
        return of_bundle(folder / "shop.bundle", folder / "derived", self._bench.server)

    def restore(self, version, material):
        """Return the ways.Run of a restore by the agent of `version`."""
        folder = self.folders[version]
        return self._bench.agent(material, files=(folder / "agent.pyz", folder / "run"))

    def start(self, version):
        """Return the seconds of a start that finds no job."""
        folder = self.folders[version]
        with contextlib.closing(Box(self._bench.controller, self._bench.keys, folder / "agent.pyz")) as box:
            (box.folder / "run").write_bytes((folder / "run").read_bytes())
            box.own()
            return sum(usage_of(box.start()).seconds for _ in range(STARTS)) / STARTS


def interval(ratios):
    """Return the (least, most) between which the median lies with 95 %, by the order of `ratios` alone."""
    ordered, number = sorted(ratios), len(ratios)
    outside, rank = 0.0, 0
    while rank < number // 2 and outside + math.comb(number, rank) / 2**number <= 0.025:
        outside += math.comb(number, rank) / 2**number
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[number - 1 - rank]


def measured(run, runs, title):
    """Return version -> seconds of `runs` runs in turn, the first of them being another one's each time."""
    found = {"here": [], "there": []}
    for number in track(range(-1, runs), title):
        for version in ("here", "there") if number % 2 else ("there", "here"):
            seconds = run(version)
            # The first round warms up what both find afterwards
            if number >= 0:
                found[version].append(seconds)
    return found


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, metavar="FOLDER", required=True)
    parser.add_argument("--sizes", default=",".join(shapes.SHAPES), help="some of %(default)s")
    parser.add_argument("--runs", type=int, default=15, help="pairs of each (%(default)s)")
    options = parser.parse_args()
    table = Table("what", "this version, s", "the other one, s", "ratio", "95 % interval")
    with contextlib.ExitStack() as stack:
        bench = Bench()
        stack.callback(bench.close)
        versions = Versions(bench, options.against)
        add(table, START, measured(versions.start, options.runs, START))
        for name in options.sizes.split(","):
            material = versions.packed_there(name, stack)
            restores = measured(lambda one, shop=material: versions.restore(one, shop).seconds, options.runs, name)
            add(table, material.shape, restores)
    Console(width=120).print(table)


def add(table, what, found):
    """Add a row of medians, and the ratio of pairs."""
    ratios = [mine / theirs for mine, theirs in zip(found["here"], found["there"], strict=True)]
    least, most = interval(ratios)
    medians = [f"{statistics.median(found[version]):.3f}" for version in ("here", "there")]
    table.add_row(what, *medians, f"{statistics.median(ratios):.3f}", f"{least:.3f}–{most:.3f}")


if __name__ == "__main__":
    with leftovers.noted_run():
        sys.exit(main())
