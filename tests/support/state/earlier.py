"""An installation that an earlier version left: its files and rows, and the machine they are put back on."""

import fcntl
import io
import json
import logging
import lzma
import pwd
import re
import subprocess
import tarfile
import threading
import time
import tomllib
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa
from werkzeug.serving import make_server

from controller.db.connection.engine import make_engine, transact
from controller.db.tables import servers
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.settings.loading import load_config
from controller.web.app import create_app
from controller.web.server.agent_socket import listen
from tests.fakes.whm.double import WhmDouble
from tests.fakes.whm.state import Token
from tests.support.waiting import wait_until
from tests.support.worlds.whole import Whole

PROJECT = Path(__file__).resolve().parents[3]
FIXTURES = PROJECT / "tests" / "system" / "upgrade"
#: Where the installation lived: its paths are in job files, rows and shops.
HOME = Path("/tmp/shoplaunch-earlier")
#: Who uses HOME and its ports; others wait.
LOCK = Path("/tmp/shoplaunch-earlier.lock")
#: How long the update took: no agent is given up for silence meanwhile.
UPDATE_SECONDS = 95.0
_PHP = re.compile(r"^\[\[local\.php\]\].*", re.MULTILINE | re.DOTALL)
SETTINGS, AGENT = "controller/shoplaunch.toml", "controller/agent/agent.pyz"


class Left:
    """What the commit `name` left, as tests.system.upgrade keeps it."""

    def __init__(self, name):
        self.folder = FIXTURES / name
        self.known = json.loads((self.folder / "installation.json").read_text("utf-8"))
        self.jobs = self.known["jobs"]
        self.left_at = self.known["left_at"]

    @cached_property
    def _files(self):
        return lzma.decompress((self.folder / "installation.tar.xz").read_bytes())

    def _open(self):
        return tarfile.open(fileobj=io.BytesIO(self._files))

    def unpack(self, target, only=""):
        """Write the files whose names begin with `only` below `target`, each as its owner's."""
        with self._open() as tar:
            members = [member for member in tar.getmembers() if member.name.startswith(only)]
            tar.extractall(target, members, filter="fully_trusted")

    def content(self, name):
        """Return the content of the file `name`."""
        with self._open() as tar:
            return tar.extractfile(name).read()

    def names(self, pattern):
        """Return the names of the files that match `pattern`."""
        with self._open() as tar:
            return sorted(name for name in tar.getnames() if re.fullmatch(pattern, name))

    def sql(self, name):
        """Return the statements of the dump `name`."""
        return lzma.decompress((self.folder / f"{name}.sql.xz").read_bytes())


class Clock:
    """The time of a controller that goes on at `begin`."""

    def __init__(self, begin):
        self._begin, self._since = begin, time.monotonic()

    def __call__(self):
        return self._begin + time.monotonic() - self._since


