"""What workers without work ask their database: many finished jobs, and agents that are at work.

Usage: python -m tests.bench.engine.idle [--finished N] [--running N] [--workers N] [--seconds S] [--json]. Real
`shoplaunch worker` processes on a MariaDB of their own, which counts what it is asked. Nothing is removed meanwhile
(`[retention]` is off), and no agent reports: those are web servers' questions.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from controller.db.connection.engine import transact
from controller.db.tables import jobs
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from tests.bench.engine.fleet import end_when_asked
from tests.bench.many_jobs import fill
from tests.support import leftovers
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.state.state_database import url_at
from tests.support.worlds.web_site import populate

PERIODS = ("EVENTS", "REQUEST_LOG", "AUDIT", "FINISHED_JOBS", "PERSONAL_DATA", "SPOOLS")
#: Until what a worker does once at its start is done.
SETTLED_SECONDS = 60
#: Finished jobs that are made with all that belongs to them.
PIECE = 1000
COUNTED = ("Questions", "Com_select", "Com_insert", "Com_update", "Com_delete", "Com_commit", "Com_rollback")
SHOPLAUNCH = str(Path(sys.executable).parent / "shoplaunch")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finished", type=int, default=100_000)
    parser.add_argument("--running", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    end_when_asked()
    found = measured(options)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    title = (
        f"{options.finished} finished jobs, {options.running} running, {options.workers} workers, {options.seconds:g} s"
    )
    table = Table("what", "per second and worker", title=title)
    for what, rate in found.items():
        table.add_row(what, f"{rate:.2f}")
    Console(width=100).print(table)


def measured(options):
    """Return what the database counted -> how often, per second and worker."""
    with contextlib.ExitStack() as stack:
        server = start_private()
        stack.callback(stop_private, server)
        home = tempfile.mkdtemp(prefix="slbench-idle-")
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        own = {"SHOPLAUNCH_HOME": home, "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"}
        own |= {"SHOPLAUNCH_DATABASE_URL": url_at(server)}
        own |= {f"SHOPLAUNCH_RETENTION__{name}": "0" for name in PERIODS}
        prepare(own, options)
        log = stack.enter_context(Path(home, "workers.log").open("wb"))
        workers = []
        for _ in range(options.workers):
            process = subprocess.Popen([SHOPLAUNCH, "worker"], env={**os.environ, **own}, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            workers.append(process)
        time.sleep(SETTLED_SECONDS)
        if any(process.poll() is not None for process in workers):
            raise RuntimeError(Path(home, "workers.log").read_text("utf-8", "replace")[-4000:])
        before, began = counted(server), time.monotonic()
        time.sleep(options.seconds)
        after, span = counted(server), time.monotonic() - began
    return {name: (after[name] - before[name]) / span / options.workers for name in COUNTED}


def prepare(own, options):
    """Make the installation of the settings `own`, with its jobs."""
    subprocess.run([SHOPLAUNCH, "init"], env={**os.environ, **own}, check=True, stdout=subprocess.DEVNULL)
    service = open_service(load_config(own))
    transact(service.installation.engine, populate)
    engine = service.installation.engine
    fill(engine, min(PIECE, options.finished), options.running, time.time())
    # The database makes the others itself. As of jobs that ended long ago, their steps and reports are gone
    names = [column.name for column in jobs.c if column.name not in ("id", "order_key")]
    found = (jobs.c.state != "restoring") & ~jobs.c.id.contains("-")
    for number in range(1, options.finished // PIECE):
        copies = sa.select(jobs.c.id.concat(f"-{number}"), *(jobs.c[name] for name in names)).where(found)
        more = sa.insert(jobs).from_select(["id", *names], copies)
        transact(engine, lambda connection, more=more: connection.execute(more))
    engine.dispose()


def counted(server):
    """Return name -> how often the database has done it."""
    known = dict(server.query("SHOW GLOBAL STATUS"))
    return {name: int(known[name]) for name in COUNTED}


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
