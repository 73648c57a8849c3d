"""A really installed PrestaShop as a template, and shops restored from it that are looked at as a whole."""

import contextlib
import hashlib
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import pymysql

from controller.panels.local.php_versions import installed_binaries
from shared.bundle import LEDGER_TABLE
from shared.signing import PURPOSE_JOB, serializer
from tests.support.shops.databases.live_dumps import Dumps
from tests.support.shops.real_variant import write_variants
from tests.support.waiting import wait_until
from tests.support.worlds.whole import BUNDLE, SERVER, Whole

DOCROOT = "SHOPLAUNCH_REAL_DOCROOT"
DATABASE = "SHOPLAUNCH_REAL_DATABASE"
#: More php-fpm binaries for the panel to choose from, separated by colons: an old shop needs an old one.
PHP = "SHOPLAUNCH_REAL_PHP"
HINT = f"{DOCROOT} and {DATABASE} (mysql://user:password@host/name?unix_socket=...) name no PrestaShop"
SETTINGS = "config/settings.inc.php"
PACK_SECONDS = 900
CONSTANTS = {
    "database_host": "_DB_SERVER_", "database_name": "_DB_NAME_", "database_user": "_DB_USER_",
    "database_password": "_DB_PASSWD_", "database_prefix": "_DB_PREFIX_", "cookie_key": "_COOKIE_KEY_",
    "cookie_iv": "_COOKIE_IV_", "rijndael_key": "_RIJNDAEL_KEY_", "rijndael_iv": "_RIJNDAEL_IV_",
}  # fmt: skip
SHOP_NAME = "فروشگاه‌ِ «آنا» & O'Hara\\'s \"100%\" <Tea> $5"


