"""A controller in this process, its only server a cPanel server with real accounts, databases, sites and agents."""

import pwd
import subprocess
import time
from pathlib import Path

import requests

from controller.account import Account
from controller.agent_archive.build import build_agent, launcher
from controller.bundles import pipeline as compiler
from controller.bundles.template_plan import make_plan
from controller.db.connection.engine import transact
from controller.db.machines import servers
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.panels.cpanel.api.call_limits import ServerBreaker
from controller.panels.cpanel.api.whm import Login
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.server import Known
from controller.panels.cpanel.settings import CpanelSettings
from controller.panels.cpanel.start.starter import starter_key
from shared.events import make_event
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops import sample_shop
from tests.support.shops.packing import Quiet, server_url
from tests.support.worlds.world import World

SERVER = "cp1"
BUNDLE = "sample"
TEMPLATE_DOMAIN = "template-shop.example"
#: What the template's own host had put into its `.htaccess`.
OLD_BLOCKS = """\
# php -- BEGIN cPanel-generated handler, do not edit
# Set the “ea-php74” package as the default “PHP” programming language.
<IfModule mime_module>
  AddHandler application/x-httpd-ea-php74 .php .php7 .phtml
</IfModule>
# php -- END cPanel-generated handler, do not edit

# BEGIN cPanel-generated php ini directives, do not edit
<IfModule php7_module>
   php_value memory_limit 32M
</IfModule>
# END cPanel-generated php ini directives, do not edit
"""
AGENT_SECONDS = 240
#: How far the controller's clock may be behind: an agent still believes its job file.
CLOCK_BEHIND = 20 * 3600


def install_template(folder, server, domain=TEMPLATE_DOMAIN):
    """Install the sample shop below `folder`, its database in `server` (mariadb); return (root, URL)."""
    root = folder / "template" / "public_html"
    root.parent.mkdir()
    name, user, password = server.new_database()
    url = f"mysql://{user}@localhost/{name}?unix_socket={server.socket}"
    sample_shop.install(root, domain, url, password, "--admin-email", f"owner@{domain}")
    htaccess = root / ".htaccess"
    htaccess.write_text(OLD_BLOCKS + htaccess.read_text())
    return root, server_url(server, name)


def pack_template(root, url, target, server):
    """Pack the shop at `root` into `target`; return controller.bundles.pipeline.Packed."""
    request = compiler.Request(root, target, url, scratch=server_url(server))
    return compiler.pack(request, lambda tree, source: make_plan(tree, source), Quiet())


