"""A living sample shop in a real account, served by PHP over http and, through a TLS proxy, over https; the controller
reaches account, crontab and MariaDB for real, and its follow-up jobs are done by the real agent."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import requests

from controller.account import Account
from controller.agent_archive.build import build_agent, launcher
from controller.jobs.record.sealed_values import private_values
from controller.jobs.shop import tls
from controller.panels.base import DatabaseEndpoint
from controller.panels.local.private_stack.stack import free_port
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.recipe import PrestaShop
from tests.fakes.folder_panel import FolderPanel
from tests.support.packers_view import packers_view
from tests.support.servers.web.controller_stub import Controller
from tests.support.servers.web.relay import Relay
from tests.support.servers.web.tls_site import TlsProxy
from tests.support.shops import sample_shop
from tests.support.worlds.agent_box import Box
from tests.support.worlds.world import DOMAIN, SECRETS, World

OWNER = "owner@example.com"
WAIT_SECONDS = 120


class RealPanel(FolderPanel):
    """The folder panel with a real account (`box`), its crontab, and users in a real MariaDB."""

    def __init__(self, box, server, names, port):
        super().__init__(box.base, port)
        self._box, self._server, self._names = box, server, names
        self.accounts[box.user] = Account(box.user, str(box.home), str(box.root), DOMAIN)
        self.crontabs[box.user] = []

    def database_names(self, account):
        return self._names[:2]

    def database_endpoint(self, account):
        return DatabaseEndpoint("localhost", 3306, self._server.socket)

    def ensure_database(self, account, database):
        self.databases[database] = account.user

    def ensure_database_user(self, account, user, password):
        super().ensure_database_user(account, user, password)
        if user != self._names[1]:
            self._server.query(f"CREATE OR REPLACE USER `{user}`@localhost IDENTIFIED BY %s", password)

    def ensure_privileges(self, account, database, user):
        self.databases[database] = account.user
        super().ensure_privileges(account, database, user)
        self._server.query(f"GRANT ALL ON `{database}`.* TO `{user}`@localhost")

    def remove_database_user(self, account, user):
        super().remove_database_user(account, user)
        assert user != self._names[1], "the shop's own user"
        self._server.query(f"DROP USER IF EXISTS `{user}`@localhost")

    def put_file(self, account, path, content, mode):
        super().put_file(account, path, content, mode)
        self._box.own()

    def ensure_cron(self, account, line):
        if line not in self.cron_lines(account):
            self._box.cron(*self.cron_lines(account), line)

    def cron_lines(self, account):
        return (self._box.crontab or "").splitlines()

    def remove_cron(self, account, marker):
        kept = [line for line in self.cron_lines(account) if not line.endswith(f"# {marker}")]
        self._box.cron(*kept or ["# nothing"])


class RealWorld(World):
    """`shop` is the job of the living shop; `secure` its https (TlsProxy), `plain` its http address."""

    def __init__(self, folder, engine, server, authority):
        super().__init__(folder, engine)
        # The agent has a clock of its own
        self.clock.now = time.time()
        self.server = server
        self.names = server.new_database()
        # Accounts may not enter a test's own folder
        self.sockets = Path(tempfile.mkdtemp(prefix="slsock", dir="/var/tmp"))
        self.sockets.chmod(0o755)
        self.front = None
        self.callbacks = Controller(path=self.sockets / "socket")
        object.__setattr__(self.config, "agent_socket", str(self.sockets / "socket"))
        object.__setattr__(self.config, "public_url", self.callbacks.url.partition("/api/")[0])
        object.__setattr__(self.config, "tls_ca", str(authority.file))
        build_agent(self.config.agent / "agent.pyz", self.keys.public_keys())
        (self.config.agent / "run").write_bytes(launcher())
        self.box = Box(self.callbacks, agent=self.config.agent / "agent.pyz")
        shutil.rmtree(self.box.folder)
        self.port = free_port()
        self.secure = TlsProxy(authority.issue(DOMAIN), self.port)
        self.plain = f"http://127.0.0.1:{self.port}"
        self.panel = RealPanel(self.box, server, self.names, self.port)
        self.panel.tls_port = self.secure.port
        self.callbacks.answer = self.take_event
        try:
            self._install()
            self.shop = self._restored()
        except BaseException:
            self.close()
            raise

    def _install(self):
        """The sample shop is installed in the account, owned by it, and served by PHP."""
        name, user, password = self.names
        shutil.rmtree(self.box.root)
        url = f"mysql://{user}@localhost/{name}?unix_socket={self.server.socket}"
        sample_shop.install(self.box.root, f"{DOMAIN}:{self.port}", url, password, "--admin-email", OWNER)
        shutil.rmtree(self.box.root / "install", ignore_errors=True)
        shutil.copy(sample_shop.SAMPLE / "router.php", self.box.base / "router.php")
        self.box.own()
        os.chmod(self.box.base / "router.php", 0o644)
        # No account's own program may answer for a shop of this machine: the web server listens, PHP is the account's
        behind = free_port()
        self.front = Relay(self.port, behind)
        address = f"127.0.0.1:{behind}"
        command = ["env", "PHP_CLI_SERVER_WORKERS=3", "php", "-d", "display_errors=0", "-S", address]
        self.box.start_other(*command, "-t", str(self.box.root), str(self.box.base / "router.php"))
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            try:
                requests.get(self.plain, headers={"Host": f"{DOMAIN}:{self.port}"}, timeout=WAIT_SECONDS)
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError("PHP never answers")

    def _restored(self):
        """Return the job that is taken to have restored the shop, its bundle's manifest made by the recipe."""
        with packers_view(self.server.socket, self.names[0]) as source:
            template = PrestaShop().inspect(self.box.root, source, PackOptions())
            more = {"nonce": template.nonce, "jobs": dict(template.jobs()), "checks": list(template.checks())}
        self.add_bundle("sample", **more, secrets=SECRETS)
        job, agent = self.dropped(bundle="sample", account=self.box.user, create_account=False)
        (folder,) = self.box.root.glob("admin742sample")
        folder.rename(self.box.root / self.admin_folder(job))
        private = private_values(self.keys, self.job(job))
        self.first_password = private["admin.password"]
        self.query("UPDATE ps_employee SET passwd = %s WHERE email = %s", private["admin.password_hash"], OWNER)
        agent.restore()
        agent.clean()
        self.work()
        assert self.job(job).state == "live", self.status(job)
        return job

    def admin_folder(self, job):
        """Return the name of the back office's folder."""
        return self.job(job).facts["admin_url"].rstrip("/").rpartition("/")[2]

    def tick(self):
        """As cron does: the agent works as far as it comes; then the controller does what is due."""
        if (self.box.folder / "run").exists():
            self.box.run(seconds=WAIT_SECONDS)
        self.work()

    def until(self, condition, ticks=40):
        """Let ticks come until `condition()` holds."""
        for _ in range(ticks):
            self.tick()
            if condition():
                return
            self.clock.pass_by(6)
        raise AssertionError(f"never came: {[self.status(job) for job in self.service.jobs.follow_ups(self.shop.id)]}")

    def query(self, sql, *params):
        """Run one statement in the shop's database."""
        return self.server.query(sql, *params, database=self.names[0])

    def settings(self):
        """Return the shop's settings."""
        return dict(self.query("SELECT name, value FROM ps_configuration"))

    def get(self, path="/", https=False):
        """Return (status, headers, body) as a visitor gets them, nothing followed."""
        if https:
            return self.secure.visit(DOMAIN, path, tls.context(self.config))
        host = {"Host": f"{DOMAIN}:{self.port}"}
        found = requests.get(self.plain + path, headers=host, timeout=WAIT_SECONDS, allow_redirects=False)
        return found.status_code, dict(found.headers), found.content

    def sign_in(self, password):
        """Return whether the back office lets its owner in with `password`."""
        headers = {"Host": f"{DOMAIN}:{self.port}", "X-Requested-With": "XMLHttpRequest"}
        where = f"{self.plain}/{self.admin_folder(self.shop)}/index.php?controller=AdminLogin"
        form = {"submitLogin": "1", "ajax": "1", "email": OWNER, "passwd": password}
        return not requests.post(where, form, headers=headers, timeout=WAIT_SECONDS).json()["hasErrors"]

    def close(self):
        super().close()
        self.secure.close()
        if self.front is not None:
            self.front.close()
        self.box.close()
        self.callbacks.close()
        shutil.rmtree(self.sockets)
        self.server.query(f"DROP DATABASE `{self.names[0]}`")
        self.server.query(f"DROP USER `{self.names[1]}`@localhost")
