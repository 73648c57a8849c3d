"""What the server remembers: hosting accounts, resellers, packages, tokens; the work itself is on the machine."""

import secrets
import threading
import time
from dataclasses import dataclass, field

#: What a reseller's token may do unless a test says otherwise; the reference names these.
INITIAL_ACLS = ("cpanel-api", "acct-summary", "list-accts", "create-acct", "kill-acct", "suspend-acct")
ALL_ACLS = (*INITIAL_ACLS, "passwd", "create-user-session", "manage-api-tokens")

FEATURES = ("mysql", "cron", "autossl", "multiphp", "filemanager", "backup", "sslinstall", "apitokens")


@dataclass
class Package:
    """A hosting plan; `maxsql` None is unlimited, `quota` is in megabytes, 0 unlimited."""

    name: str
    maxsql: int | None = None
    quota: int = 0
    features_off: frozenset = frozenset()
    owner: str = "root"


@dataclass
class Site:
    """A further domain of an account, absolute `root`; `name` is what its virtual host goes by."""

    domain: str
    kind: str  # addon | sub | parked
    name: str
    root: str
    php: str


@dataclass
class Hosting:
    """A cPanel account; `uid` and `home` are the real ones."""

    user: str
    domain: str
    owner: str
    plan: str
    email: str
    base: str
    document_root: str
    ip: str
    started: float = field(default_factory=time.time)
    suspended: bool = False
    suspend_reason: str = ""
    suspended_at: float = 0.0
    quota_full: bool = False
    maxsql: int | None = None
    php: str = ""
    php_chosen: set = field(default_factory=set)  # virtual hosts whose PHP is not the server's own
    mail_to: str = ""
    databases: set = field(default_factory=set)
    database_users: set = field(default_factory=set)
    grants: dict = field(default_factory=dict)
    features_off: set = field(default_factory=set)
    sites: dict = field(default_factory=dict)  # domain -> Site
    autossl_problems: list = field(default_factory=list)
    autossl_running: bool = False
    certificate: str = ""
    guard: threading.RLock = field(default_factory=threading.RLock, repr=False)
    late: int = 0  # so many looks do not see it yet

    @property
    def home(self):
        """The absolute path of the home."""
        return f"{self.base}/{self.user}"

    @property
    def document_root_path(self):
        """The absolute path of the document root."""
        return f"{self.home}/{self.document_root}"


@dataclass
class Token:
    """An API token of a WHM user, or of a cPanel account when `door` is cpanel."""

    user: str
    secret: str
    door: str = "whm"
    acls: frozenset = frozenset(ALL_ACLS)
    name: str = "shoplaunch"
    everything: bool = False
    expires_at: int = 0


class State:
    """Everything remembered, under one lock for what concerns several accounts."""

    def __init__(self):
        self.guard = threading.RLock()
        self.accounts = {}
        self.packages = {"default": Package("default")}
        self.tokens = []
        self.resellers = set()
        self.pending = set()

    def new_token(self, user, **values):
        """Return a new token of `user`."""
        token = Token(user, secrets.token_hex(16).upper(), **values)
        with self.guard:
            self.tokens.append(token)
        return token

    def find_token(self, door, user, secret):
        """Return the token, None when there is none or it has expired."""
        now = time.time()
        with self.guard:
            for token in self.tokens:
                same = (token.door, token.user) == (door, user) and secrets.compare_digest(token.secret, secret)
                if same and not (token.expires_at and token.expires_at < now):
                    return token
        return None

    def visible(self, token, user):
        """Return the account `user` when `token` may see it, else None."""
        account = self.accounts.get(user)
        if account is not None and account.late > 0:
            account.late -= 1
            return None
        if account is None or token.everything:
            return account
        return account if token.user in (account.owner, account.user) else None

    def all_visible(self, token):
        """Return the accounts `token` may see, by name."""
        with self.guard:
            names = sorted(self.accounts)
        return [one for one in (self.visible(token, name) for name in names) if one is not None]

    def packages_for(self, token):
        """Return the packages `token` may use, by name."""
        return [
            package
            for _, package in sorted(self.packages.items())
            if token.everything or package.owner in ("root", token.user)
        ]

    def feature(self, account, name):
        """Return whether the account has the feature; None when there is no such feature."""
        if name not in FEATURES:
            return None
        package = self.packages.get(account.plan)
        off = account.features_off | (package.features_off if package else frozenset())
        return name not in off

    def database_limit(self, account):
        """Return how many databases the account may have, None for any number."""
        package = self.packages.get(account.plan)
        return package.maxsql if package is not None and account.maxsql is None else account.maxsql
