"""A whole Shoplaunch for tests: real services, real accounts, real agents; nothing of it is left afterwards."""

import contextlib
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from pathlib import Path

import pymysql
import requests

from controller.db import leases
from controller.db.connection.engine import transact
from controller.jobs.engine.worker import Worker
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.web.api.signed_requests import signature
from shared.bundle import LEDGER_TABLE, MANIFEST
from tests.support.servers.databases.mariadb import certificate_options
from tests.support.servers.local_server import SMALL_DATABASE, copy_new_data
from tests.support.shops import sample_shop
from tests.support.users.commands import run_within
from tests.support.waiting import wait_until
from tests.support.worlds.accounts import remove_account

PROJECT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "packaging" / "demo"))

TEMPLATE_DOMAIN = "template-shop.example"
SERVER = "thishost"
BUNDLE = "sample"
SHOP_NAME = "Tea & 'Saffron' فروشگاه"
KEY = "billing"
WAIT_SECONDS = 300
ENDED = ("live", "failed", "stalled", "cancelled")
_PASSWORD = re.compile(r"Password:\s*(\S+)")


class Whole:
    """A world with one server and the bundle `sample`; `order` makes a shop in an account of its own."""

    def __init__(self, php=()):
        from world import World

        self.directory = Path(tempfile.mkdtemp(prefix="slw"))
        self.directory.chmod(0o755)
        self.prefix = "w" + hashlib.sha256(self.directory.name.encode()).hexdigest()[:6]
        options = (*SMALL_DATABASE, *certificate_options())
        self.world = World(self.directory, prefix=self.prefix, php=php, mariadb_options=options)
        self._start_command, self.world.run = self.world.run, self._run_command
        self.template = {}
        self._numbers = 0
        self._handmade = []
        self._service = None
        self._key = None

    # -- beginning and end -------------------------------------------------------------------------------------------

    def start(self):
        """Everything runs; the sample shop is packed; bundle, server and skeleton are known."""
        from world import SAMPLE_VARIANTS

        copy_new_data(self.world.stack)
        self.operator = self.world.start()
        root, url, password = self.world.install_sample(TEMPLATE_DOMAIN, sample_shop.pictures())
        self.template = {"root": str(root), "url": url, "password": password}
        target = self.directory / "sample.bundle"
        self.world.pack(root, url, password, target, SAMPLE_VARIANTS)
        self.world.run("bundle", "add", BUNDLE, str(target))
        self.world.run("server", "add", SERVER, "--panel", "local")
        self.world.run("skeleton", "install", SERVER)
        return self

    def remove(self):
        """Nothing is left: no account, process or file."""
        self.release()
        try:
            self.world.remove()
        finally:
            for user in self._handmade:
                _remove_account(user)
            shutil.rmtree(self.directory, ignore_errors=True)
        assert not self.directory.exists()

    def _run_command(self, *arguments, check=True, **options):
        """Stands for the world's `run`: most commands take less than starting them does, and run in this process."""
        if options or arguments[0] == "pack":
            return self._start_command(*arguments, check=check, **options)
        others = {name: None for name in os.environ if name.startswith("SHOPLAUNCH_")}
        done = run_within(arguments, {**others, "SHOPLAUNCH_HOME": str(self.world.home)})
        if check and done.returncode != 0:
            raise RuntimeError(f"shoplaunch {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    # -- accounts and orders -------------------------------------------------------------------------------------------

    def new_name(self):
        """Return an account name nobody has."""
        self._numbers += 1
        return f"{self.prefix}n{self._numbers}"

    def handmade_account(self):
        """Make an account as an operator might by hand, for which cron starts nothing: it has expired. Return it."""
        user = self.new_name()
        self._handmade.append(user)
        command = ["useradd", "--create-home", "--home-dir", str(self.world.accounts / user), "--skel", "/etc/skel"]
        subprocess.run([*command, "--user-group", "--shell", "/bin/sh", "--expiredate", "1", user], check=True)
        return user

    def order(self, *more, account=None, domain=None, email=None):
        """Order a shop by command line, in a new account unless one is given; return the job as `order --json`."""
        arguments = [] if account else ["--create-account"]
        account = account or self.new_name()
        arguments += ["--account", account, "--domain", domain or f"{account}.localhost"]
        arguments += ["--email", email or f"{account}@example.com", "--server", SERVER, "--bundle", BUNDLE]
        return self.world.json("order", *arguments, "--shop-name", SHOP_NAME, *more)

    def quiet_order(self, *more, account=None):
        """Order a shop in an account cron starts nothing for; return the job once the agent's files lie there."""
        job = self.order(*more, account=account or self.handmade_account())
        assert self.wait(job, "dropped", *ENDED)["state"] == "dropped"
        return job

    @property
    def service(self):
        """The jobs as this process reads them: the same database the controller works on."""
        if self._service is None:
            self._service = open_service(load_config(self.world.environment()))
        return self._service

    def release(self):
        """This process holds the controller's database no more, and reads its settings anew when it next looks."""
        if self._service is not None:
            self._service.installation.engine.dispose()
            self._service = None

    def show(self, job):
        """Return the job's status document."""
        return self.service.jobs.status(self.service.jobs.get(job["id"]))

    def wait(self, job, *states, seconds=WAIT_SECONDS):
        """Return the job's status once it is in one of `states`."""
        return wait_until(
            lambda: found if (found := self.show(job))["state"] in states else None,
            lambda: self.trouble(job), seconds, pause=0.1,
        )  # fmt: skip

    def live(self, job, seconds=WAIT_SECONDS):
        """Return the job's status once it is live and the client is notified; fail at once when it ends otherwise."""
        found = self.wait(job, *ENDED, seconds=seconds)
        assert found["state"] == "live", self.trouble(job)
        wait_until(
            lambda: all(step["state"] in ("done", "skipped", "failed") for step in self.show(job)["steps"]),
            lambda: self.trouble(job),
        )
        return self.show(job)

    def trouble(self, job):
        """Return what helps to understand a job that does not get on."""
        log = self.home(job) / ".shoplaunch" / "agent.log"
        text = log.read_text(errors="replace")[-3000:] if log.exists() else "no agent.log"
        status = {key: value for key, value in self.show(job).items() if key != "steps"}
        return f"{json.dumps(status, indent=1)}\n{text}\n{(self.directory / 'serve.log').read_text()[-3000:]}"

    def later(self, job, seconds):
        """A worker whose clock is `seconds` ahead moves the job on, once nobody is at it: for the clock that is ahead,
        leases that are held have long run out."""
        engine = self.service.installation.engine

        def is_ours():
            now = time.time()
            return transact(engine, lambda found: leases.take(found, job["id"], "later", now, now + seconds))

        wait_until(is_ours, "somebody else holds the job's lease")
        assert Worker(engine, self.service.installation.tools_for, lambda: time.time() + seconds).advance(job["id"])

    def signed(self, method, path, document=None, event=None, key=None):
        """Send a request signed by billing's `key` (name, secret), a key of its own by default; return the response."""
        if key is None:
            self._key = self._key or self.world.json("key", "add", KEY)["secret"]
        name, secret = key or (KEY, self._key)
        body = b"" if document is None else json.dumps(document).encode()
        event, stamp = event or str(uuid.uuid4()), str(int(time.time()))
        headers = {
            "X-Shoplaunch-Key": name,
            "X-Shoplaunch-Timestamp": stamp,
            "X-Shoplaunch-Event": event,
            "X-Shoplaunch-Signature": signature(secret.encode("ascii"), stamp, event, method, path, body),
            "Content-Type": "application/json",
        }
        return requests.request(method, self.world.url + path, data=body, headers=headers, timeout=120)

    # -- agents --------------------------------------------------------------------------------------------------------

    def home(self, job):
        """Return the account's home."""
        return self.world.accounts / job["account"]

    def root(self, job):
        """Return the account's document root."""
        return self.home(job) / "public_html"

    def folder(self, job):
        """Return the agent's folder."""
        return self.home(job) / ".shoplaunch"

    def identity(self, job):
        """Return the account's entry in the password database."""
        return pwd.getpwnam(job["account"])

    def as_account(self, job, *command):
        """Start `command` as the account, in a session of its own as cron does; return the process."""
        entry = pwd.getpwnam(job["account"])
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        environment = {"HOME": entry.pw_dir, "PATH": "/usr/bin:/bin", "LOGNAME": job["account"]}
        null = subprocess.DEVNULL
        return subprocess.Popen(
            [*drop, *command],
            env=environment, cwd=entry.pw_dir, start_new_session=True, stdin=null, stdout=null, stderr=null,
        )  # fmt: skip

    def start_agent(self, job):
        """Start the launcher as the account, as cron does; return the process."""
        return self.as_account(job, "sh", str(self.folder(job) / "run"))

    def run_agent(self, job, seconds=WAIT_SECONDS):
        """Run the launcher to its end; return the exit code."""
        return self.start_agent(job).wait(seconds)

    def agents(self, account):
        """Return the account's agent processes as {"parent": pid, "helper": pid}."""
        uid, parents = pwd.getpwnam(account).pw_uid, {}
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if entry.name.isdigit() and entry.stat().st_uid == uid:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if any(word.endswith(b"agent.pyz") for word in words):
                        fields = (entry / "stat").read_text().rpartition(")")[2].split()
                        parents[int(entry.name)] = int(fields[1])
        return {"helper" if parent in parents else "parent": pid for pid, parent in parents.items()}

    def stopped_in_the_import(self, job, how=signal.SIGKILL):
        """Start the agent; once the ledger knows a chunk, the whole group gets the signal `how`. Return the process."""
        last = self.last_chunk(job)
        claim = f"INSERT INTO `{LEDGER_TABLE}` (chunk, attempt, affected, sha256) VALUES (%s, 0, 0, '')"
        with contextlib.closing(self.connect(self.database(job))) as holder, holder.cursor() as cursor:
            process = self.start_agent(job)
            wait_until(lambda: LEDGER_TABLE in self.tables(job) or process.poll() is not None, "no ledger", pause=0.01)
            # Not committed: who claims the last chunk waits until the agent was stopped
            cursor.execute(claim, (last,))
            wait_until(lambda: self.chunks(job) or process.poll() is not None, "no chunk came", pause=0.01)
            os.killpg(process.pid, how)
        if how == signal.SIGKILL:
            assert process.wait(WAIT_SECONDS) == -signal.SIGKILL, "the agent had ended before"
        return process

    def crontab(self, job):
        """Return the account's crontab as text, empty when there is none."""
        command = ["crontab", "-u", job["account"], "-l"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    # -- the shop ------------------------------------------------------------------------------------------------------

    def database(self, job):
        """Return the name of the shop's database, which is its user's name too."""
        return f"{job['account']}_shop"

    def sql(self, statement, *params, database=None):
        """Run one statement as the server's root; return its rows."""
        with self.connect(database, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall()

    def connect(self, database=None, **options):
        """Return a connection as the server's root."""
        socket = str(self.world.stack.mariadb_socket)
        return pymysql.connect(unix_socket=socket, user="root", database=database, ssl_disabled=True, **options)

    def last_chunk(self, job):
        """Return the name of the last chunk of rows in the job's bundle."""
        return max(member["name"] for member in self.members(job) if member["kind"] == "data")

    def members(self, job):
        """Return the manifest's entries of the members of the job's bundle."""
        with zipfile.ZipFile(self.service.config.bundles / f"{self.show(job)['bundle']}.bundle") as bundle:
            return json.loads(bundle.read(MANIFEST))["members"]

    def tables(self, job):
        """Return the names of the tables in the shop's database, none where there is no database (any more)."""
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        return {row[0] for row in self.sql(query, self.database(job))}

    def chunks(self, job):
        """Return chunk -> attempt as the ledger in the shop's database knows them."""
        try:
            return dict(self.sql(f"SELECT chunk, attempt FROM `{self.database(job)}`.`{LEDGER_TABLE}`"))
        except (pymysql.err.ProgrammingError, pymysql.err.OperationalError):
            return {}

    def get(self, job, path="/", **options):
        """Visit the shop at the server's own address."""
        port = self.world.stack.http_port
        headers = {"Host": f"{job['domain']}:{port}", "Connection": "close"}
        return requests.get(
            f"http://127.0.0.1:{port}{path}", headers=headers, allow_redirects=False, timeout=120, **options
        )

    def mails(self, job):
        """Return the texts of the client's mails about this job."""
        letters = [path.read_text("utf-8") for path in sorted(self.world.mail.glob(f"*.{job['id']}.*.eml"))]
        return [letter for letter in letters if "Password:" in letter]

    def password(self, job):
        """Return the administrator's password as the client's mail brought it."""
        return _PASSWORD.search(wait_until(lambda: self.mails(job), "no mail came")[-1]).group(1)

    def snapshot(self, job):
        """Return path -> (kind and mode, owner, content or target) of everything in the home but the agent's folder and
        the scripts that PHP has compiled."""
        seen = {}
        for path in sorted(self.home(job).rglob("*")):
            parts = path.relative_to(self.home(job)).parts
            if ".shoplaunch" in parts or (parts[0] == ".php" and parts[1:2] not in ((), ("sessions",), ("tmp",))):
                continue
            status = path.lstat()
            kind = stat.S_IFMT(status.st_mode)
            content = path.read_bytes() if kind == stat.S_IFREG else os.readlink(path) if path.is_symlink() else None
            seen[str(path.relative_to(self.home(job)))] = (oct(status.st_mode), status.st_uid, content)
        return seen


def _remove_account(user):
    """The account made by hand is gone, its processes too: nobody else has its number."""
    subprocess.run(["crontab", "-u", user, "-r"], check=False, capture_output=True)
    try:
        uid = pwd.getpwnam(user).pw_uid
    except KeyError:
        return
    assert uid >= 1000
    remove_account(user, lambda: _end_processes(uid))


def _end_processes(uid):
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                os.kill(int(entry.name), signal.SIGKILL)
