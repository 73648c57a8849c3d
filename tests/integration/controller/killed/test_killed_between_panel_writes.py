"""The controller killed between the writes by which launcher, agent, job and cron line come into an account."""

import json
import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import time

import pytest

from controller.agent_archive.build import build_agent, launcher
from controller.db.connection.engine import make_engine, transact
from controller.db.machines import servers
from controller.db.migrate import upgrade
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.jobs.lifecycle import lease
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.keys import ensure_keys, load_keys
from controller.settings.loading import load_config
from shared.job import AGENT_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE, cron_line
from tests.integration.controller import placing
from tests.support.servers.local_server import LocalServer
from tests.support.shops.handmade import Handmade
from tests.support.worlds.world import Outbox

SECONDS = 300
TICKS = 5
WRITES = [FOLDER, f"{FOLDER}/{AGENT_FILE}", f"{FOLDER}/{LAUNCHER_FILE}", f"{FOLDER}/{JOB_FILE}", "crontab"]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.integration.controller.placing"])


@pytest.fixture(scope="module")
def server():
    made = LocalServer()
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="module")
def installation(server, mariadb_server):
    """The folder of an installation with agent and bundle, to be copied; accounts may read what is for them."""
    folder = server.directory / "installation"
    config = load_config({"SHOPLAUNCH_HOME": str(folder)})
    config.agent.mkdir(parents=True)
    ensure_keys(config.keys)
    build_agent(config.agent / AGENT_FILE, load_keys(config.keys).public_keys())
    (config.agent / LAUNCHER_FILE).write_bytes(launcher())
    engine = make_engine(f"sqlite:///{folder}/state.db")
    upgrade(engine)
    transact(engine, lambda connection: servers.add(connection, servers.Server("here", "local"), time.time()))
    secret = {"name": "secret.cookie_key", "format": "alnum", "length": 32}
    Handmade(mariadb_server).write(folder / "made.bundle", secrets=[secret])
    Bundles(config, engine).add("classic", folder / "made.bundle")
    engine.dispose()
    return folder


class Order:
    """An order for a new account of `server`, in an installation of its own."""

    def __init__(self, server, installation, controller):
        self.server, self.controller, self.now = server, controller, time.time()
        self.user = server.new_user()
        self.folder = installation.with_name(self.user)
        shutil.copytree(installation, self.folder)
        self.url = f"http://127.0.0.1:{controller.port}"
        engine = make_engine(f"sqlite:///{self.folder}/state.db")
        config = load_config({"SHOPLAUNCH_HOME": str(self.folder), "SHOPLAUNCH_PUBLIC_URL": self.url})
        controller.listen_at(config.agent_socket_path)
        service = Service(Installation(config, engine, load_keys(config.keys), billing=Outbox()))
        order = {"server": "here", "bundle": "classic", "domain": f"{self.user}.test", "email": "owner@example.com"}
        more = {"account": self.user, "create_account": True, "shop_name": "Anna's Shop", "language": "en"}
        self.job = service.orders.place({**order, **more}, source="command")
        engine.dispose()

    def prepare(self, later=0.0, number=0, when=""):
        """Let a controller prepare the account `later` (seconds); return what its process ended with."""
        arguments = (self.folder, placing.settings_of(self.server), self.url, self.now + later, number, when)
        process = PROCESSES.Process(target=placing.run, args=arguments)
        process.start()
        process.join(SECONDS)
        return process.exitcode

    def check_dropped(self, about):
        """There is one of everything, and nothing half."""
        panel = self.server.panel()
        account = panel.find_account(self.user)
        assert panel.list_folder(account, FOLDER) == sorted([AGENT_FILE, JOB_FILE, LAUNCHER_FILE]), about
        assert panel.cron_lines(account) == [cron_line(self.job.id)], about

    def check_restored(self, about):
        """The agent, started as cron does it, makes the shop and leaves."""
        panel = self.server.panel()
        account = panel.find_account(self.user)
        for _ in range(TICKS):
            if panel.list_folder(account, FOLDER) is not None:
                self._tick(account)
        assert panel.list_folder(account, FOLDER) is None, (about, self.controller.events[-1:])
        assert panel.cron_lines(account) == [], about
        database, _ = panel.database_names(account)
        assert self.server.query(f"SELECT COUNT(*) FROM `{database}`.ps_product") == ((2000,),), about
        assert panel.read_file(account, "public_html/index.php") == b"<?php echo 'shop';\n", about
        assert [event["attempt"] for event in self.controller.accepted("finished")] == [1], about

    def _tick(self, account):
        entry = pwd.getpwnam(self.user)
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        environment = {"HOME": account.home, "PATH": "/usr/bin:/bin", "LOGNAME": self.user}
        command = [*drop, "sh", os.path.join(account.home, FOLDER, LAUNCHER_FILE)]
        subprocess.run(command, env=environment, cwd="/", stdin=subprocess.DEVNULL, check=False, timeout=SECONDS)


def test_these_are_the_writes_in_this_order(server, installation, controller):
    order = Order(server, installation, controller)
    assert order.prepare() == 0
    assert json.loads((order.folder / "writes").read_text()) == WRITES
    order.check_dropped("undisturbed")
    order.check_restored("undisturbed")


@pytest.mark.sampled(of=3, each=("number",))
@pytest.mark.parametrize("when", ["before", "within", "after"])
@pytest.mark.parametrize("number", range(1, len(WRITES) + 1), ids=lambda number: WRITES[number - 1].rpartition("/")[2])
def test_killed_at_any_of_them_the_next_controller_leaves_one_of_each_and_the_shop_is_restored(
    server, installation, controller, number, when
):
    order = Order(server, installation, controller)
    assert order.prepare(0.0, number, when) == -signal.SIGKILL
    # The dead one's lease has to run out
    assert order.prepare(lease.SECONDS + 1) == 0
    order.check_dropped((number, when))
    order.check_restored((number, when))