def php_array(path):
    """Return what the PHP file at `path` returns, as JSON makes it."""
    command = ["php", "-r", "echo json_encode(require $argv[1]);", str(path)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def parameters(root):
    """Return PrestaShop's settings below the document root `root`, name -> value; of 1.6 named as later."""
    if not is_1_6(root):
        return php_array(Path(root) / "app" / "config" / "parameters.php")["parameters"]
    command = ["php", "-r", "require $argv[1]; echo json_encode(get_defined_constants(true)['user']);"]
    said = subprocess.run([*command, str(Path(root) / SETTINGS)], capture_output=True, check=True).stdout
    return {name: json.loads(said).get(constant) for name, constant in CONSTANTS.items()}


def is_1_6(root):
    """Return whether the shop below `root` is configured by constants."""
    return not (Path(root) / "app" / "config" / "parameters.php").exists() and (Path(root) / SETTINGS).exists()


class Template:
    """The template the environment names; `known` is what of it may occur nowhere in a new shop."""

    def __init__(self, environment):
        self.root = Path(environment[DOCROOT]).resolve()
        self._parts = urlsplit(environment[DATABASE])
        self.password = unquote(self._parts.password or "")
        host = self._parts.netloc.rpartition("@")[2]
        self.url = urlunsplit(self._parts._replace(netloc=f"{self._parts.username}@{host}"))
        self.settings = parameters(self.root)
        named = [path for path in environment.get(PHP, "").split(":") if path]
        self.php = [*named, *installed_binaries()] if named else []
        self.prefix = self.settings["database_prefix"]
        self.known = {**self._from_files(), **self._from_tables()}
        ((version,),) = self.query(f"SELECT value FROM {self.prefix}configuration WHERE name = 'PS_VERSION_DB'")
        #: No php-fpm at hand runs it.
        self.needs_wasm = is_1_6(self.root) or (version.startswith("1.7.") and not self.php)

    def _from_files(self):
        secret = ["database_name", "database_user", "database_password", "secret", "cookie_key", "cookie_iv"]
        secret += ["new_cookie_key", "api_private_key", "api_public_key"]
        found = {name: str(self.settings[name]) for name in secret if self.settings.get(name)}
        admin = [path.name for path in self.root.iterdir() if (path / "filemanager").is_dir()]
        return {**found, "root": str(self.root), "home": str(self.root.parent), "admin_folder": admin[0]}

    def _from_tables(self):
        rows = {
            "domain": "SELECT domain FROM {}shop_url WHERE main = 1",
            "employee_email": "SELECT email FROM {}employee LIMIT 1",
            "employee_password": "SELECT passwd FROM {}employee LIMIT 1",
            "nw_salt": "SELECT value FROM {}configuration WHERE name = 'NW_SALT'",
            # PrestaShop's own code names the customers of its demo catalogue
            "customer": "SELECT email FROM {}customer WHERE email NOT IN ('pub@prestashop.com',"
            " 'anonymous@psgdpr.com') ORDER BY id_customer DESC LIMIT 1",
        }
        found = {}
        for name, statement in rows.items():
            row = self.query(statement.format(self.prefix))
            if row and row[0][0]:
                found[name] = row[0][0]
        return found

    @property
    def _door(self):
        socket = dict(part.split("=", 1) for part in self._parts.query.split("&") if part).get("unix_socket")
        door = {"unix_socket": unquote(socket)} if socket else {"host": self._parts.hostname, "port": self._parts.port}
        return {"user": unquote(self._parts.username), **door}

    @property
    def _database(self):
        return self._parts.path.strip("/")

    @property
    def dumps(self):
        """Dumps of the template's database."""
        names = {"unix_socket": "socket"}
        door = [f"--{names.get(name, name)}={value}" for name, value in self._door.items() if value]
        return Dumps(door, self.password, self._database, self.query)

    def pack(self, target, variants, *source):
        """Pack the template into `target`, its database read from where `source` says (the live one)."""
        command = [str(Path(sys.executable).with_name("shoplaunch")), "pack", "--docroot", str(self.root)]
        command += ["--variants", str(variants), *(source or ("--database", self.url)), "-o", str(target)]
        environment = {**os.environ, "SHOPLAUNCH_SOURCE_PASSWORD": self.password}
        subprocess.run(command, env=environment, check=True, timeout=PACK_SECONDS)

    def query(self, statement):
        """Run one statement in the template's database; return its rows."""
        door = {"password": self.password, "database": self._database, **self._door}
        connection = pymysql.connect(charset="utf8mb4", **door)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


class Real(Whole):
    """A world whose bundle `real` is packed from the template."""

    def __init__(self, template):
        super().__init__(template.php)
        self.template = template
        self.bundle = self.directory / "real.bundle"

    def start(self):
        """Everything runs; the template is packed; bundle, server and skeleton are known."""
        self.operator = self.world.start()
        self.variants = write_variants(self.template, self.directory)
        self.pack(self.bundle)
        self.world.run("bundle", "add", BUNDLE, str(self.bundle))
        self.world.run("server", "add", SERVER, "--panel", "local")
        self.world.run("skeleton", "install", SERVER)
        return self

    def pack(self, target):
        """Pack the template into `target`."""
        self.world.pack(self.template.root, self.template.url, self.template.password, target, self.variants)

    def order(self, *more, account=None, domain=None, email=None):
        """Order a shop whose owner's and own names are no plain words; return the job as `order --json`."""
        names = ["--shop-name", SHOP_NAME, "--first-name", "Dana", "--last-name", "O'Neil", "--language", "en"]
        return super().order(*names, *more, account=account, domain=domain, email=email)

    def settings(self, job):
        """Return the settings in the shop's database, name -> value."""
        statement = f"SELECT name, value FROM {self.template.prefix}configuration"
        return dict(self.sql(statement, database=self.database(job)))


class Disturbed:
    """One account, restored again and again from the same start, with the controller away so that nobody visits."""

    def __init__(self, real, job, manifest):
        self._real = real
        self.job = job
        self.manifest = manifest
        self.home = real.home(job)
        self.folder = self.home / ".shoplaunch"
        self.database = real.database(job)
        self._kept = real.world.directory / "start" / job["account"]
        self._kept.parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", str(self.home), str(self._kept)], check=True)
        self._number = 0
        self._create = real.sql(f"SHOW CREATE DATABASE `{self.database}`")[0][1]

    def reset(self):
        """The account is as it was when the agent was dropped."""
        self._number += 1
        # Moved, not removed: a file system that has just lost many files is slow to make new ones
        self.home.rename(f"{self._kept}.{self._number}")
        subprocess.run(["cp", "-a", str(self._kept), str(self.home)], check=True)
        self.sql(f"DROP DATABASE `{self.database}`", database=None)
        self.sql(self._create, database=None)

    def sql(self, statement, *params, database=""):
        """Run one statement as root in the shop's database (or none); return its rows."""
        return self._real.sql(statement, *params, database=self.database if database == "" else database)

    def start(self):
        """Start the agent as cron does; return the process."""
        return self._real.start_agent(self.job)

    @property
    def state(self):
        """The agent's state file, {} before there is one."""
        try:
            return json.loads((self.folder / "state.json").read_text())
        except FileNotFoundError:
            return {}

    def is_done(self, stage):
        """Return whether `stage` is done."""
        return self.state.get("stages", {}).get(stage, {}).get("state") == "done"

    def wait_for(self, condition, process=None, seconds=240):
        """Wait until `condition()` holds; False when `process` ends before."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"never came; {self.state}"
            if process is not None and process.poll() is not None:
                return condition()
            time.sleep(0.003)
        return True

    def finish(self, process=None):
        """Let ticks come until the shop stands and only the final word is still to be heard; return how many."""
        for tick in range(1, 12):
            process = process or self.start()
            if self.wait_for(lambda: self.is_done("switch"), process):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(120)
                return tick
            process = None
            time.sleep(0.2)
        raise AssertionError(f"never finished: {self.state}")

    def tables_made(self):
        """Return how many tables of the shop there are."""
        folder = self._real.world.stack.mariadb / "data" / self.database
        return sum(1 for name in os.listdir(folder) if name.endswith(".ibd") and not name.startswith("shoplaunch"))

    def ledger(self):
        """Return the ledger: chunk -> (attempt, rows, digest)."""
        rows = self.sql("SELECT chunk, attempt, affected, sha256 FROM shoplaunch_ledger")
        return {row[0]: row[1:] for row in rows}

    @contextlib.contextmanager
    def watched_ledger(self):
        """Within this the ledger is watched; yields what it held last, chunk -> (attempt, rows, digest)."""
        last, over = {}, threading.Event()

        def watch():
            while not over.wait(0.01):
                try:
                    rows = self.ledger()
                except pymysql.err.MySQLError:
                    continue
                if rows:
                    last.clear()
                    last.update(rows)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield last
        finally:
            over.set()
            thread.join()

    def has_chunk(self, name):
        """Return whether the chunk `name` is there."""
        return bool(self.has_table(LEDGER_TABLE) and self.sql(f"SELECT 1 FROM {LEDGER_TABLE} WHERE chunk = %s", name))

    def has_table(self, name):
        """Return whether the table `name` is there."""
        statement = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
        return bool(self._real.sql(statement, self.database, name))

    def has_rows(self, table):
        """Return whether there is a row in `table`."""
        return self.has_table(table) and bool(self.sql(f"SELECT 1 FROM `{table}` LIMIT 1"))

    def job_file(self):
        """Return what the account's job file says."""
        text = (self.folder / "job").read_text()
        return serializer(PURPOSE_JOB, [b""], verify=lambda *_: True).loads(text)

    def members(self, kind):
        """Return the bundle's members of `kind`."""
        return [member for member in self.manifest["members"] if member["kind"] == kind]

    @contextlib.contextmanager
    def held(self, table):
        """Within this, every writer to `table` waits."""
        connection = pymysql.connect(
            unix_socket=str(self._real.world.stack.mariadb_socket), user="root", database=self.database
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLES `{table}` WRITE")
            yield

    def waits_in(self, word):
        """Return whether a connection of the shop's user waits for a lock with a statement that holds `word`."""
        rows = self._real.sql(
            "SELECT info FROM information_schema.processlist WHERE user = %s AND state LIKE 'Waiting for table%%'",
            self.database,
        )
        return any(word in (row[0] or "") for row in rows)

    def tables(self):
        """Return the names of the shop's tables."""
        return [row[0] for row in self.sql("SHOW TABLES") if not row[0].startswith("shoplaunch_")]

    def checksums(self):
        """Return table -> what CHECKSUM TABLE makes of its rows."""
        rows = self.sql("CHECKSUM TABLE " + ", ".join(f"`{name}`" for name in self.tables()))
        return {name.partition(".")[2]: number for name, number in rows}

    def picture(self, since):
        """Return everything that must be the same however often the restore was disturbed.

        A dict: "files" path -> (mode, owner, digest or target, mtime; None for what was written `since` then),
        "checksums", "definitions".
        """
        names = self.tables()
        return {
            "files": tree(self.home / "public_html", since),
            "checksums": self.checksums(),
            "definitions": {name: self.sql(f"SHOW CREATE TABLE `{name}`")[0][1] for name in names},
        }


def tree(root, since):
    """Return path -> (mode, owner, digest or target, mtime or None) of everything below `root`."""
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content, mtime = None, None
        if stat.S_ISLNK(status.st_mode):
            content = str(path.readlink())
        elif stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            mtime = int(status.st_mtime) if status.st_mtime < since else None
        found[str(path.relative_to(root))] = (
            stat.S_IFMT(status.st_mode),
            status.st_mode,
            status.st_uid,
            content,
            mtime,
        )
    return found


def helpers(process):
    """Return the process ids of the agent's helpers."""
    try:
        text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def kill(process, who):
    """SIGKILL the whole `group`, only the `parent` or only the `helper`; the others that must end have ended."""
    others = helpers(process)
    assert others, "there is no helper to kill"
    if who == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif who == "parent":
        os.kill(process.pid, signal.SIGKILL)
    else:
        os.kill(others[0], signal.SIGKILL)
        return
    process.wait(120)
    wait_until(lambda: not any(_runs(pid) for pid in others), "the helper outlives its parent")


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def chance(*seeds):
    """Return a random number generator that `seeds` determine."""
    return random.Random("/".join(map(str, seeds)))
