"""The whole chain for tests: WHMCS with our addon, a whole Shoplaunch, cPanel servers; orders go in at one end."""

import contextlib
import copy
import dataclasses
import pwd
import subprocess

from shared.errors import ShoplaunchError
from tests.fakes.cutting_wire import CuttingWire
from tests.fakes.whm.double import WhmDouble
from tests.fakes.whm.quirks import Quirks
from tests.fakes.whmcs.installation import Installation
from tests.fakes.whmcs.server import IDENTIFIER, SECRET, Options
from tests.fakes.whmcs.server import Whmcs as Api
from tests.fakes.whmcs_php.harness import ORDERS
from tests.fakes.whmcs_php.harness import Whmcs as Addon
from tests.support.servers.ssh_server import SshServer
from tests.support.state.services import job_of_service
from tests.support.waiting import wait_until
from tests.support.worlds.whole import BUNDLE, ENDED, WAIT_SECONDS

PRODUCT = 3
LANGUAGES = {"english": "en", "farsi": "fa"}
ACCESS_KEY = "key!@#$%.()*[]-_7"
#: Long enough for a slow machine, short enough to wait for when an answer is slower.
API_SECONDS = 10
#: The agent's exit code where the next tick is to go on.
NOT_YET = 1
#: By which WHMCS signs what it tells.
KEY = "whmcs"


@dataclasses.dataclass
class Server:
    """A cPanel server the controller knows: its double, who we are there, and its row in WHMCS."""

    name: str
    whm: WhmDouble
    owner: str
    row: int


@dataclasses.dataclass
class Sold:
    """An order in WHMCS: whose it is, for which service, and where the account is or will be."""

    server: Server
    client: int
    order: int
    service: int
    account: str
    domain: str
    email: str
    language: str
    by_cron: bool
    plan: str
    quirks: Quirks | None


class ServerModule:
    """What WHMCS's module for cPanel does: makes and removes the accounts of services."""

    def __init__(self):
        self.sold = {}

    def create(self, service):
        """The service's account is there; unless its agent is started by cron, cron starts nothing for it."""
        sold = self.sold[service]
        whm = sold.server.whm
        if sold.account in whm.state.accounts:
            return
        whm.add_account(
            sold.account, sold.domain, owner=sold.server.owner, email=sold.email, plan=sold.plan, quirks=sold.quirks
        )
        if not sold.by_cron:
            subprocess.run(["usermod", "--expiredate", "1", sold.account], check=True)

    def terminate(self, service):
        """The service's account is gone."""
        sold = self.sold[service]
        if sold.account in sold.server.whm.state.accounts:
            sold.server.whm.remove(sold.account)


