"""What real servers differ in, as switches; every field may be changed while the double runs."""

import threading
from dataclasses import dataclass, field


@dataclass
class Quirks:
    """One server's habits and today's misfortunes.

    Functions are named as in the calls: `createacct`, `Mysql::create_database`, `Cron::add_line`, `Fileman::fileop`.
    """

    # -- texts
    quotes: str = "curly"  # curly | straight | guillemets
    language: str = "en"  # en | de | fa
    prefixed_reasons: bool = True  # "API failure: (XID 3y67mz) ..." or the text alone

    # -- types and shapes
    booleans: str = "int"  # int 1/0 | str "1"/"" | missing: what is not granted is left out
    numbers: str = "int"  # int | str: numbers that are no answer's status
    packages: str = "page"  # page: "y"/"n", "unlimited" | wobbling: 1/0, null, numbers as words
    file_lists: str = "array"  # array | dirs_files
    cron_count: bool = True  # the trailing {"count": N + 1}
    api2_envelope: str = "raw"  # raw | wrapped: `cpanelresult` in `data`, or its members there | unwrapped
    api2_content_type: str = "application/json"
    transformed: bool = False  # metadata {"transformed": 1}
    privileges_listed: str = "names"  # names | summary: ["ALL PRIVILEGES"]
    api2_failure: str = "int"  # event.result 0 or "0"
    api2_refusal: str = "both"  # both | error: the text alone | event: result 0 and no text
    batch: bool = True  # does WHM carry out several calls in one

    # -- names and limits
    prefix: str = "account"  # account: demo_ | sixteen | short: first 8 characters | none
    max_username_length: int = 47  # 47 MariaDB, 32 MySQL 5.7, 16 MySQL 5.6
    mysql_strength: int = 65
    createacct_strength: int = 65
    shown_late: int = 0  # a new account is not there for so many looks
    unique_initial: int = 0  # first N characters of account names must be unique

    # -- homes, skeletons, files
    home_base: str = "home"  # name of the folder new homes are made in, e.g. home2
    document_root: str = "public_html"
    skeleton_of: str = "owner"  # owner | root: whose skeleton applies when root creates for a reseller
    skeleton_keeps_execute: bool = True
    new_file_mode: int = 0o644
    unlink_recursive: bool = True  # does fileop unlink take a folder with everything in it

    # -- PHP
    php_block_at_birth: bool = False  # new accounts have the host's block in `.htaccess` already
    php_handler: str = ""  # what follows the version in the handler's name, e.g. "___lsphp"
    php_ini_block: bool = False  # a second block, of php.ini directives

    # -- cron
    cron_minutes: int = 1  # the smallest interval
    cron_too_often: str = "rewrite"  # rewrite: */5 | list: 0,5,10,... | refuse
    cron_remove_by: str = "both"  # both | line: linekey is not understood, answer as if all were well
    cron_mailto: bool = True  # MAILTO="" comes with the first job
    cron_escapes_percent: bool = False

    # -- state of accounts
    suspended_calls: str = "work"  # work | fail
    mysql_role: bool = True
    autossl: bool = True
    autossl_seconds: float = 0.0

    # -- name servers
    name_servers: tuple = ("ns1.host.example", "ns2.host.example")
    tells_name_servers: bool = True  # is there a function get_nameserver_config

    # -- misfortunes
    refuse_token: bool = False  # every token is refused, in the three ways in turn
    auth_forms: tuple = ("401", "403", "200")
    lockout_after: int = 10  # failed logins, then the address is refused altogether; 0: never
    slow: dict = field(default_factory=dict)  # function or "*" -> seconds before the answer, after the work
    slow_before: dict = field(default_factory=dict)  # the same before the work
    fails: dict = field(default_factory=dict)  # function of WHM -> what the system says instead of doing it
    server_error: dict = field(default_factory=dict)  # function or "*" -> how many times still
    cuts: dict = field(default_factory=dict)  # function -> set of n-th calls cut after the work
    cuts_before: dict = field(default_factory=dict)  # function -> set of n-th calls cut before it
    lates: dict = field(default_factory=dict)  # function -> set of n-th calls cut, and carried out when it catches up
    cut_first_of_each_change: bool = False
    repeats: dict = field(
        default_factory=dict
    )  # function -> set of n-th calls answered, and carried out once more then
    change_twice: bool = False  # each change is delivered twice, and the second time is what is answered

    def __post_init__(self):
        self._guard = threading.Lock()
        self._seen = {}

    def cut_after(self, function, nth=1):
        """The connection is cut after the work of the `nth` call of `function` from now on."""
        self._cut(self.cuts, function, nth)

    def cut_before(self, function, nth=1):
        """The connection is cut before the `nth` call of `function` from now on does anything."""
        self._cut(self.cuts_before, function, nth)

    def carry_out_late(self, function, nth=1):
        """The connection is cut before the `nth` call of `function` from now on, which is carried out all the same, but
        not before the server catches up."""
        self._cut(self.lates, function, nth)

    def repeat_late(self, function, nth=1):
        """The `nth` call of `function` from now on is answered, and delivered once more when the server catches up."""
        self._cut(self.repeats, function, nth)

    def _cut(self, cuts, function, nth):
        with self._guard:
            cuts.setdefault(function, set()).add(self._seen.get(function, 0) + nth)

    def count(self, function, changes):
        """Return (which call of `function` this is, cut before, cut after)."""
        with self._guard:
            number = self._seen[function] = self._seen.get(function, 0) + 1
        first = self.cut_first_of_each_change and changes and number == 1
        return number, number in self.cuts_before.get(function, ()), first or number in self.cuts.get(function, ())

    def fails_now(self, function):
        """Return whether this call is answered with HTTP 500, and count it."""
        with self._guard:
            for name in (function, "*"):
                if self.server_error.get(name, 0) > 0:
                    self.server_error[name] -= 1
                    return True
        return False

    def wait_for(self, function, table):
        """Return how many seconds `function` takes longer by the table `slow` or `slow_before`."""
        return table.get(function, table.get("*", 0))

    # -- shapes ------------------------------------------------------------------------------------------------------

    def number(self, value):
        """Return a number in this server's type."""
        return str(value) if self.numbers == "str" else value

    def flag(self, value):
        """Return a yes or no in this server's type; None: the key is to be left out."""
        if self.booleans == "missing" and not value:
            return None
        if self.booleans == "str":
            return "1" if value else ""
        return 1 if value else 0
