"""The double itself: started with `with WhmDouble() as whm:`, asked and changed by tests, gone without a trace."""

import contextlib
import itertools
import random
import socket
import ssl
import threading
import urllib.parse
from pathlib import Path

from tests.fakes.whm.functions import accounts
from tests.fakes.whm.protocol.auth import Door
from tests.fakes.whm.protocol.calls import Calls
from tests.fakes.whm.protocol.server import Port
from tests.fakes.whm.protocol.texts import say
from tests.fakes.whm.quirks import Quirks
from tests.fakes.whm.state import INITIAL_ACLS, Package, Site, State
from tests.fakes.whm.work import hands
from tests.fakes.whm.work.certificates import Authority
from tests.fakes.whm.work.engine import Engine, can_bind

WHM_PORT = 2087
CPANEL_PORT = 2083
_getaddrinfo = socket.getaddrinfo
_ACL_TEXTS = ("acl", "acl_denied", "acl_permission")


class WhmDouble:
    """One cPanel server at an address of its own; leaving the `with` fails when the protocol was violated."""

    def __init__(self, quirks=None):
        self._quirks = quirks or Quirks()
        self._quirks_of = {}
        self._serving = threading.local()
        self.state = State()
        self.calls = Calls()
        self.door = Door(self)
        self.violations = []
        self.dns = {}
        self.background = []
        self._put_off = []
        self._secrets = set()
        self.ip = free_address()
        self.engine = Engine(self.ip)
        self._acl_texts = itertools.cycle(_ACL_TEXTS)
        self._ports = []
        self._guard = threading.Lock()

    # -- beginning and end -------------------------------------------------------------------------------------------

    def start(self):
        """Everything runs."""
        self.engine.start()
        folder = Path(self.server.directory) / "tls"
        folder.mkdir(mode=0o700)
        self.authority = Authority(folder)
        self.engine.tls.start(self.authority.self_signed("server.host.example"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority.issue(self.ip))
        for door, port in (("whm", WHM_PORT), ("cpanel", CPANEL_PORT)):
            listening = Port(self, door, (self.ip, port if can_bind(self.ip, port) else 0), context)
            listening.start()
            self._ports.append(listening)
        self.root_token = self.state.new_token("root", everything=True).secret
        return self

    def close(self):
        """Nothing is left: no account, no database, no process, no file."""
        for port in self._ports:
            port.shutdown()
            port.server_close()
        for thread in self.background:
            thread.join()
        self.engine.stop(self.state.accounts.values())

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            self.check()

    def violation(self, text):
        """Remember that a client did what no client may do."""
        with self._guard:
            self.violations.append(text)

    def look_at_address(self, target, secrets):
        """What was a secret in this or an earlier call, and every token, must not be in an address."""
        with self._guard:
            self._secrets |= secrets
            known = {*self._secrets, *(token.secret for token in self.state.tokens)}
        plain = urllib.parse.unquote_plus(target)
        if any(secret in target or secret in plain for secret in known):
            self.violation(f"a secret is in the address of a call of {target.partition('?')[0]}")

    def check(self):
        """Fail when a client did what no client may do."""
        assert not self.violations, "\n".join(self.violations)

    # -- its habits --------------------------------------------------------------------------------------------------

    @property
    def quirks(self):
        """The habits that count for the account this thread works for: its own when it was given some."""
        return self._quirks_of.get(getattr(self._serving, "user", None), self._quirks)

    @quirks.setter
    def quirks(self, quirks):
        self._quirks = quirks

    def give_habits(self, user, quirks):
        """For this account alone, there or not yet, the server has the habits `quirks`."""
        self._quirks_of[user] = quirks

    @contextlib.contextmanager
    def serving(self, user):
        """What this thread does within is done for the account `user`."""
        before = getattr(self._serving, "user", None)
        self._serving.user = user
        try:
            yield
        finally:
            self._serving.user = before

    def put_off(self, user, work):
        """Carry out a call for the account `user` later; nobody waits for its answer any more."""
        with self._guard:
            self._put_off.append((user, work))

    def catch_up(self):
        """Carry out what was put off; return how many calls that were."""
        with self._guard:
            waiting, self._put_off = self._put_off, []
        for user, work in waiting:
            with self.serving(user):
                work()
        return len(waiting)

    # -- where it is -------------------------------------------------------------------------------------------------

    @property
    def server(self):
        """The machine behind it (tests.support.servers.local_server.LocalServer)."""
        return self.engine.server

    @property
    def url(self):
        """The address for WHM calls."""
        return f"https://{self.ip}:{self._ports[0].server_address[1]}"

    @property
    def cpanel_url(self):
        """The address for an account's own calls."""
        return f"https://{self.ip}:{self._ports[1].server_address[1]}"

    @property
    def ca_file(self):
        """The CA a client must trust, as a path."""
        return str(self.authority.ca_file)

    @property
    def http_port(self):
        """The port of the sites; 80 unless somebody holds that on every address."""
        return self.engine.http_port

    @property
    def https_port(self):
        """The port of the sites over TLS; 443 unless somebody holds that on every address."""
        return self.engine.tls.port

    # -- who may do what ---------------------------------------------------------------------------------------------

    def reseller(self, user=None, acls=INITIAL_ACLS):
        """Return (user, token) of a reseller with an account of its own, made when there is none."""
        user = user or self.new_user()
        if user not in self.state.accounts:
            self.add_account(user, owner=user)
        self.state.resellers.add(user)
        self.engine.make_skeleton(self.account(user))
        return user, self.token(user, acls)

    def token(self, user="root", acls=INITIAL_ACLS):
        """Return a new token of a WHM user that may do `acls` and nothing else."""
        return self.state.new_token(user, acls=frozenset(acls)).secret

    def cpanel_token(self, user):
        """Return a new token of a cPanel account, for `cpanel_url`."""
        return self.state.new_token(user, door="cpanel").secret

    def revoke(self, secret):
        """The token is worth nothing any more."""
        with self.state.guard:
            self.state.tokens = [token for token in self.state.tokens if token.secret != secret]

    def unlock(self):
        """Failed logins are forgotten."""
        self.door.unlock()

    # -- accounts and packages ---------------------------------------------------------------------------------------

    def new_user(self):
        """Return an account name nobody has."""
        return self.server.new_user()

    def add_account(self, user=None, domain=None, owner="root", plan="default", email="owner@example.com", quirks=None):
        """Return a new account (state.Hosting) that was there before anybody called; the server has the habits
        `quirks` for this account alone when they are given."""
        user = user or self.new_user()
        if quirks is not None:
            self.give_habits(user, quirks)
        with self.serving(user):
            return accounts.create(self, (user, domain or f"{user}.test"), owner=owner, plan=plan, email=email)

    def add_package(self, name, **values):
        """Return a new package (state.Package): maxsql, quota, features_off, owner."""
        values["features_off"] = frozenset(values.get("features_off", ()))
        package = self.state.packages[name] = Package(name, **values)
        return package

    def add_domain(self, user, domain, kind="addon", root=None):
        """The account has a further domain (state.Site): an addon or sub domain with a root of its own, which is
        `root` below the home, or a parked one, which is served as the main domain is."""
        account = self.account(user)
        name = {"addon": f"{domain.partition('.')[0]}.{account.domain}", "sub": domain, "parked": account.domain}[kind]
        path = account.document_root_path if kind == "parked" else f"{account.home}/{root or domain}"
        if hands.run(account, "stat", path) is None:
            hands.run(account, "mkdir", path, mode=0o750)
        account.sites[domain] = Site(domain, kind, name, path, account.php)
        self.engine.more.serve(account)
        return account.sites[domain]

    def account(self, user):
        """Return what the server knows about an account (state.Hosting)."""
        return self.state.accounts[user]

    def suspend(self, user, reason="unpaid"):
        """The account is suspended."""
        accounts.suspend(self, self.account(user), reason)

    def unsuspend(self, user):
        """The account is as before."""
        accounts.unsuspend(self, self.account(user))

    def remove(self, user):
        """The account is gone, as if somebody else had removed it."""
        accounts.remove(self, self.account(user))

    def rename(self, user, new):
        """The account has another name from now on, as if somebody else had renamed it."""
        accounts.rename(self, self.account(user), new)

    def skeleton(self, owner="root"):
        """Return the path of root's or a reseller's `cpanel3-skel`."""
        return self.engine.root_skeleton if owner == "root" else Path(self.account(owner).home) / "cpanel3-skel"

    def getaddrinfo(self, host, *args, **options):
        """Resolve names as the world does when `dns` is all it knows of them; to be put in place of the real one."""
        if host in self.dns:
            host = self.dns[host]
        elif isinstance(host, str) and host.endswith((".test", ".example", ".invalid")):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return _getaddrinfo(host, *args, **options)

    # -- words -------------------------------------------------------------------------------------------------------

    def say(self, key, **names):
        """Return a text as this server words it."""
        return say(self.quirks, key, **names)

    def next_acl_text(self):
        """Return the key of the next of the three ways of saying that a privilege is missing."""
        with self._guard:
            return next(self._acl_texts)


def free_address():
    """Return an address of this machine at which all of the server's ports are free."""
    for _ in range(100):
        ip = f"127.{random.randint(64, 126)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        if all(can_bind(ip, port) for port in (WHM_PORT, CPANEL_PORT, 80, 443)):
            return ip
    return ip
