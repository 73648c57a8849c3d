"""`make bench`: the agent against what an administrator types, side by side in one run.

A: `tar -xzf`, then `mariadb <`, then the domain replaced in the database. B: the first two at once and nothing else,
the practical floor. C: the agent with everything it does besides (verify, fill in, prove, switch, clean up). Measured
are three shops of our own making, or the bundles that are named. What they are made of is kept in `build/bench` for
the next time. Nothing is published (Markdown, SVG) when B itself varies by more than 30 %.
"""

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench import chart, results
from tests.bench.material import of_bundle, of_shape
from tests.bench.shapes import SHAPES
from tests.bench.ways import Bench
from tests.support import leftovers
from tests.support.machine.interpreters import as_numbers, interpreters

#: How much is read ahead, and so how much memory is taken, depends on chance.
LOOKS = 5
#: Between these lines of tests/bench/README.md the tables stand.
BEGIN, END = "<!-- measured by make bench -->\n", "<!-- end of what was measured -->\n"


def oldest_python():
    """Return the path of a Python 3.6, None when there is none."""
    found = {as_numbers(version): path for version, path in interpreters().items()}
    return next((path for numbers, path in sorted(found.items(), reverse=True) if numbers[:2] == (3, 6)), None)


def measure(bench, material, runs, old, progress):
    """Measure every way `runs` times in turn, after a round that does not count; return results.Result.

    `old` is the path of a Python 3.6, or None.
    """
    ways = {"A": bench.one_after_the_other, "B": bench.at_once, "C": bench.agent}
    if old is not None:
        ways["C36"] = lambda material: bench.agent(material, python=old)
    sizes = material.bundle.stat().st_size, material.tree_bytes, material.dump.stat().st_size
    result = results.Result(material.name, material.shape, *sizes, runs={way: [] for way in ways})
    task = progress.add_task(material.shape, total=(1 + runs) * len(ways) + LOOKS)
    for number in range(1 + runs):
        for way, run in ways.items():
            measured = run(material)
            # In the first round the server's files and the kernel's memory are not yet what they are later
            if number:
                result.runs[way].append(measured)
            progress.advance(task)
    for _ in range(LOOKS):
        result.looks.append(bench.agent(material, look=True))
        progress.advance(task)
    return result


def parse(arguments=None):
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", type=Path, help="measure these instead of shops of our own making")
    parser.add_argument("--sizes", default=",".join(SHAPES), help="some of %(default)s")
    parser.add_argument("--runs", type=int, default=7, help="of each way (%(default)s)")
    parser.add_argument("--old", metavar="PATH", help="the Python 3.6 to measure, too (default: the newest found)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to FILE, where it says so")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the picture to FILE")
    options = parser.parse_args(arguments)
    options.sizes = options.sizes.split(",")
    unknown = sorted(set(options.sizes) - set(SHAPES))
    if unknown:
        parser.error(f"no such size: {', '.join(unknown)}")
    return options


def write_between_marks(path, text):
    """Write `text` between the marks of the file at `path` (Path); without them it becomes the whole file."""
    before = path.read_text() if path.exists() else ""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    path.write_text(f"{head}{begin}{text}{end}{tail}" if begin and end else text)


def publish(options, found):
    """Write what was asked for; return whether it may be published."""
    if options.json:
        options.json.write_text(json.dumps(results.as_json(found), indent=1) + "\n")
    if not results.may_be_published(found):
        return False
    if options.markdown:
        write_between_marks(options.markdown, results.markdown(found))
    if options.svg:
        options.svg.write_text(chart.draw(found))
    return True


def main():
    """Measure, print the tables, publish; exit code 1 when B was too unsteady for that."""
    options = parse()
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with contextlib.ExitStack() as stack:
        old = options.old or oldest_python()
        bench = Bench([] if old is None else [old])
        stack.callback(bench.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slbench")))
        console.print("Making what is measured, or finding it in build/bench")
        if options.bundles:
            materials = [of_bundle(path, Path(tempfile.mkdtemp(dir=folder)), bench.server) for path in options.bundles]
        else:
            materials = [of_shape(name, bench.server, stack) for name in options.sizes]
        with Progress(*columns, console=console) as progress:
            found = [measure(bench, material, options.runs, old, progress) for material in materials]
        console.print("Removing what the runs made")
    results.show(found)
    if not publish(options, found):
        spreads = ", ".join(f"{one.name} {one.spread:.0%}" for one in found)
        console.print(f"B varies too much to publish anything: {spreads}", style="red")
        sys.exit(1)


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
