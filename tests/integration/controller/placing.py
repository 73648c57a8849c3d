"""A controller in a process of its own that prepares an account of this machine, and is killed at one of the writes by
which launcher, agent, job file and cron line come into it."""

import json
import os
import signal
import subprocess

from controller.db.connection.engine import make_engine
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.panels.local.as_account.run import AsAccount
from controller.panels.local.crontab import Crontab
from controller.panels.local.driver import LocalPanel
from controller.panels.local.settings import LocalSettings
from controller.settings.loading import load_config
from shared.job import FOLDER
from tests.support.clock import Clock
from tests.support.worlds.world import Outbox


class QuietPanel(LocalPanel):
    """Its accounts are expired: the machine's own cron starts no agent but those of the test."""

    def ensure_account(self, user, domain, *, create, email):
        account = super().ensure_account(user, domain, create=create, email=email)
        subprocess.run(["usermod", "--expiredate", "1", user], check=True)
        return account


def _notify_and_die(process, given=None, timeout=None):
    if given:
        process.stdin.write(given)
        process.stdin.close()
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(number, when):
    """End this process by SIGKILL right "before" or "after" the write `number`, or "within": what was started to do it
    has got all, and does it without us. Return the list of writes begun so far."""
    writes = []

    def passing(what, work):
        writes.append(what)
        is_here = len(writes) == number
        if is_here and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if is_here and when == "within":
            subprocess.Popen.communicate = _notify_and_die
        result = work()
        if is_here:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    put, folders, write = AsAccount.put, AsAccount.folders, Crontab._write

    def putting(self, path, *more):
        return passing(path, lambda: put(self, path, *more)) if path.startswith(FOLDER) else put(self, path, *more)

    def making(self, wanted):
        return passing(FOLDER, lambda: folders(self, wanted)) if wanted[0][0] == FOLDER else folders(self, wanted)

    AsAccount.put, AsAccount.folders = putting, making
    Crontab._write = lambda self, content: passing("crontab", lambda: write(self, content))
    return writes


def place(service, clock):
    """Let `service` work until the only job's account is prepared; where nothing is due `clock` goes on."""
    worker = service.jobs.worker()
    for _ in range(100):
        (job,) = service.jobs.listed()
        if job.state not in ("received", "preparing"):
            break
        if not worker.run_due():
            clock.pass_by(1)


def run(folder, settings, public_url, now, number=0, when=""):
    """Be the controller in `folder` until its job's cron line is there, or until the kill (die_at)."""
    config = load_config({"SHOPLAUNCH_HOME": str(folder), "SHOPLAUNCH_PUBLIC_URL": public_url})
    engine, panel, clock = make_engine(f"sqlite:///{folder}/state.db"), QuietPanel(settings), Clock(now)
    service = Service(
        Installation(
            config,
            engine,
            load_keys(config.keys),
            panel_of=lambda _config, _server: panel,
            billing=Outbox(),
            clock=clock,
        )
    )
    writes = die_at(number, when)
    place(service, clock)
    (folder / "writes").write_text(json.dumps(writes))


def settings_of(server):
    """Return the panel's settings of `server` (LocalServer), which go to another process."""
    return LocalSettings.from_dict(server.stack.local_settings())
