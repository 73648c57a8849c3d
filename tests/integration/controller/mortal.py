"""A controller in a process of its own that is killed at one of its writes; all around it outlives it in files."""

import json
import os
import pickle
import signal

import sqlalchemy as sa

from controller.db.connection.engine import make_engine
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.settings.loading import load_config
from shared.job import JOB_FILE
from tests.fakes.folder_panel import FolderPanel
from tests.support.clock import Clock
from tests.support.worlds.world import Agent, Outbox, World

CHANGES = ("INSERT", "UPDATE", "DELETE")


class KeptPanel(FolderPanel):
    """What was done to it is still done when the process that did it is gone."""

    def __init__(self, base, port):
        super().__init__(base, port)
        self._kept_at = base.parent / "panel"
        if self._kept_at.exists():
            self.__dict__.update(pickle.loads(self._kept_at.read_bytes()))
        for name in dir(FolderPanel):
            if name.startswith(("ensure_", "remove_")):
                setattr(self, name, self._keeping(getattr(self, name)))

    def kept(self):
        """Return everything that outlives the process."""
        names = ("accounts", "databases", "users", "grants", "crontabs")
        return {name: getattr(self, name) for name in names}

    def _keeping(self, real):
        def called(*arguments, **more):
            result = real(*arguments, **more)
            with self._guard:
                new = self._kept_at.with_suffix(".new")
                new.write_bytes(pickle.dumps(self.kept()))
                new.rename(self._kept_at)
            return result

        return called


class KeptOutbox(Outbox):
    """What was handed over was handed over."""

    def __init__(self, path):
        super().__init__()
        self._kept_at = path

    def hand_over(self, news):
        with self._kept_at.open("a") as stream:
            stream.write(json.dumps(news.admin_url) + "\n")

    def alarm(self, news):
        with self._kept_at.open("a") as stream:
            stream.write(json.dumps(["alarm", news.code]) + "\n")


class KeptSite:
    """Tells the site of the other process, at `port`, what to answer."""

    def __init__(self, folder, port):
        self.port, self._kept_at = port, folder / "pages.json"
        self.pages = self

    def __setitem__(self, path, page):
        status, headers, body = page
        self._kept_at.write_text(json.dumps({path: [status, headers, body.decode()]}))


class Mortal(World):
    """The installation in `folder`, as a controller finds it that is started at `now`."""

    def __init__(self, folder, now, port):
        self.folder, self.clock = folder, Clock(now)
        home = folder / "home"
        self.config = load_config({"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})
        self.engine = make_engine(f"sqlite:///{folder}/state.db")
        self.keys = load_keys(self.config.keys)
        self.site = KeptSite(folder, port)
        self.panel = KeptPanel(folder / "accounts", port)
        self.mail = KeptOutbox(folder / "mail")
        self.service = Service(
            Installation(
                self.config,
                self.engine,
                self.keys,
                panel_of=lambda _config, _server: self.panel,
                billing=self.mail,
                clock=self.clock,
            )
        )
        self.worker = self.service.jobs.worker()

    def live_on(self):
        """Do whatever is left until the shop lives; the agent sends again what it does not know to be heard."""
        known = self.service.jobs.listed()
        job = known[0] if known else self.order()
        self._work_while(job, "received", "preparing")
        if (self.panel.base / job.account / ".shoplaunch" / JOB_FILE).exists():
            agent = Agent(self, job)
            agent.restore()
            agent.clean()
        self.serve(job)
        self._work_while(job, "dropped", "restoring", "finishing")

    def _work_while(self, job, *states):
        self.work()
        for _ in range(20):
            if self.job(job).state not in states:
                break
            self.work_later(10)
        # What comes after the last step, too
        self.work()


def die_at(engine, number, when):
    """End this process by SIGKILL right before or after the commit `number` that changes something; return a counter
    (list of the changed tables)."""
    changed, writes = {}, []
    commit = engine.dialect.do_commit

    @sa.event.listens_for(engine, "after_cursor_execute")
    def executed(connection, cursor, statement, parameters, context, executemany):
        if statement.lstrip().upper().startswith(CHANGES):
            changed[id(connection.connection.dbapi_connection)] = statement.split()[:3]

    def committing(connection):
        what = changed.pop(id(getattr(connection, "dbapi_connection", connection)), None)
        if what is not None:
            writes.append(what)
        is_here = what is not None and len(writes) == number
        if is_here and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        commit(connection)
        if is_here:
            os.kill(os.getpid(), signal.SIGKILL)

    engine.dialect.do_commit = committing
    return writes


def hang(folder, now, port):
    """Be a worker in `folder` that stays within the first step of the job, until it is killed."""
    world = Mortal(folder, now, port)
    job = world.order()
    world.panel.before["ensure_account"] = lambda: ((folder / "within").touch(), signal.pause())
    world.worker.drain(job.server)


def run(folder, now, port, number=0, when=""):
    """Be the controller in `folder` until the shop lives, or until the kill (die_at)."""
    world = Mortal(folder, now, port)
    writes = die_at(world.engine, number, when)
    world.live_on()
    (folder / "writes").write_text(json.dumps(writes))
