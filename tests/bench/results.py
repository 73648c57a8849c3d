"""What the measured runs tell: medians, ratios pair by pair, what was to be reached, as tables and as JSON."""

import platform
import statistics
from dataclasses import asdict, dataclass, field

from rich.console import Console
from rich.table import Table

#: Above this nothing is published: (largest - smallest) / median of B, which no change of the code touches.
LARGEST_SPREAD = 0.30
#: SQL above this is a big shop's.
BIG_SQL_BYTES = 100_000_000
MEMORY_BYTES = 72 << 20
#: Of a larger shop no more memory is taken than this many times that of the smallest.
FLAT = 1.10
WAYS = {
    "A": "`tar`, then `mariadb`, then the domain replaced",
    "B": "`tar` and `mariadb` side by side, nothing replaced",
    "C": "agent",
    "C36": "agent, Python 3.6",
}
NOTE = (
    "Every run has a new file system (ext4, in memory where there is room) and a database of its own. A and B end\n"
    "with `sync -f`, since the agent, too, brings everything to the disk before it switches. C is all of it, from the\n"
    "launcher's start to the agent's removal. Ratios are medians of pairs. Memory (PSS) is the most that all the\n"
    "agent's processes take together: median, least and most of five runs of their own, in which it is looked at all\n"
    "the time. Processor time is the agent's, and beside it that of `tar`, `gzip` and the `mariadb` client."
)


@dataclass
class Result:
    """One shop's: `runs` maps a way of WAYS to its ways.Run objects in order, `looks` are runs that were looked at."""

    name: str
    shape: str
    bundle_bytes: int
    tree_bytes: int
    sql_bytes: int
    runs: dict = field(default_factory=dict)
    looks: list = field(default_factory=list)

    def median(self, way):
        """Return the median of a way's seconds."""
        return statistics.median(run.seconds for run in self.runs[way])

    def span(self, way):
        """Return a way's (least, most) seconds."""
        seconds = [run.seconds for run in self.runs[way]]
        return min(seconds), max(seconds)

    def ratio(self, way, other):
        """Return the median of the ratios of pairs of runs."""
        pairs = zip(self.runs[way], self.runs[other], strict=True)
        return statistics.median(mine.seconds / theirs.seconds for mine, theirs in pairs)

    @property
    def spread(self):
        """How much B varies, as a part of its median."""
        least, most = self.span("B")
        return (most - least) / self.median("B")

    def cpu(self, way):
        """Return the median of a way's processor seconds."""
        return statistics.median(run.cpu for run in self.runs[way])

    @property
    def read(self):
        """Bytes the kernel fetched from the disk for the agent, as a part of the bundle."""
        return statistics.median(run.read for run in self.looks) / self.bundle_bytes

    @property
    def memory(self):
        """Bytes of memory, median of the runs that were looked at."""
        return statistics.median(run.pss for run in self.looks)

    @property
    def written(self):
        """Bytes the agent wrote, as a part of what the files hold."""
        return statistics.median(run.written for run in self.runs["C"]) / self.tree_bytes

    def targets(self):
        """Return {what: (found, at most)}."""
        at_once = 0.75 if self.sql_bytes > BIG_SQL_BYTES else 1.0
        found = {
            "C : A": (self.ratio("C", "A"), 0.5),
            "C : B": (self.ratio("C", "B"), at_once),
            "memory": (self.memory, MEMORY_BYTES),
            "processor": (self.cpu("C") / self.cpu("B"), 1.0),
            "read": (self.read, 1.05),
            "written": (self.written, 1.05),
        }
        if "C36" in self.runs:
            found["C36 : B"] = (self.ratio("C36", "B"), 1.25)
        return found


def may_be_published(results):
    """Return whether B was steady enough in each of `results`."""
    return all(result.spread <= LARGEST_SPREAD for result in results)


def as_json(results):
    """Return everything measured as one document."""
    return {
        "python": platform.python_version(),
        "results": [
            {
                **{name: value for name, value in asdict(one).items()},
                "spread_of_b": one.spread,
                "targets": {what: {"found": found, "at_most": most} for what, (found, most) in one.targets().items()},
            }
            for one in results
        ],
    }


def _seconds(result):
    """Yield the rows of the table of seconds."""
    for way in result.runs:
        least, most = result.span(way)
        ratios = [f"{result.ratio(way, other):.2f}" if way != other else "1" for other in "AB"]
        yield [result.shape, WAYS[way], f"{result.median(way):.2f}", f"{least:.2f}–{most:.2f}", *ratios]


def _mebibytes(result):
    sizes = [run.pss for run in result.looks]
    middle, least, most = (round(size / (1 << 20)) for size in (result.memory, min(sizes), max(sizes)))
    return f"{middle} ({least}–{most}) MiB"


def _costs(result):
    agent, by_hand = result.cpu("C"), result.cpu("B")
    yield [
        result.shape,
        _mebibytes(result),
        f"{agent:.2f} s : {by_hand:.2f} s = {agent / by_hand:.2f}",
        f"{result.read:.2f}",
        f"{result.written:.2f}",
    ]


SECONDS = ("shop", "way", "median s", "min–max s", ": A", ": B")
COSTS = ("shop", "memory", "processor, agent : by hand", "read : bundle", "written : files")


def show(results):
    """Print both tables, and what is not as it should be."""
    console = Console()
    for columns, rows_of in ((SECONDS, _seconds), (COSTS, _costs)):
        table = Table(*columns)
        for result in results:
            for row in rows_of(result):
                table.add_row(*row)
        console.print(table)
    for result in results:
        for what, (found, most) in result.targets().items():
            if found > most:
                console.print(f"{result.name}: {what} is {found:.4g}, at most {most:.4g} is wanted", style="yellow")
    if growth(results) > FLAT:
        console.print(f"memory grows to {growth(results):.2f} times, at most {FLAT} is wanted", style="yellow")


def growth(results):
    """Return the most memory of any of `results` as a multiple of the smallest shop's."""
    smallest = min(results, key=lambda result: result.bundle_bytes)
    return max(result.memory for result in results) / smallest.memory


def markdown(results):
    """Return both tables and their note as Markdown."""
    runs = len(results[0].runs["B"])
    lines = ["![Seconds to a restored shop](tests/bench/speed.svg)", ""]
    lines += [f"Medians of {runs} runs each, interleaved, in fresh directories and databases:", ""]
    for columns, rows_of in ((SECONDS, _seconds), (COSTS, _costs)):
        lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        before = None
        for result in results:
            for row in rows_of(result):
                lines.append("| " + " | ".join(["" if row[0] == before else row[0], *row[1:]]) + " |")
                before = row[0]
        lines.append("")
    return "\n".join([*lines, NOTE, ""])
