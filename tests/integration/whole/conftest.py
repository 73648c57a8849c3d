"""One Shoplaunch with services of its own, and a bundle packed from the sample shop."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pymysql
import pytest
import requests

from tests.conftest import PROJECT

sys.path.insert(0, str(PROJECT / "packaging" / "demo"))

TEMPLATE_DOMAIN = "template-shop.example"
SERVER = "thishost"


class Whole:
    """A world with one server and the bundle `sample`; `order` makes a shop in an account of its own."""

    def __init__(self, world):
        self.world = world
        self.template = {}

    def prepare(self):
        """Pack the sample shop, make bundle, server and skeleton known."""
        root, url, password = self.world.install_sample(TEMPLATE_DOMAIN)
        self.template = {"root": str(root), "url": url, "password": password}
        target = self.world.directory / "sample.bundle"
        self.world.pack(root, url, password, target)
        self.world.run("bundle", "add", "sample", str(target))
        self.world.run("server", "add", SERVER, "--panel", "local")
        self.world.run("skeleton", "install", SERVER)

    def order(self, *more):
        """Order a shop in a new account; return the job as `order --json` shows it."""
        account = self.world.free_account()
        arguments = ["--server", SERVER, "--bundle", "sample", "--domain", f"{account}.localhost"]
        arguments += ["--email", f"{account}@example.com", "--account", account, "--create-account"]
        return self.world.json("order", *arguments, "--shop-name", "Tea & 'Saffron' فروشگاه", *more)

    def show(self, job):
        """Return the job as `show --json` shows it."""
        return self.world.json("show", job["id"])

    def wait(self, job, *states, seconds=150):
        """Return the job once it is in one of `states`."""
        deadline = time.monotonic() + seconds
        while (shown := self.show(job))["state"] not in states:
            assert time.monotonic() < deadline, shown
            time.sleep(0.3)
        return shown

    def home(self, job):
        """Return the account's home."""
        return self.world.accounts / job["account"]

    def start_agent(self, job):
        """Start the launcher as the account, as cron does; return the process."""
        entry = pwd.getpwnam(job["account"])
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        environment = {"HOME": entry.pw_dir, "PATH": "/usr/bin:/bin", "LOGNAME": job["account"]}
        null = subprocess.DEVNULL
        return subprocess.Popen(
            [*drop, "sh", f"{entry.pw_dir}/.shoplaunch/run"],
            env=environment, cwd=entry.pw_dir, start_new_session=True, stdin=null, stdout=null, stderr=null,
        )  # fmt: skip

    def crontab(self, job):
        """Return the account's crontab as text, empty when there is none."""
        command = ["crontab", "-u", job["account"], "-l"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def sql(self, statement, *params, database=None):
        """Run one statement as root; return its rows."""
        connection = pymysql.connect(
            unix_socket=str(self.world.stack.mariadb_socket), user="root", database=database, autocommit=True
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, params or None)
            return cursor.fetchall()

    def get(self, job, path="/", **options):
        """Visit the shop at the server's own address."""
        port = self.world.stack.http_port
        headers = {"Host": f"{job['domain']}:{port}"}
        return requests.get(
            f"http://127.0.0.1:{port}{path}", headers=headers, allow_redirects=False, timeout=30, **options
        )

    def mail(self, job):
        """Return the text of the client's last mail."""
        letters = [path.read_text("utf-8") for path in sorted(self.world.mail.glob("*.eml"))]
        return [letter for letter in letters if job["domain"] in letter][-1]


@pytest.fixture(scope="session")
def whole():
    from world import World

    directory = Path(tempfile.mkdtemp(prefix="slw"))
    directory.chmod(0o755)
    world = World(directory, prefix="slw" + directory.name[-4:].lower().replace("_", "x"))
    try:
        world.start()
        made = Whole(world)
        made.prepare()
        yield made
    finally:
        world.remove()
        shutil.rmtree(directory, ignore_errors=True)
        assert not os.path.exists(directory)
