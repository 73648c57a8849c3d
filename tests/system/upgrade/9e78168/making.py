"""The installation as it is made, on a clock of its own."""

import fcntl
import json
import logging
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

from itsdangerous import TimestampSigner
from werkzeug.serving import make_server

from controller import installation
from controller.billing.base import Billing
from controller.config import load_config
from controller.db import servers
from controller.db.engine import make_engine, transact
from controller.jobs.service import Service
from controller.keys import load_keys
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.agent_archive import sources_of, write_members
from tests.agent_box import killing_agent
from tests.clock import Clock
from tests.whole import TEMPLATE_DOMAIN, Whole

#: Where the installation lived: its paths are in job files, rows and shops.
HOME = Path("/tmp/shoplaunch-earlier")
PORT, SITE_PORT = 18473, 18474
#: When it was made, as its own clock tells.
BEGIN = 1_704_067_200.0
#: Job files that are still valid when they are read.
JOB_HOURS = 1_000_000
#: Between two looks of the worker: little, for agents that wait must not be given up as silent.
PAUSE = 0.25
OPERATOR, PASSWORD = "nora", "throw-away-operator"
CPANEL_TOKEN = "THROWAWAYTOKENOFADOUBLE0123456789"
MAIL = "owner@shop.example"

#: What an agent runs first: its clock goes on from the controller's.
CLOCK = """
import time

_real, _began, _gmtime = time.time, time.time(), time.gmtime
time.time = lambda: {begin} + _real() - _began
time.gmtime = lambda seconds=None: _gmtime(time.time() if seconds is None else seconds)
"""


class Failing(Billing):
    """Nobody can be told anything now."""

    def hand_over(self, news):
        raise ShoplaunchError("mail_failed", "the mail server is away")

    def alarm(self, news):
        raise ShoplaunchError("mail_failed", "the mail server is away")


class Linking(Billing):
    """The client gets a link to the password."""

    credentials = "link"

    def __init__(self):
        self.links = []

    def hand_over(self, news):
        self.links.append(news.password_link)

    def alarm(self, news):
        raise AssertionError("nothing fails here")