class Chain:
    """`sell` is an order; leaving the `with` removes everything but the Shoplaunch that was given."""

    def __init__(self, whole, mariadb):
        self.whole = whole
        self.servers = {}
        #: What must be found nowhere: what it is -> the secret.
        self.secrets = {"WHMCS's API secret": SECRET, "WHMCS's access key": ACCESS_KEY}
        self._stack = contextlib.ExitStack()
        self._mariadb = mariadb

    # -- beginning and end -------------------------------------------------------------------------------------------

    def __enter__(self):
        with self._stack:
            self._settings = self.whole.world.home / "shoplaunch.toml"
            self._stack.callback(self._settings_back, self._settings.read_text("utf-8"))
            self.addon = Addon(self._mariadb)
            self._stack.callback(self.addon.close)
            self.addon.module = ServerModule()
            self.api = Api(books=Installation(self.addon))
            self._stack.callback(self.api.close)
            self.wire = CuttingWire(lambda: self.whole.world.url)
            self._stack.callback(self.wire.close)
            self._introduce()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *reason):
        return self._stack.__exit__(*reason)

    def _introduce(self):
        """Controller and WHMCS know each other."""
        files = {"secret_file": ("whmcs-secret", SECRET), "access_key_file": ("whmcs-key", ACCESS_KEY)}
        for name, text in files.values():
            (self.whole.directory / name).write_text(text)
        settings = {setting: str(self.whole.directory / name) for setting, (name, _) in files.items()}
        settings |= {"url": self.api.url, "identifier": IDENTIFIER, "admin": "support", "key": KEY}
        lines = [f'{name} = "{value}"' for name, value in settings.items()]
        lines += ["department = 2", f"timeout_seconds = {API_SECONDS}", ""]
        self._settings.write_text("\n".join([self._settings.read_text("utf-8"), "[whmcs]", *lines]), "utf-8")
        self._restart()
        key = self.secrets["the addon's secret"] = self.whole.world.json("key", "add", KEY)["secret"]
        self.addon.activate(controller_url=self.wire.url, api_key=KEY, api_secret=key, products=f"{PRODUCT}={BUNDLE}")

    def status(self, sold):
        """Return what the controller says to WHMCS of the service."""
        key = KEY, self.secrets["the addon's secret"]
        return self.whole.signed("GET", f"/api/v1/services/{sold.service}", key=key).json()

    def _settings_back(self, text):
        self._settings.write_text(text, "utf-8")
        self._restart()

    def _restart(self):
        self.whole.world.stop_controller()
        # This process reads the settings anew, too
        self.whole.release()
        self.whole.world.start()

    # -- servers -----------------------------------------------------------------------------------------------------

    def add_server(self, name, *, reseller=False, ssh=False):
        """Return a new cPanel server, known to the controller and to WHMCS; with `ssh` its skeleton is reached so."""
        whm = self._stack.enter_context(WhmDouble())
        user, token = whm.reseller() if reseller else ("root", whm.root_token)
        self.secrets[f"the token of {name}"] = token
        file = self.whole.directory / f"{name}.token"
        file.write_text(token)
        settings = {"http_port": whm.http_port, "skeleton": "reseller" if reseller else "root"}
        if ssh:
            settings["ssh"] = self._open_ssh(name, whm, user)
        options = [word for key, value in settings.items() for word in ("--option", f"{key}={value}")]
        login = ["--url", whm.url, "--user", user, "--token-file", str(file), "--ca", whm.ca_file]
        self.whole.world.run("server", "add", name, "--panel", "cpanel", *login, *options)
        row = self.addon.insert("tblservers", name=name, hostname=whm.ip, username=user, accesshash=token)
        self.servers[name] = Server(name, whm, user, row)
        return self.servers[name]

    def _open_ssh(self, name, whm, user):
        """The controller may log in there by SSH as `user`; return the setting that says so."""
        if user != "root":
            # Without PAM a locked password locks out the key as well
            subprocess.run(["usermod", "-s", "/bin/sh", "-p", "*", user], check=True)
        one = SshServer(user, home=whm.skeleton().parent if user == "root" else None).start()
        self._stack.callback(one.stop)
        known = self.whole.world.home / "ssh_config"
        before = known.read_text() if known.exists() else ""
        own = one.client_config.read_text().replace("Host *\n", f"Host {name}\n HostName 127.0.0.1\n")
        known.write_text(before + own)
        self._stack.callback(known.write_text, before)
        return f"{user}@{name}"

    def install_skeleton(self, server, *words):
        """New accounts of the server are created with launcher and agent, as an operator puts them there."""
        self.whole.world.run("skeleton", "install", server.name, *words)

    def remove_skeleton(self, server):
        """New accounts of the server are created without the skeleton."""
        self.whole.world.run("skeleton", "remove", server.name, "--yes")

    # -- selling -----------------------------------------------------------------------------------------------------

    def order(self, server, *, language="english", by_cron=False, plan="default", habits=None, options=None, **client):
        """A client orders, nothing has come of it yet; for this account alone the server has `habits` (of Quirks), for
        this client alone WHMCS has `options` (of Options)."""
        account = server.whm.new_user()
        email, domain = f"{account}+shop@client.example", f"{account}.example.com"
        number = self.addon.client(email=email, language=language, **client)
        order, service = self.addon.order(
            product=PRODUCT, client=number, server=server.row, username=account, domain=domain
        )
        quirks = None if habits is None else Quirks(**copy.deepcopy(habits))
        code = LANGUAGES.get(language, "en")
        sold = Sold(server, number, order, service, account, domain, email, code, by_cron, plan, quirks)
        self.addon.module.sold[service] = sold
        if options is not None:
            self.api.options_of[str(number)] = Options(**copy.deepcopy(options))
        return sold

    def sell(self, server, *, acts=ORDERS[0], **how):
        """A client orders and pays: the account is made, the order accepted. Return what was sold."""
        sold = self.order(server, **how)
        self.addon.create(sold.service, order=acts)
        self.addon.accept(sold.order)
        return sold

    def find(self, sold):
        """Return the job of what was sold, None when there is none."""
        try:
            job = job_of_service(self.whole.service, str(sold.service))
        except ShoplaunchError:
            return None
        return {"id": job.id, "account": job.account}

    def job(self, sold):
        """Return the job of what was sold, as WHMCS's events made it."""
        self.tell(sold)
        return wait_until(lambda: self.find(sold), lambda: f"no job came; WHMCS says {self.addon.log()}")

    def tell(self, sold):
        """WHMCS has sent all events of the service; what got no answer in the few seconds it waits is sent again."""

        def is_notified():
            self.addon.cron()
            if all(row["state"] != "waiting" for row in self.addon.queue() if row["service_id"] == sold.service):
                return True
            self.addon.due_now()
            return False

        wait_until(is_notified, self.addon.log)

    def page_of_the_account(self, sold, **options):
        """Return what the client gets for the service's own page in WHMCS."""
        client = options.pop("client", sold.client)
        return self.addon.page("/clientarea.php", client=client, action="productdetails", id=sold.service, **options)

    # -- what came of it ---------------------------------------------------------------------------------------------

    def mails(self, sold, name=None):
        """Return the mails about the service, with this template's name when one is given."""
        rows = self.addon.rows("double_mails", relid=sold.service, userid=sold.client)
        return [row for row in rows if name in (None, row["name"])]

    def tickets(self, sold):
        """Return the client's tickets."""
        return [ticket for ticket in self.api.books.tickets if ticket["userid"] == str(sold.client)]

    def cron_lines(self, sold):
        """Return the agent's lines in the account's crontab."""
        return [line for line in self.whole.crontab({"account": sold.account}).splitlines() if "shoplaunch" in line]

    # -- without waiting for cron ------------------------------------------------------------------------------------

    def start_agent(self, sold):
        """Start the launcher as the account, in a session of its own as cron does; return the process."""
        entry = pwd.getpwnam(sold.account)
        return self.whole.as_account({"account": sold.account}, "sh", f"{entry.pw_dir}/.shoplaunch/run")

    def live(self, sold, job):
        """Return the job's status once the shop lives; its agent is started here."""
        self.dropped(job)
        self.left(sold, self.start_agent(sold))
        return self.whole.live(job)

    def left(self, sold, agent):
        """The process `agent` has done its work; where the last answer took too long, with the next tick."""
        if agent.wait(WAIT_SECONDS) == NOT_YET:
            agent = self.start_agent(sold)
        assert agent.wait(WAIT_SECONDS) == 0, self.whole.trouble(self.find(sold))

    def dropped(self, job):
        """Wait until the account holds all that the agent needs."""
        found = self.whole.wait(job, "dropped", *ENDED)
        assert found["state"] == "dropped", self.whole.trouble(job)
