"""Many orders on many servers, moved by several workers of which one is killed every few seconds.

Usage: python -m tests.bench.engine [--orders N] [--servers N] [--workers N] [--rate R] [--kill SECONDS] [--hung
SHARE] [--broker redis|rabbitmq] [--restart SECONDS] [--runs N] [--against COMMIT] [--beside COMMIT] [--json]. The
servers are doubles that answer each call after 50 to 500 ms, the state is in a MariaDB of its own; agents and sites
are played by one more process, the desk. Without a rate all orders come at once; with one, so many per second, which
shows how soon they are picked up. With `--hung` a share of the servers takes calls and never answers: measured are
the orders of the others. Workers hint each other as `embedded` does; with `--broker` by a broker of the run's own,
which `--restart` restarts every so many seconds. With `--against` (another version's commit) each run is one there
and one here, in turn; with `--beside` every other worker of a run is of that commit.
"""

import argparse
import contextlib
import json
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.engine.broker import KINDS, Broker
from tests.bench.engine.fleet import Fleet, end_when_asked, running, version_of, waited
from tests.support import leftovers
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.state.state_database import url_at

PROJECT = Path(__file__).resolve().parents[3]
KILL_SECONDS = 5
#: Four times what it is to take, and room for the leases of killed workers.
SECONDS_PER_ORDER, LONGEST_LEASE_SECONDS = 0.7, 600
#: Of a MariaDB for several processes with bounded pools each.
CONNECTIONS = 600
HERE, THERE = "this version", "the other version"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--servers", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.0, help="orders per second; 0: all at once")
    parser.add_argument("--kill", type=float, default=KILL_SECONDS, help="seconds between two kills; 0: none")
    parser.add_argument("--hung", type=float, default=0.0, help="share of the servers that never answer")
    parser.add_argument("--broker", choices=KINDS, help="workers hint by one, with engine `celery`")
    parser.add_argument(
        "--restart", type=float, default=0.0, help="seconds between two restarts of the broker; 0: none"
    )
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--against", metavar="COMMIT")
    parser.add_argument("--beside", dest="mixed_with", metavar="COMMIT", help="every other worker is of that version")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.restart and not options.broker:
        parser.error("--restart is about a --broker")
    end_when_asked()
    try:
        found = compared(options)
    except KeyboardInterrupt:
        print("Stopped; everything is cleared away.", file=sys.stderr)
        sys.exit(130)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        Console(width=100).print(table_of(found, options))


def compared(options):
    """Return version -> the figures of its runs."""
    found = {}
    with contextlib.ExitStack() as stack:
        folders = {HERE: PROJECT}
        if options.against:
            folders = {THERE: version_of(options.against, PROJECT, stack), HERE: PROJECT}
        options.mixed_with = options.mixed_with and version_of(options.mixed_with, PROJECT, stack)
        server = start_private([f"--max-connections={CONNECTIONS}"])
        stack.callback(stop_private, server)
        broker = Broker(options.broker, stack) if options.broker else None
        for _ in range(options.runs):
            for name, folder in folders.items():
                found.setdefault(name, []).append(measured(folder, server, options, broker))
                print(f"{name}: {json.dumps(found[name][-1])}", file=sys.stderr, flush=True)
    return found


def measured(folder, database, options, broker=None):
    """Return what -> figure of one run."""
    more = broker.settings if broker else None
    with running(Fleet(folder, url_at(database), options.servers, options.workers, more)) as fleet:
        fleet.watch(database.process.pid)
        if options.mixed_with:
            fleet.mix(options.mixed_with)
        fleet.plan(hung=hung_of(fleet.names, options.hung))
        fleet.begin(options.orders, options.rate, options.orders * SECONDS_PER_ORDER + LONGEST_LEASE_SECONDS)
        if options.kill:
            fleet.kill_every(options.kill)
        if not options.restart:
            return figures_of(fleet.followed(), fleet)
        end = broker.restart_every(options.restart)
        try:
            rows = fleet.followed()
        finally:
            end()
        return {**figures_of(rows, fleet), "restarts of the broker": broker.restarts}


def hung_of(names, share):
    """Return a share of the servers: of the fast ones as well as of the slow ones."""
    return [name for number, name in enumerate(names) if int((number + 1) * share) > int(number * share)]


def figures_of(rows, fleet):
    """Return what -> figure; rows are (job, state, ordered, taken up, visited, notified, agent done, visit begun)."""
    live = [row for row in rows if row[1] == "live"]
    counts, sent = fleet.counts(), fleet.notified()
    span = max((row[4] for row in live), default=0.0) - min((row[2] for row in rows), default=0.0)
    taken = [row[3] and row[3] - row[2] for row in rows]
    visited = [row[4] and row[6] and row[4] - row[6] for row in rows]
    begun = [row[7] and row[6] and row[7] - row[6] for row in rows]
    back = fleet.back_at_work()
    return {
        "orders": len(rows),
        "live": len(live),
        "notified twice": len(sent) - len(set(sent)),
        "workers killed": fleet.killed,
        "live per second": len(live) / span if span > 0 else 0.0,
        "statements per job": counts["statements"] / max(1, len(rows)),
        "commits per job": counts["commits"] / max(1, len(rows)),
        "claims that miss, %": 100 * counts["missed"] / max(1, counts["claims"]),
        "taken up: p50, s": waited(taken, 0.5),
        "taken up: p99, s": waited(taken, 0.99),
        "agent done to visit begun: p50, s": waited(begun, 0.5),
        "agent done to visit begun: p99, s": waited(begun, 0.99),
        "agent done to visited: p50, s": waited(visited, 0.5),
        "agent done to visited: p99, s": waited(visited, 0.99),
        "killed worker's job at work again: p50, s": waited(back, 0.5),
        "killed worker's job at work again: last, s": max(back, default=None),
        "accounts at once on a server": fleet.at_once(),
        **{f"processor seconds per job: {who}": took / max(1, len(rows)) for who, took in fleet.taken().items()},
    }


def table_of(found, options):
    """Return the table of the medians, with least and most."""
    way = f"{options.rate:g} per second" if options.rate else "at once"
    title = f"{options.orders} orders {way}, {options.servers} servers, {options.workers} workers"
    table = Table("what", *found, title=title)
    for what in next(iter(found.values()))[0]:
        table.add_row(what, *(text_of([run[what] for run in runs]) for runs in found.values()))
    return table


def text_of(values):
    """Return the median of the values that are known, with their range."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    middle = f"{statistics.median(known):.4g}"
    return middle if len(known) == 1 else f"{middle} ({min(known):.4g}–{max(known):.4g})"


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
