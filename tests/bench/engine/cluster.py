"""Two machines, each with a web server and workers, share the work by Redis and MariaDB; workers are killed meanwhile.

Usage: python -m tests.bench.engine.cluster [--orders N] [--servers N] [--workers N] [--kill SECONDS]. The machines are
network namespaces; servers, agents and shops are doubles. It shows what happens, ends with a summary, leaves nothing.
"""

import argparse
import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

import requests
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tests.bench.engine.__main__ import CONNECTIONS, PROJECT, SECONDS_PER_ORDER, figures_of, text_of
from tests.bench.engine.double import SLOWEST_SECONDS
from tests.bench.engine.fleet import Fleet, end_when_asked, running
from tests.support import leftovers
from tests.support.servers.brokers.redis import Redis
from tests.support.servers.databases import mariadb
from tests.support.servers.machines import Machine, new_folder
from tests.support.state.state_database import url_at

MACHINES = ("north", "south")
PORT = 8000
START_SECONDS = 90
#: What the leases of killed workers take to end, one after the other.
LEASES_SECONDS = 200
ORDER = ("received", "preparing", "dropped", "restoring", "finishing", "live", "failed", "stalled")
COLOURS = {"live": "green", "failed": "red", "stalled": "red"}


class Cluster:
    """Everything of it; close it in the end. `folder` holds what the machines share: nothing but files of this run."""

    def __init__(self, stack, options):
        self._folder = new_folder()
        stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self.machines = []
        for _name in MACHINES:
            self.machines.append(Machine(self._folder))
            stack.callback(self.machines[-1].close)
        self.redis = self._new_redis(stack)
        database = mariadb.start_private([f"--max-connections={CONNECTIONS}"])
        stack.callback(mariadb.stop_private, database)
        secret = self._folder / "broker"
        secret.touch(0o600)
        secret.write_text(self.redis.url())
        more = {"SHOPLAUNCH_ENGINE": "celery", "SHOPLAUNCH_BROKER_URL_FILE": str(secret)}
        self.fleet = Fleet(PROJECT, url_at(database), options.servers, options.workers, more, self._of_worker)
        stack.enter_context(running(self.fleet))
        self.fleet.plan(host=self.machines[0].gateway, slowest=options.slowest)
        self._stack = stack
        self.urls = [f"http://{machine.address}:{PORT}" for machine in self.machines]

    def machine_of(self, number):
        """Return the place in `machines` of a worker's machine."""
        return number % len(self.machines)

    def start_webs(self):
        """Each machine has a home of its own, with the installation's keys, and a web server."""
        for name, machine, url in zip(MACHINES, self.machines, self.urls, strict=True):
            home = self._home(name)
            shutil.copytree(self.fleet.home / "home", home)
            words = ["serve", "--no-worker", "--bind", url.partition("//")[2]]
            command = machine.command(*self._own(name), Path(sys.executable).with_name("shoplaunch"), *words)
            process = self.fleet.process(name, command)
            self._stack.callback(self.fleet.end, process)
        for name, url in zip(MACHINES, self.urls, strict=True):
            self._await(name, url)
        self.fleet.plan(webs=self.urls)

    def _await(self, name, url):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(requests.RequestException):
                if requests.get(url + "/healthz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError((self.fleet.home / f"{name}.log").read_text("utf-8", "replace")[-4000:])

    def _new_redis(self, stack):
        folder = self._folder / "redis"
        folder.mkdir()
        self._folder.chmod(0o711)
        made = Redis(folder, self.machines[0].gateway)
        made.start()
        stack.callback(made.stop, True)
        return made

    def _home(self, name):
        return self._folder / f"home-{name}"

    def _own(self, name):
        return ["env", f"SHOPLAUNCH_HOME={self._home(name)}"]

    def _of_worker(self, number):
        place = self.machine_of(number)
        return self.machines[place].command(*self._own(MACHINES[place]))


def picture(cluster, states, orders, began):
    """Return what is seen now."""
    fleet, boxes = cluster.fleet, []
    for place, (name, url) in enumerate(zip(MACHINES, cluster.urls, strict=True)):
        lines = Table.grid(padding=(0, 2))
        lines.add_row("web server", url, "[green]●[/]")
        for number, process in fleet.workers.items():
            if cluster.machine_of(number) == place and process is not None:
                dot = "[green]●[/]" if process.poll() is None else "[red]✗[/]"
                dot += f" killed {fleet.kills[number]}×" if fleet.kills[number] else ""
                lines.add_row(f"worker {number + 1}", f"process {process.pid}", dot)
        boxes.append(Panel(lines, title=f"machine {name}, {cluster.machines[place].address}", width=58))
    rows = Table.grid(padding=(0, 2))
    for state in ORDER:
        number = states.get(state, 0)
        if number or state not in ("failed", "stalled"):
            bar = ProgressBar(orders, number, width=60, complete_style=COLOURS.get(state, "yellow"))
            rows.add_row(state, bar, str(number))
    live, seconds = states.get("live", 0), time.monotonic() - began
    last = Text(f"{seconds:.0f} s · {live} of {orders} shops live · {live / max(seconds, 1):.1f} per second · ")
    last.append(f"{fleet.killed} workers killed", "bold red" if fleet.killed else "")
    return Group(Columns(boxes), rows, last)


def run(cluster, options, show):
    """Return what -> figure; `show` is given each picture."""
    fleet = cluster.fleet
    seconds = options.orders * SECONDS_PER_ORDER + LEASES_SECONDS
    fleet.begin(options.orders, options.rate, seconds, cluster.start_webs)
    if options.kill:
        fleet.kill_every(options.kill)
    began = time.monotonic()
    rows = fleet.followed(lambda states: show(picture(cluster, states, options.orders, began)))
    return figures_of(rows, fleet)


def parsed(words=None):
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--servers", type=int, default=20)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.0, help="orders per second; 0: as fast as they are taken")
    parser.add_argument("--kill", type=float, default=5.0, help="seconds between two kills; 0: none")
    parser.add_argument(
        "--slowest", type=float, default=SLOWEST_SECONDS, help="seconds of a call to the slowest server"
    )
    return parser.parse_args(words)


def main():
    """Show it; exit with 1 when a shop does not live, or was announced twice."""
    options, console = parsed(), Console()
    if os.geteuid() != 0:
        sys.exit("This needs root: machines of their own networks are made.")
    end_when_asked()
    leftovers.clear()
    leftovers.note_folders()
    try:
        with contextlib.ExitStack() as stack:
            console.print("Two machines, a Redis and a MariaDB are being started …")
            cluster = Cluster(stack, options)
            with Live(console=console, refresh_per_second=4) as live:
                found = run(cluster, options, live.update)
    except KeyboardInterrupt:
        console.print("\nStopped; everything is cleared away.")
        sys.exit(130)
    finally:
        # Only now: what is noted is cleared away by the next run
        leftovers.own_notes().unlink(missing_ok=True)
    table = Table("what", "seen", title="The cluster, of which nothing is left")
    for what, figure in found.items():
        table.add_row(what, text_of([figure]))
    console.print(table)
    sys.exit(found["live"] != options.orders or found["notified twice"] > 0)


if __name__ == "__main__":
    main()