class Answering:
    """The pages of `service`, at the port and the socket its agents know."""

    def __init__(self, config, service):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        port = int(config.public_url.rpartition(":")[2])
        app, self._listener = create_app(config, service), listen(config.agent_socket_path)
        door = {"host": f"unix://{config.agent_socket_path}", "port": 0, "fd": self._listener.fileno()}
        doors = ({"host": "127.0.0.1", "port": port}, door)
        self._servers = [make_server(**one, app=app, threaded=True) for one in doors]
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def close(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._listener.close()


class Machine(Whole):
    """The machine with all accounts, shops and crontabs; this version's controller goes on with them."""

    def __init__(self, left):
        from world import World

        self.left, self.known = left, left.known
        self.directory, self.prefix = HOME, "sle"
        self._stack = ExitStack()
        self._lock = LOCK.open("a")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.world = World(HOME, prefix=self.prefix)
        self.world.stack._wanted_port = int(tomllib.loads(left.content(SETTINGS).decode())["local"]["http_port"])
        self._numbers, self._service, self._key = 0, None, None

    # -- beginning and end -------------------------------------------------------------------------------------------

    def start(self):
        """Everything is as it was left, the new version is in place and at work."""
        self._clear()
        HOME.mkdir(mode=0o755)
        HOME.chmod(0o755)
        self.world.mail.mkdir()
        for user, row in self.known["accounts"].items():
            self._make_account(user, row)
        self.left.unpack(HOME)
        self._use_php_of_this_machine()
        self.world.stack.start()
        self._fill_databases()
        for user, row in self.known["accounts"].items():
            if row["crontab"]:
                subprocess.run(["crontab", "-u", user, "-"], input=row["crontab"], text=True, check=True)
        self.world.run("migrate")
        # It had no address for alarms: those were sent to nobody, and wait now
        self.world.run("init", "--operator-email", "operator@example.com")
        self._go_on()
        return self

    def remove(self):
        """Nothing is left: no account, process or file."""
        try:
            self._stack.close()
            self._clear()
        finally:
            self._lock.close()

    def _clear(self):
        """Nothing is left, of a run that was cut off neither."""
        if HOME.exists():
            self.world.stack.stop()
        HOME.mkdir(exist_ok=True)
        self._handmade = [row.pw_name for row in pwd.getpwall() if row.pw_dir.startswith(f"{self.world.accounts}/")]
        # The accounts are no panel's to remove: its services run no more
        self.world.remove = lambda: None
        super().remove()

    def _make_account(self, user, row):
        command = ["useradd", "--no-create-home", "--home-dir", str(self.world.accounts / user), "--user-group"]
        command += ["--shell", row["shell"]]
        command += ["--comment", "shoplaunch"] if row["ours"] else []
        command += ["--expiredate", "1"] if row["expired"] else []
        subprocess.run([*command, user], check=True)

    def _use_php_of_this_machine(self):
        """Which PHP there is, is the machine's own: the newest takes the place of the one there was."""
        php = self.world.stack.local_settings()["php"]
        tables = [
            "\n".join(["[[local.php]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]) for row in php
        ]
        settings = HOME / SETTINGS
        settings.write_text(_PHP.sub("\n\n".join(tables).replace("\\", r"\\") + "\n", settings.read_text("utf-8")))
        old, new = self.known["php"], php[0]["version"]
        if old != new:
            (HOME / "stack" / f"php{old}").rename(HOME / "stack" / f"php{new}")
            for file in (HOME / "stack").glob("*/*/*.conf"):
                file.write_text(file.read_text().replace(f"php{old}", f"php{new}").replace(f"-{old}.", f"-{new}."))

    def _fill_databases(self):
        for row in self.known["accounts"].values():
            for statement in row["grants"]:
                self.sql(statement.replace("%", "%%"))
        load_sql(self.world.stack.mariadb_socket, self.left.sql("shops"))

    def _go_on(self):
        config = load_config(self.world.environment())
        self.engine, self.keys = make_engine(config.database_url), load_keys(config.keys)
        self._stack.callback(self.engine.dispose)
        self._move_cpanel_server()
        self.clock = Clock(self.left.left_at + UPDATE_SECONDS)
        self._service = Service(Installation(config, self.engine, self.keys, clock=self.clock))
        self._stack.enter_context(agents_clock(self.clock))
        self._stack.callback(Answering(config, self._service).close)
        worker = self._service.jobs.worker()
        worker.start()
        self._stack.callback(worker.stop)

    def _move_cpanel_server(self):
        """The cPanel server answers at another address; token and name are as they were."""
        self.whm = self._stack.enter_context(WhmDouble())
        token = Token("root", self.known["cpanel_token"], everything=True)
        self.whm.state.tokens.append(token)
        settings = {"http_port": self.whm.http_port, "https_port": self.whm.https_port, "skeleton": "none"}
        values = {"url": self.whm.url, "ca_file": self.whm.ca_file, "settings": json.dumps(settings)}
        transact(self.engine, lambda c: c.execute(sa.update(servers).where(servers.c.name == "cp1").values(**values)))

    # -- jobs --------------------------------------------------------------------------------------------------------

    @property
    def service(self):
        """The controller that goes on."""
        return self._service

    def release(self):
        """The service ends with the machine."""

    def job(self, key):
        """Return the job `key` as the helpers of Whole take it."""
        return self.as_known(self.service.jobs.get(self.left.jobs[key]))

    def as_known(self, found):
        """Return the job `found` as the helpers of Whole take it."""
        return {"id": found.id, "account": found.account, "domain": found.domain, "folder": found.folder}

    def reaches(self, job, *states):
        """Run the account's agent, as cron does every minute, until the job is in one of `states`; return the
        status."""

        def is_there():
            if (self.folder(job) / "run").exists():
                self.run_agent(job)
            found = self.show(job)
            return found if found["state"] in states else None

        return wait_until(is_there, lambda: self.trouble(job), 120, pause=0.2)

    def trouble(self, job):
        """Return what helps to understand a job that does not get on."""
        log = self.folder(job) / "agent.log"
        return json.dumps(self.show(job), indent=1) + (log.read_text() if log.exists() else "")


class agents_clock:
    """Within it tokens are made and read by the time `clock`: those of an earlier version are as old as they were."""

    def __init__(self, clock):
        self._clock = clock

    def __enter__(self):
        from itsdangerous import TimestampSigner

        self._before = TimestampSigner.get_timestamp
        TimestampSigner.get_timestamp = lambda _signer: int(self._clock())

    def __exit__(self, *reason):
        from itsdangerous import TimestampSigner

        TimestampSigner.get_timestamp = self._before


def load_sql(socket, statements):
    """Run the statements of a dump as root of the server at `socket`."""
    command = ["mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "--binary-mode"]
    subprocess.run(command, input=statements, check=True)
