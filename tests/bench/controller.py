"""What the controller can take with a year of jobs in its tables: agents' reports, the operator's pages.

Usage: python -m tests.bench.controller [--jobs N] [--active N] [--seconds S] [--json | --markdown]. A real `shoplaunch
serve`, worker and all, on SQLite as shipped; the reports come from a process of their own. "Per processor second" is
what the server's own processes took, whatever else the machine had to do.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from controller.db.connection.engine import transact
from controller.jobs.intake.service import open_service
from controller.panels.local.private_stack.stack import free_port
from controller.settings.loading import load_config
from controller.setup import installation
from tests.bench.many_jobs import fill
from tests.support import leftovers
from tests.support.machine.resources import cpu_so_far
from tests.support.worlds.web_site import OPERATOR, PASSWORD, csrf_of, populate

OFFERED = 300
CONNECTIONS = 16
PAGES = {
    "jobs, first page": "/admin/jobs",
    "jobs, page 2000": "/admin/jobs?page=2000",
    "jobs, last page": "/admin/jobs?page=999999",
    "jobs that are live": "/admin/jobs?state=live",
    "jobs that are live, page 1000": "/admin/jobs?state=live&page=1000",
    "jobs that failed": "/admin/jobs?state=failed",
    "audit log": "/admin/audit",
    "/metrics": "/metrics",
}
COMMANDS = {"shoplaunch jobs": ["jobs", "--json"], "shoplaunch jobs --state failed": ["jobs", "--state", "failed"]}


class Controller:
    """A controller of its own below a new folder, its tables filled."""

    def __init__(self, finished, active):
        self.home = Path(tempfile.mkdtemp(prefix="slbench-controller-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"SHOPLAUNCH_HOME": str(self.home), "SHOPLAUNCH_PUBLIC_URL": self.url}
        config = load_config(own)
        installation.ensure_installation(config)
        installation.set_operator(config, OPERATOR, PASSWORD)
        service = open_service(config)
        transact(service.installation.engine, populate)
        working = fill(service.installation.engine, finished, active, time.time())
        self.tokens = {job: service.installation.tokens.for_agent(job, 1) for job in working}
        service.installation.engine.dispose()
        self._environment = {**os.environ, **own}
        self._command = str(Path(sys.executable).parent / "shoplaunch")
        self._first_seq = 1
        self._server = None

    def start(self):
        """The server runs and answers."""
        log = (self.home / "serve.log").open("wb")
        command = [self._command, "serve", "--bind", f"127.0.0.1:{self.port}"]
        with log:
            self._server = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        for _ in range(600):
            with contextlib.suppress(requests.RequestException):
                if requests.get(self.url + "/healthz", timeout=5).status_code == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError((self.home / "serve.log").read_text())

    def stop(self):
        """Nothing is left."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(60)
        shutil.rmtree(self.home)

    def run(self, *arguments):
        """Run a command; return its seconds."""
        started = time.perf_counter()
        command = [self._command, *arguments]
        subprocess.run(command, env=self._environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started

    def reports(self, rate, seconds):
        """Let agents report; return what they saw, with `cpu`: what the server took of the processor in seconds."""
        order = {"port": self.port, "tokens": self.tokens, "rate": rate, "connections": CONNECTIONS}
        order |= {"seconds": seconds, "first_seq": self._first_seq}
        before = cpu_so_far(self._server.pid)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.many_agents"],
            input=json.dumps(order), stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        found = json.loads(done.stdout)
        found["cpu"] = cpu_so_far(self._server.pid) - before
        if set(found["answers"]) != {"202"}:
            raise RuntimeError(f"not every report was taken: {found['answers']}")
        self._first_seq += found["answers"]["202"]
        return found

    def pages(self, times):
        """Return page -> milliseconds of `times` requests each, sorted."""
        browser = requests.Session()
        form = {"user": OPERATOR, "password": PASSWORD}
        form["csrf_token"] = csrf_of(browser.get(self.url + "/admin/login", timeout=60).text)
        browser.post(self.url + "/admin/login", data=form, timeout=60).raise_for_status()
        return {name: sorted(self._seen(browser, path) for _ in range(times)) for name, path in PAGES.items()}

    def _seen(self, browser, path):
        started = time.perf_counter()
        answer = browser.get(self.url + path, timeout=120)
        spent = (time.perf_counter() - started) * 1000
        if answer.status_code != 200 or answer.url.endswith("/login"):
            raise RuntimeError(f"{path} answered {answer.status_code}")
        return spent


def percentile(values, share):
    """Return the smallest of the sorted `values` that `share` of them do not exceed."""
    return values[min(len(values) - 1, int(len(values) * share))]


def measure(options):
    """Return rows of (what, figure, unit)."""
    started = time.perf_counter()
    controller = Controller(options.jobs, options.active)
    announce(f"{options.jobs} finished jobs made in {time.perf_counter() - started:.0f} s")
    try:
        size = (controller.home / "shoplaunch.db").stat().st_size
        controller.start()
        controller.reports(0, 3)
        rows = [("jobs in the table", options.jobs, ""), ("size of the database", size / 1e9, "GB")]
        announce("reports as fast as they are answered")
        rows += _fastest(controller.reports(0, options.seconds))
        announce(f"reports at {OFFERED} per second")
        rows += _offered(controller.reports(OFFERED, options.seconds))
        announce("pages")
        for name, spent in controller.pages(options.pages).items():
            rows.append((f"{name}: median", statistics.median(spent), "ms"))
            rows.append((f"{name}: p95", percentile(spent, 0.95), "ms"))
        rows += [(name, statistics.median(controller.run(*words) for _ in range(3)), "s")
                 for name, words in COMMANDS.items()]  # fmt: skip
        return rows
    finally:
        controller.stop()


def _fastest(found):
    number = found["answers"]["202"]
    return [
        ("reports per second, as fast as answered", number / found["seconds"], ""),
        ("reports per processor second", number / found["cpu"], ""),
    ]


def _offered(found):
    name = f"{OFFERED} reports per second offered"
    waits = found["latencies"]
    rows = [(f"{name}: {text}", percentile(waits, share), "ms") for text, share in (("median", 0.5), ("p99", 0.99))]
    return [*rows, (f"{name}: longest", waits[-1], "ms"), (f"{name}: processor", found["cpu"] / found["seconds"], "")]


def announce(text):
    """Say what is under way."""
    print(text, file=sys.stderr, flush=True)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--active", type=int, default=1000, help="agents that report, each in its turn")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--pages", type=int, default=40, help="requests of each page")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    rows = measure(options)
    if options.json:
        print(json.dumps([{"what": what, "figure": figure, "unit": unit} for what, figure, unit in rows], indent=1))
    elif options.markdown:
        print("| what | measured |\n|---|---|")
        for what, figure, unit in rows:
            print(f"| {what} | {text_of(figure)} {unit}".rstrip() + " |")
    else:
        table = Table("what", "measured", title="The controller")
        for what, figure, unit in rows:
            table.add_row(what, f"{text_of(figure)} {unit}".rstrip())
        Console().print(table)


def text_of(figure):
    """Return the figure as people read it."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


if __name__ == "__main__":
    with leftovers.noted_run():
        main()
