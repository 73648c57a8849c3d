"""The whole chain for tests: WHMCS with our addon, a whole Shoplaunch, cPanel servers; orders go in at one end."""

import contextlib
import dataclasses
import pwd
import subprocess

from tests.fakes.whm.double import WhmDouble
from tests.fakes.whmcs.server import IDENTIFIER, SECRET
from tests.fakes.whmcs.server import Whmcs as Api
from tests.fakes.whmcs_php.harness import ORDERS
from tests.fakes.whmcs_php.harness import Whmcs as Addon
from tests.whole import BUNDLE, wait_for

PRODUCT = 3
LANGUAGES = {"english": "en", "farsi": "fa"}


@dataclasses.dataclass
class Server:
    """A cPanel server the controller knows: its double, who we are there, and its row in WHMCS."""

    name: str
    whm: WhmDouble
    owner: str
    row: int


@dataclasses.dataclass
class Sold:
    """An order in WHMCS: whose it is, for which service, and where the account is."""

    server: Server
    client: int
    order: int
    service: int
    account: str
    domain: str
    email: str
    language: str


class Chain:
    """`sell` is an order; leaving the `with` removes everything but the Shoplaunch that was given."""

    def __init__(self, whole, mariadb):
        self.whole = whole
        self.servers = {}
        self._stack = contextlib.ExitStack()
        self._mariadb = mariadb
        self._numbers = 0

    # -- beginning and end -------------------------------------------------------------------------------------------

    def __enter__(self):
        with self._stack:
            self._settings = self.whole.world.home / "shoplaunch.toml"
            self._stack.callback(self._settings_back, self._settings.read_text("utf-8"))
            self.api = Api()
            self._stack.callback(self.api.close)
            self.addon = Addon(self._mariadb)
            self._stack.callback(self.addon.close)
            self._introduce()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *reason):
        return self._stack.__exit__(*reason)

    def _introduce(self):
        """Controller and WHMCS know each other."""
        secret = self.whole.directory / "whmcs-secret"
        secret.write_text(SECRET)
        self.configure(url=self.api.url, identifier=IDENTIFIER, secret_file=str(secret), department=2, admin="support")
        key = self.whole.world.json("key", "add", "whmcs")["secret"]
        self.addon.activate(
            controller_url=self.whole.world.url, api_key="whmcs", api_secret=key, products=f"{PRODUCT}={BUNDLE}"
        )

    def configure(self, **values):
        """Section [whmcs] of the controller says this; it is started anew."""
        lines = [
            f"{name} = {value}" if isinstance(value, int) else f'{name} = "{value}"' for name, value in values.items()
        ]
        self._settings.write_text("\n".join([self._settings.read_text("utf-8"), "[whmcs]", *lines, ""]), "utf-8")
        self._restart()

    def _settings_back(self, text):
        self._settings.write_text(text, "utf-8")
        self._restart()

    def _restart(self):
        self.whole.world.stop_controller()
        self.whole.world.start()

    def add_server(self, name, *, reseller=False, skeleton=True, quirks=None, **options):
        """Return a new cPanel server, known to the controller and to WHMCS."""
        whm = self._stack.enter_context(WhmDouble(quirks))
        user, token = whm.reseller() if reseller else ("root", whm.root_token)
        files = self.whole.directory / name
        files.with_suffix(".token").write_text(token)
        arguments = ["--panel", "cpanel", "--url", whm.url, "--user", user, "--ca", whm.ca_file]
        settings = {"http_port": whm.http_port, "skeleton": "reseller" if reseller else "root", **options}
        if not skeleton:
            settings["skeleton"] = "none"
        for key, value in settings.items():
            arguments += ["--option", f"{key}={value}"]
        self.whole.world.run("server", "add", name, *arguments, "--token-file", str(files.with_suffix(".token")))
        row = self.addon.insert("tblservers", name=name, hostname=whm.ip, username=user)
        self.servers[name] = Server(name, whm, user, row)
        return self.servers[name]

    # -- selling -----------------------------------------------------------------------------------------------------

    def sell(self, server, *, language="english", sequence=ORDERS[0], **client):
        """A client orders and pays: the account is made, the order accepted. Return what was sold."""
        self._numbers += 1
        account = server.whm.new_user()
        email = f"{account}+shop@client.example"
        number = self.addon.client(email=email, language=language, **client)
        self.api.books.add_client(str(number), email=email, language=language)
        domain = f"{account}.example.com"
        order, service = self.addon.order(
            product=PRODUCT, client=number, server=server.row, username=account, domain=domain
        )
        self.api.books.add_service(str(service), client=str(number), orderid=str(order), domain=domain)
        server.whm.add_account(account, domain, owner=server.owner, email=email)
        sold = Sold(server, number, order, service, account, domain, email, LANGUAGES[language])
        self.addon.create(service, order=sequence)
        self.addon.accept(order)
        return sold

    def job(self, sold):
        """Return the job of what was sold, as WHMCS's events made it."""
        self.addon.cron()
        return wait_for(lambda: self._find(sold), lambda: f"no job came; WHMCS says {self.addon.log()}")

    def _find(self, sold):
        from shared.errors import ShoplaunchError

        try:
            job = self.whole.service.find_service(str(sold.service))
        except ShoplaunchError:
            return None
        return {"id": job.id, "account": job.account}

    def page_of_the_account(self, sold, **options):
        """Return what the client gets for the service's own page in WHMCS."""
        client = options.pop("client", sold.client)
        return self.addon.page("/clientarea.php", client=client, action="productdetails", id=sold.service, **options)

    # -- what came of it ---------------------------------------------------------------------------------------------

    def mails(self, sold):
        """Return the mails the client got from WHMCS."""
        return [mail for mail in self.api.books.mails if mail["userid"] == str(sold.client)]

    def tickets(self, sold):
        """Return the client's tickets."""
        return [ticket for ticket in self.api.books.tickets if str(ticket.get("userid")) == str(sold.client)]

    # -- without waiting for cron ------------------------------------------------------------------------------------

    def run_agent(self, sold):
        """Start the launcher as the account, as its cron line would; return its exit code."""
        entry = pwd.getpwnam(sold.account)
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        environment = {"HOME": entry.pw_dir, "PATH": "/usr/bin:/bin", "LOGNAME": sold.account}
        command = [*drop, "sh", f"{entry.pw_dir}/.shoplaunch/run"]
        return subprocess.run(command, env=environment, cwd=entry.pw_dir, check=False, timeout=300).returncode

    def live(self, sold, job):
        """Return the job's status once the shop lives; its agent is started here unless cron was faster."""
        self.whole.wait(job, "dropped", "restoring", "finishing", "live", "failed", "stalled")
        with contextlib.suppress(KeyError):
            self.run_agent(sold)
        return self.whole.live(job)
