"""Packs, orders, walks through and compares a folder of template shops; ends with a table of what was found.

Usage: python -m tests.corpus.run DIR [--only ID] [--stage pack|live|walk|compare] [--again] [--markdown FILE]
"""

import argparse
import contextlib
import fcntl
import json
import sys
import time
import traceback
from pathlib import Path

from tests.corpus import live, pack, table
from tests.corpus.compared import compare
from tests.corpus.cron import cron
from tests.corpus.shops import FAILED, STAGES, Evidence, measured, shops_below
from tests.corpus.walks import walk
from tests.corpus.world import world_for
from tests.support import leftovers

TURN_SECONDS = 0.3
#: What needs a world that runs, in the order of working: what visits write is not to be compared.
IN_A_WORLD = ("live", "compare", "walk")


def arguments(words=None):
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR", help="a folder per shop: tree/, dump.sql, maybe shop.json")
    parser.add_argument("--only", action="append", metavar="ID", help="only this shop; may be repeated")
    parser.add_argument("--stage", choices=STAGES, action="append", help="only this stage; may be repeated")
    parser.add_argument("--again", action="store_true", help="also what has been done")
    parser.add_argument("--failed", action="store_true", help="also what has failed")
    parser.add_argument("--thorough", action="store_true", help="pack twice and compare the bytes")
    parser.add_argument("--no-browser", action="store_true", help="without the walk")
    parser.add_argument("--output", type=Path, default=Path("build/corpus"), help="where bundles and evidence go")
    parser.add_argument("--lock", type=Path, action="append", help="take turns with others on (one of) these files")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, without names")
    options = parser.parse_args(words)
    if options.markdown is not None and not table.may_be_written(options.markdown):
        parser.error(f"{options.markdown} is there already and no table of an earlier run; name another file")
    return options


class Run:
    """One run over shops."""

    def __init__(self, options):
        self.options = options
        self.shops, self.refused = shops_below(options.folder)
        if options.only:
            self.shops = [shop for shop in self.shops if shop.id in options.only]
        output = options.output.absolute()
        self.evidences = {shop.id: Evidence(output / shop.id) for shop in self.shops}

    def wanted(self, shop, stage):
        """Return whether `stage` of `shop` is to be done now."""
        options, evidence = self.options, self.evidences[shop.id]
        if (options.stage and stage not in options.stage) or (stage == "walk" and options.no_browser):
            return False
        if options.again or not evidence.is_done(stage):
            return True
        return options.failed and evidence.stages[stage].get("state") == FAILED

    def all(self):
        """Do what is to be done with every shop."""
        for name, reason in self.refused.items():
            say(f"{name}: {reason}")
        for number, shop in enumerate(self.shops, 1):
            try:
                self.shop(shop, f"[{number}/{len(self.shops)}] {shop.id}")
            except Exception:  # noqa: BLE001 - the next shop has its turn
                say(f"{shop.id}: {traceback.format_exc()}")

    def shop(self, shop, label):
        """Do what is to be done with one shop."""
        evidence = self.evidences[shop.id]
        evidence.folder.mkdir(parents=True, exist_ok=True)
        if self.wanted(shop, "pack"):
            with self._stage(evidence, "pack", label) as document:
                document |= pack.pack(shop, evidence.folder, self.options.thorough)
        if not evidence.has_passed("pack") or not any(self.wanted(shop, stage) for stage in IN_A_WORLD):
            return
        packed = evidence.stages["pack"]
        with world_for(packed["php"], packed["bundle"], evidence.folder) as world:
            self._in_world(world, shop, label)

    def _in_world(self, world, shop, label):
        evidence = self.evidences[shop.id]
        # Most of it is waiting for cron
        with self._stage(evidence, "live", label, locked=False) as document:
            found, jobs = live.live(world, shop, json.loads((evidence.folder / "manifest.json").read_text("utf-8")))
            document |= found
        if evidence.stages["live"].get("live", 0) == 0:
            return
        rows = evidence.stages["live"]["shops"]
        if self.wanted(shop, "compare"):
            report = json.loads((evidence.folder / "report.json").read_text("utf-8"))
            with self._stage(evidence, "compare", label) as document:
                document |= compare.compare(world, shop, rows, jobs, report)
        if self.wanted(shop, "walk"):
            with self._stage(evidence, "walk", label) as document:
                document |= walk.walk(world, shop, rows, jobs)

    @contextlib.contextmanager
    def _stage(self, evidence, stage, label, locked=True):
        document = {}
        say(f"{label}: {stage} …")
        with self._turn() if locked else contextlib.nullcontext(), measured(document):
            yield document
        evidence.keep(stage, document)
        said = f"{document.get('code', '')} {str(document.get('message', ''))[:300]}".strip()
        say(f"{label}: {stage} {document.get('state', '?')} after {document['seconds']} s {said}")

    @contextlib.contextmanager
    def _turn(self):
        if self.options.lock is None:
            yield
            return
        # Not inherited: services that are started meanwhile would hold it for as long as they run
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(open(path, "a")) for path in self.options.lock]
            while not any(_is_taken(file) for file in files):
                time.sleep(TURN_SECONDS)
            yield


def _is_taken(file):
    """Take the lock on `file` unless somebody has it; tell whether it is taken now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def say(text):
    """Print a line of progress."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


def main(words=None):
    """Run; return the exit code: 0 when every stage of every shop passed."""
    run = Run(arguments(words))
    with cron():
        run.all()
    table.show(run.shops, run.evidences)
    for line in table.faults(run.shops, run.evidences):
        print(line)
    if run.options.markdown:
        run.options.markdown.write_text(table.markdown(run.shops, run.evidences), "utf-8")
    stages = [stage for evidence in run.evidences.values() for stage in evidence.stages.values()]
    return int(any(stage.get("state") == FAILED for stage in stages) or not run.shops)


if __name__ == "__main__":
    with leftovers.noted_run():
        sys.exit(main())
