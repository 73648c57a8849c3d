"""A year of an installation in minutes: 100 orders a day, with everything else that happens.

Usage: python -m tests.bench.year [--days 365] [--orders 100] [--branches 2] [--backup DAYS] [--keep FOLDER]. Accounts
are folders and the agents' reports are played, of shops as large as real ones; controller, state database (SQLite),
retention, backups, migrations and keys are the real ones. The time is given to the controller as to every test; the
product has no switch for it. Every thirty days a line of figures is printed, and in the end what is left. SIGTERM ends
it after the day under way; with --keep the same command goes on from there.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from controller.jobs.retention import sweep
from tests.bench.disk import MEMORY
from tests.bench.year.installation import BACKUP, FORGET, Year
from tests.bench.year.processes import Elsewhere, write_in_turn
from tests.support import leftovers

#: A year's database, its log, and two copies of it while it moves.
ROOM_BYTES = 3_000_000_000
MOST_BYTES = 10_000
_BEGAN = time.monotonic()


def main():
    """Simulate the year and print what it left, as JSON; end with 1 where that is not what was said."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--orders", type=int, default=100, help="of a day")
    parser.add_argument("--stride", type=int, default=1, help="work on one day of so many")
    parser.add_argument("--branches", type=int, default=2, help="servers, each with a worker in a process of its own")
    parser.add_argument("--backup", type=int, default=BACKUP, help="days between backups once the first are nightly")
    parser.add_argument("--keep", type=Path, help="a folder that stays; by default one in memory, where there is room")
    chosen = parser.parse_args()
    sweep.PAUSE_SECONDS = 0.0
    write_in_turn()
    with _folder(chosen.keep) as folder:
        year = Year(Path(folder), chosen.branches, Elsewhere, chosen.backup)
        if not year.simulate(chosen.days, chosen.orders, chosen.stride, _until_ended(chosen.days)):
            year.close()
            return 3
        year.rest(31)
        found = {**_figures(year), **_left(year)}
        year.close()
    _say(found, indent=1)
    return 0 if found["bytes_per_job"] <= MOST_BYTES and not any(found[name] for name in _LISTS) else 1


_LISTS = ("lost_or_doubled", "stuck", "unproven", "named", "damaged")


def _folder(kept):
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        return nullcontext(kept)
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return tempfile.TemporaryDirectory(prefix="shoplaunch-year-", dir=MEMORY if has_room else None)


def _until_ended(days):
    """Return what says after each night whether the year goes on; it prints figures now and then."""
    ended = []
    signal.signal(signal.SIGTERM, lambda *_about: ended.append(True))

    def goes_on(year):
        if ended or year.day % FORGET == 0 or year.day >= days:
            _say({"day": year.day, **_figures(year)})
        return not ended

    return goes_on


def _figures(year):
    return {
        "jobs": year.orders,
        "seconds": round(time.monotonic() - _BEGAN),
        "bytes_per_job": round(year.bytes_per_job()),
        "database_mb": round(sum(file.stat().st_size for file in year.config.home.glob("shoplaunch.db*")) / 1e6, 1),
        "memory_mb": year.memory(),
        "ended": len(year.ended),
        **year.counted,
        "spent": {what: round(seconds, 1) for what, seconds in year.spent.items()},
    }


def _left(year):
    left = year.left()
    return {name: len(getattr(left, name)()) for name in _LISTS}


def _say(found, indent=None):
    print(json.dumps(found, indent=indent), flush=True)


if __name__ == "__main__":
    with leftovers.noted_run():
        sys.exit(main())