class Maker(Whole):
    """The installation as it is made; accounts are called `sle` and what they are about."""

    def __init__(self):
        from world import World

        # Tests use the same paths
        self._lock = Path(f"{HOME}.lock").open("a")  # noqa: SIM115 - held until the end
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        HOME.mkdir(mode=0o755)
        HOME.chmod(0o755)
        self.directory, self.prefix = HOME, "sle"
        (HOME / "http-port").write_text(str(SITE_PORT))
        self.world = World(HOME, prefix="sle")
        self.template, self._handmade, self._key, self._service = {}, [], None, None
        self.clock = Clock(BEGIN)
        self.known = {"jobs": {}, "accounts": {}, "private": {}}
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        TimestampSigner.get_timestamp = lambda _signer: int(self.clock())
        socket.gethostname = lambda: "controller"

    # -- beginning and end ---------------------------------------------------------------------------------------

    def begin(self):
        """Services, settings, keys, operator, servers, bundles."""
        world = self.world
        world.accounts.mkdir()
        world.accounts.chmod(0o755)
        world.mail.mkdir()
        world.stack.start()
        world.home.mkdir()
        world._write_settings(PORT)
        settings = world.home / "shoplaunch.toml"
        settings.write_text(f"job_hours = {JOB_HOURS}\n" + settings.read_text())
        world.run("init", "--user", OPERATOR)
        installation.set_operator(load_config(world.environment()), OPERATOR, PASSWORD)
        self.known["key"] = {"name": "billing", "secret": world.json("key", "add", "billing")["secret"]}
        self._pack()
        world.run("server", "add", "thishost", "--panel", "local")
        world.run("skeleton", "install", "thishost")
        config = load_config(world.environment())
        self.config, self.keys = config, load_keys(config.keys)
        self.engine = make_engine(config.database_url)
        row = servers.Server(
            "cp1", "cpanel", "https://cp1.example:2087", "root", self.keys.encrypt(CPANEL_TOKEN),
            settings={"skeleton": "none"},
        )  # fmt: skip
        transact(self.engine, lambda connection: servers.add(connection, row, self.clock()))
        self.linking = Linking()
        self.made = self.telling(None)
        self.answering()

    def _pack(self):
        from world import SAMPLE_VARIANTS

        root, url, password = self.world.install_sample(TEMPLATE_DOMAIN)
        self._make_small(root)
        bundle, second = HOME / "sample.bundle", HOME / "second.bundle"
        self.world.pack(root, url, password, bundle, SAMPLE_VARIANTS)
        dump = HOME / "template.sql"
        socket_path = str(self.world.stack.mariadb_socket)
        with dump.open("wb") as stream:
            command = ["mariadb-dump", "--no-defaults", f"--socket={socket_path}", "-uroot", "sl_template"]
            subprocess.run(command, check=True, stdout=stream)
        self.world.run("pack", "--docroot", str(root), "--dump", str(dump), "-o", str(second))
        self.world.run("bundle", "add", "sample", str(bundle))
        self.world.run("bundle", "add", "second", str(second))
        for path in (bundle, second, dump):
            path.unlink()
        shutil.rmtree(root.parent)

    def _make_small(self, root):
        """What cannot be compressed would be most of what is kept: the template has little of it."""
        pictures = sorted(root.glob("img/**/*.jpg"), key=lambda path: path.stat().st_size)
        for path in pictures:
            path.write_bytes(pictures[0].read_bytes())
        with self.connect("sl_template", autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE ps_sampledocument SET content = LEFT(content, 300), sha1 = UNHEX(SHA1(content))")
            cursor.execute("DELETE FROM ps_samplestats ORDER BY day, url LIMIT 12000")

    def telling(self, billing):
        return Service(self.config, self.engine, self.keys, billing=billing, clock=self.clock)

    @property
    def service(self):
        """The service whose news go by mail."""
        return self.made

    def answering(self):
        """The controller answers agents."""
        self._web = make_server("127.0.0.1", PORT, create_app(self.config, self.made), threaded=True)
        threading.Thread(target=self._web.serve_forever, daemon=True).start()

    def silent(self):
        """Nobody answers agents."""
        self._web.shutdown()
        self._web.server_close()

    # -- jobs ----------------------------------------------------------------------------------------------------

    def order(self, key, *, create=False, **more):
        """Order a shop for the account `sle` + key, which is there unless it is to be created; return the job."""
        user = f"sle{key}"
        if not create:
            self.account(user)
        order = {
            "server": "thishost", "bundle": "sample", "domain": f"{user}.localhost", "email": MAIL, "account": user,
            "shop_name": "Tea & 'Saffron' فروشگاه", "first_name": "Nora", "language": "en", **more,
        }  # fmt: skip
        if create:
            order["create_account"] = True
        self.clock.pass_by(PAUSE)
        return self.keep(key, self.made.place_order(order, "command"))

    def keep(self, key, job):
        """Remember the job by its key; return it as the helpers of Whole take it."""
        self.known["jobs"][key] = job.id
        return {"id": job.id, "account": job.account, "domain": job.domain}

    def account(self, user, expires=True):
        """Make an account as an operator might by hand; cron starts nothing for one that expires."""
        self._handmade.append(user)
        command = ["useradd", "--create-home", "--home-dir", str(self.world.accounts / user), "--skel", "/etc/skel"]
        more = ["--expiredate", "1"] if expires else []
        subprocess.run([*command, "--user-group", "--shell", "/bin/sh", *more, user], check=True)

    def advance(self, job, *states, service=None):
        """The worker moves the job on until it is in one of `states`."""
        for _ in range(100):
            self.clock.pass_by(PAUSE)
            (service or self.made).advance(job["id"])
            found = self.made.get_job(job["id"])
            if found.state in states:
                return found
        raise AssertionError(self.trouble(job))

    def dropped(self, key, **more):
        """Return a job whose agent lies in the account."""
        job = self.order(key, **more)
        self.advance(job, "dropped")
        return job

    def told(self, job, service=None):
        """The client of a shop that lives was told, or could not be."""
        for _ in range(100):
            if self.made.service_status(self.made.get_job(job["id"]))["steps"][-1]["state"] in ("done", "skipped"):
                break
            self.clock.pass_by(PAUSE)
            (service or self.made).advance(job["id"])

    def living(self, key, service=None, **more):
        """Return a job whose shop lives."""
        job = self.dropped(key, **more)
        assert self.run_agent(job) == 0, self.trouble(job)
        self.advance(job, "live", service=service)
        self.told(job, service)
        return job

    def start_agent(self, job):
        """Start the launcher; the agent's clock is ours."""
        agent = self.folder(job) / "agent.pyz"
        files = sources_of(agent)
        files["earlier.py"] = CLOCK.format(begin=self.clock()).encode()
        start = b"from agent.cli import leave, main\n"
        assert start in files["__main__.py"]
        files["__main__.py"] = files["__main__.py"].replace(start, b"import earlier\n" + start)
        write_members(agent, files)
        return super().start_agent(job)

    def as_it_was(self, job):
        """The agent in the account is the one that was put there."""
        agent = self.folder(job) / "agent.pyz"
        if agent.exists():
            agent.write_bytes((self.config.agent / "agent.pyz").read_bytes())

    def run_agent(self, job):
        """Run the launcher to its end; return the exit code."""
        code = super().run_agent(job)
        self.as_it_was(job)
        return code

    def stopped_in_the_import(self, job):
        """The agent is killed once the ledger knows a chunk."""
        super().stopped_in_the_import(job)
        self.as_it_was(job)

    def dies(self, job, start, at):
        """The agent is killed at the change `at` of names from the stage `start` on."""
        agent, home = self.folder(job) / "agent.pyz", self.home(job)
        entry = self.identity(job)
        killing_agent(agent, agent)
        (home / "kill.json").write_text(json.dumps({"from": start, "at": at}))
        os.chown(home / "kill.json", entry.pw_uid, entry.pw_gid)
        assert self.run_agent(job) == -9, self.trouble(job)
        for name in ("kill.json", "changes"):
            (home / name).unlink()

    def trouble(self, job):
        """Return what helps to understand a job that does not get on."""
        log = self.folder(job) / "agent.log"
        status = {key: value for key, value in self.show(job).items()}
        return json.dumps(status, indent=1) + (log.read_text() if log.exists() else "")