class CpanelWorld(World):
    """One installation whose server `cp1` is `whm` (tests.fakes.whm.double.WhmDouble). `settings` are the server's;
    `network` tells whether agents reach the controller, `python` whether their accounts have one."""

    def __init__(self, folder, engine, whm, bundle):
        super().__init__(folder, engine)
        # Agents have a clock of their own
        self.clock.now = time.time()
        self.whm = whm
        self.network = self.python = True
        shared = whm.server.directory / "bundles"
        self.settings = {
            "http_port": whm.http_port,
            "https_port": whm.https_port,
            "skeleton": "root",
            "bundle_folder": str(shared),
        }
        self.callbacks = Controller()
        self.callbacks.answer = self.take_event
        object.__setattr__(self.config, "public_url", self.callbacks.url.partition("/api/")[0])
        object.__setattr__(self.config, "tls_ca", whm.ca_file)
        build_agent(self.config.agent / "agent.pyz", self.keys.public_keys())
        (self.config.agent / "run").write_bytes(launcher())
        row = servers.Server(SERVER, "cpanel", settings={"bundle_folder": str(shared)})
        transact(engine, lambda connection: servers.add(connection, row, self.clock()))
        self.service.installation.panel_of = lambda _config, _server: self.open_panel()
        self.give(BUNDLE, bundle)

    def give(self, name, bundle):
        """The controller knows the bundle, and its file lies on the server for all accounts."""
        shared = Path(self.settings["bundle_folder"])
        shared.mkdir(mode=0o755, exist_ok=True)
        place = shared / f"{name}.bundle"
        if not place.exists() or place.read_bytes() != bundle.read_bytes():
            place.write_bytes(bundle.read_bytes())
        return Bundles(self.config, self.engine).add(name, bundle)

    def open_panel(self):
        """Return a new driver object, as every job gets one."""
        login = Login(SERVER, self.whm.url, "root", self.whm.root_token, self.whm.ca_file)
        known = Known(starter_key=starter_key(self.keys.fingerprint_salt), tls_ca=self.whm.ca_file)
        breaker = ServerBreaker(lambda: self.engine, SERVER)
        return CpanelPanel(login, CpanelSettings.from_dict(self.settings), breaker, known=known)

    def rings(self):
        """From now on agents of this server are started at once where that works."""
        transact(self.engine, lambda connection: servers.choose_start(connection, SERVER, servers.AUTO))

    # -- accounts and orders -----------------------------------------------------------------------------------------

    def new_account(self, **options):
        """Return a new account of the server (state.Hosting) for which cron starts nothing: tests do."""
        hosting = self.whm.add_account(**options)
        self.keep_from_cron(hosting.user)
        return hosting

    def keep_from_cron(self, user):
        """Cron starts nothing for the account."""
        subprocess.run(["usermod", "--expiredate", "1", user], check=True)

    def sell(self, hosting=None, **changes):
        """Order a shop in an account that is there; return its job."""
        hosting = hosting or self.new_account()
        values = {"server": SERVER, "bundle": BUNDLE, "account": hosting.user, "domain": hosting.domain}
        return self.order(**{**values, "create_account": False, **changes})

    def sold(self, hosting=None, **changes):
        """Return a job that lies in its account."""
        job = self.sell(hosting, **changes)
        self.work()
        assert self.job(job).state == "dropped", self.status(job)
        return job

    def opened(self, hosting=None, **changes):
        """Return a job whose shop lives."""
        job = self.sold(hosting, **changes)
        self.until(job)
        assert self.job(job).state == "live", self.trouble(job)
        return job

    def hosting(self, job):
        """Return what the server knows of the job's account (state.Hosting)."""
        return self.whm.account(job.account)

    def account(self, job):
        """Return the job's account as the panel reports it."""
        hosting = self.hosting(job)
        return Account(hosting.user, hosting.home, hosting.document_root_path, hosting.domain)

    def root(self, job):
        """Return the document root."""
        return Path(self.hosting(job).document_root_path)

    def agent_folder(self, job):
        """Return the agent's folder."""
        return Path(self.hosting(job).home) / ".shoplaunch"

    def heard(self, job, name, **more):
        """The controller hears of the agent's first event."""
        event = make_event(job.id, self.job(job).attempt, 1, name, self.clock(), **more)
        assert self.take_event(event) is None

    # -- time and agents ---------------------------------------------------------------------------------------------

    def start_agent(self, job):
        """Start the launcher as the account, as its cron line would; return the process."""
        entry = pwd.getpwnam(job.account)
        command = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        command += ["sh", str(self.agent_folder(job) / "run")]
        if not self.network:
            command = ["unshare", "--net", "--", *command]
        if not self.python:
            hide = 'for name in /usr/bin/python3*; do mount --bind /dev/null "$name"; done; exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", hide, "sh", *command]
        environment = {"HOME": entry.pw_dir, "PATH": "/usr/bin:/bin", "LOGNAME": job.account}
        null = subprocess.DEVNULL
        return subprocess.Popen(
            command, env=environment, cwd=entry.pw_dir, start_new_session=True, stdin=null, stdout=null, stderr=null
        )

    def run_agent(self, job):
        """Run the launcher to its end; return the exit code."""
        return self.start_agent(job).wait(AGENT_SECONDS)

    def wait_for_agent(self, job):
        """Wait until no process of the account's agent runs, the shells that start it included."""
        deadline = time.monotonic() + AGENT_SECONDS
        looked_for = ["pgrep", "-u", job.account, "-f", r"/\.shoplaunch/|python"]
        while (found := subprocess.run(looked_for, capture_output=True)).stdout:
            assert time.monotonic() < deadline, found.stdout
            time.sleep(0.05)

    def until(self, job, *states, ticks=60):
        """As cron does, tick after tick, until the job is in one of `states` (default: over) and at rest."""
        states = states or ("live", "failed", "stalled", "cancelled")
        for _ in range(ticks):
            if (self.agent_folder(job) / "run").exists():
                self.run_agent(job)
            self.work()
            if self.job(job).state in states:
                return
            self.clock.pass_by(6)
        raise AssertionError(self.trouble(job))

    def trouble(self, job):
        """Return what helps to understand a job that does not get on."""
        known = job.account in self.whm.state.accounts
        log = self.agent_folder(job) / "agent.log" if known else Path("/nonexistent")
        return f"{self.status(job)}\n{log.read_text(errors='replace')[-3000:] if log.exists() else 'no agent.log'}"

    # -- the shop ----------------------------------------------------------------------------------------------------

    def visit(self, job, path="/", *, https=False):
        """Return the answer to a visitor who knows the server's address; nothing is followed."""
        scheme, port = ("https", self.whm.https_port) if https else ("http", self.whm.http_port)
        session = requests.Session()
        session.mount("https://", _Named(job.domain))
        session.trust_env = False
        headers = {"Host": job.domain if port in (80, 443) else f"{job.domain}:{port}"}
        return session.get(
            f"{scheme}://{self.whm.ip}:{port}{path}",
            headers=headers, verify=self.whm.ca_file, allow_redirects=False, timeout=120,
        )  # fmt: skip

    def arrives(self, job, path=None):
        """Follow a visitor who typed the shop's address; return those on the way, the last one answered with 200."""
        path = path or f"/{job.folder}/".replace("//", "/")
        way, https = [f"http://{job.domain}{path}"], False
        for _ in range(5):
            answer = self.visit(job, path, https=https)
            if answer.status_code not in (301, 302, 303, 307, 308):
                assert answer.status_code == 200, (way, answer.status_code)
                assert job.domain in answer.text
                return way
            way.append(answer.headers["Location"])
            scheme, _, rest = way[-1].partition("://")
            host, _, path = rest.partition("/")
            https, path = scheme == "https", f"/{path}"
            assert host.partition(":")[0] == job.domain, way
        raise AssertionError(f"round and round: {way}")

    def close(self):
        super().close()
        self.callbacks.close()


class _Named(requests.adapters.HTTPAdapter):
    """Certificates are verified for `name`, whatever address is called."""

    def __init__(self, name):
        self._name = name
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, server_hostname=self._name, assert_hostname=self._name, **options)
