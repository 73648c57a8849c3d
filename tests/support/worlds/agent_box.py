"""An account with the agent in it: real user, launcher, agent archive, signed job, small bundle."""

import gzip
import hashlib
import io
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.agent_archive.build import build_agent, launcher
from shared.encoding import canonical_json
from shared.job import cron_line
from shared.signing import serializer
from tests.support.waiting import wait_until
from tests.support.worlds.accounts import remove_account
from tests.support.worlds.agent_archive import once_loaded, sources_of, write_members

PROJECT = Path(__file__).resolve().parents[3]
OVERLAY = PROJECT / "tests" / "fakes" / "agent_overlay"
STAGES = {
    "preflight": "preflight",
    "unpack": "unpack",
    "import": "import_",
    "configure": "configure",
    "prove": "prove",
    "switch": "switch",
}
#: The same of follow-up jobs.
FOLLOW_UP_STAGES = {"preflight": "follow_up_preflight", "configure": "follow_up_configure", "edit": "edit"}
NONCE = "1a2b3c4d"


def sign(key, data):
    """Ed25519 as the controller does it."""
    return Ed25519PrivateKey.from_private_bytes(key).sign(data)


class Keys:
    """A controller's key pair."""

    def __init__(self):
        key = Ed25519PrivateKey.generate()
        self.private = key.private_bytes_raw()
        self.public = key.public_key().public_bytes_raw()


def core_agent(path, keys):
    """Build the agent at `path` with stand-ins for the stages that need a shop and a database."""
    build_agent(path, [keys.public])
    files = sources_of(path)
    stage = (OVERLAY / "stage.py").read_text()
    for name, module in (*STAGES.items(), *FOLLOW_UP_STAGES.items()):
        files[f"agent/stages/{module}.py"] = stage.replace("@NAME@", name).encode()
    for name in ("access", "ledger"):
        files[f"agent/database/{name}.py"] = (OVERLAY / f"{name}.py").read_bytes()
    write_members(path, files)


def killing_agent(agent, path, by="killing"):
    """Build a copy of `agent` at `path` that dies where `kill.json` in its account's home says, in the words of the
    overlay `by`."""
    files = sources_of(agent)
    files[f"{by}.py"] = (OVERLAY / f"{by}.py").read_bytes()
    once_loaded(files, f"import {by}; {by}.install()")
    write_members(path, files)


def small_manifest(members, **more):
    """Return a manifest over `members` (name -> (kind, placeholders, packed bytes))."""
    entries = [
        {
            "name": name,
            "kind": kind,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "placeholders": filled,
        }
        for name, (kind, filled, data) in members.items()
    ]
    manifest = {
        "format": 1,
        "nonce": NONCE,
        "application": {"name": "prestashop", "version": "8.2.1"},
        "values": ["domain"],
        "secrets": [],
        "members": entries,
        "tables": [],
        "collations": {},
        "residue": [],
        "entry_points": [],
        "checks": [],
        "jobs": {},
        "variants": [],
        "requirements": {
            "disk_bytes": 0,
            "inodes": 0,
            "max_statement_bytes": 0,
            "longest_key_bytes": 0,
            "php": {"min": "7.2", "extensions": []},
        },
    }
    return dict(manifest, **more)


def sample_members():
    """Return a few members of several kinds."""
    fragments = gzip.compress(b'{"1": "SGk="}', mtime=0)
    return {
        "db/fragments.json.gz": ("fragments", True, fragments),
        "files/0001.tar.gz": ("files", False, os.urandom(3000)),
        "files/0002.tar.gz": ("files", True, os.urandom(2000)),
    }


def write_bundle(path, members, manifest=None, compression=zipfile.ZIP_STORED):
    """Write a bundle; return the job's pin of it."""
    raw = canonical_json(manifest or small_manifest(members))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, (_, _, data) in sorted(members.items()):
            archive.writestr(zipfile.ZipInfo(name), data, compression)
        archive.writestr(zipfile.ZipInfo("manifest.json"), raw, compression)
    Path(path).write_bytes(buffer.getvalue())
    return {"manifest_sha256": hashlib.sha256(raw).hexdigest(), "size": len(buffer.getvalue())}


class Box:
    """One account with a home of its own, in the folder `base` (Path) when given; `close` removes account, processes
    and files."""

    def __init__(self, controller=None, keys=None, agent=None, base=None):
        self.base = base or Path(tempfile.mkdtemp(prefix="slbox"))
        self.base.chmod(0o755)
        self.user = "sl" + secrets.token_hex(5)
        self.home = self.base / self.user
        # Expired: the machine's own cron starts no agent but those of the test
        command = ["useradd", "-M", "-d", str(self.home), "-s", "/bin/sh", "--expiredate", "1", self.user]
        subprocess.run(command, check=True)
        entry = pwd.getpwnam(self.user)
        assert entry.pw_uid >= 1000, "never a system account: processes of this user are ended"
        self._ids = (entry.pw_uid, entry.pw_gid)
        self._started = []
        self.folder = self.home / ".shoplaunch"
        self.root = self.home / "public_html"
        self.home.mkdir(mode=0o711)
        self.folder.mkdir(mode=0o700)
        self.root.mkdir(mode=0o750)
        self.keys = keys or Keys()
        self.controller = controller
        self.id = "j" + secrets.token_hex(5)
        self.plan = {}
        self.pin = {"manifest_sha256": "0" * 64, "size": 0}
        if agent is None:
            core_agent(self.folder / "agent.pyz", self.keys)
        else:
            shutil.copy(agent, self.folder / "agent.pyz")
        (self.folder / "run").write_bytes(launcher())
        self.write_plan()
        self.own()

    @property
    def uid(self):
        """The account's user id; not to be changed, since processes are ended by it."""
        return self._ids[0]

    @property
    def gid(self):
        """The account's group id."""
        return self._ids[1]

    def own(self):
        """Everything in the home belongs to the account; what an agent at work removes meanwhile is passed over."""
        os.lchown(self.home, self.uid, self.gid)
        for folder, folders, files in os.walk(self.home):
            for name in (*folders, *files):
                with suppress(FileNotFoundError):
                    os.lchown(os.path.join(folder, name), self.uid, self.gid)

    def write_plan(self, **plan):
        """Tell the stand-in stages what to do."""
        self.plan = plan
        (self.home / "plan.json").write_text(json.dumps(plan))

    def with_bundle(self, members=None):
        """The account has a small bundle of its own; return its members."""
        members = members or sample_members()
        self.pin = write_bundle(self.folder / "shop.bundle", members)
        self.own()
        return members

    def job(self, **changes):
        """Return a job payload for this account."""
        now = int(time.time())
        values = {
            "domain": "shop.example.com",
            "root": str(self.root),
            "home": str(self.home),
            "db.host": "localhost",
            "db.name": "shop",
            "db.user": "shop",
            "db.password": "pässword-1",
            "secret.cookie_key": "c00kie-key",
        }
        values.update(changes.pop("values", {}))
        job = {
            "format": 1,
            "job": self.id,
            "kind": "restore",
            "attempt": 1,
            "issued_at": now - 5,
            "expires_at": now + 3600,
            "account": {"user": self.user, "home": str(self.home), "root": str(self.root)},
            "callback": {"url": self.controller.url if self.controller else "http://127.0.0.1:9/", "token": "t" * 40},
            "bundle": dict(self.pin),
            "values": values,
            "lock_name": "shoplaunch_test01",
            "holding_page": "<!doctype html><title>soon</title>" + "<p>wait a little</p>" * 200,
        }
        job.update(changes)
        return job

    def drop(self, keys=None, purpose="job", **changes):
        """Put a signed job file into the account as the controller does; return its payload."""
        job = self.job(**changes)
        text = serializer(purpose, [(keys or self.keys).private], sign=sign).dumps(job)
        temporary = self.folder / "job.new"
        temporary.write_text(text)
        temporary.chmod(0o600)
        os.chown(temporary, self.uid, self.gid)
        temporary.rename(self.folder / "job")
        return job

    def acknowledge(self, seq, status=202, attempt=1, keys=None, purpose="ack"):
        """Put the controller's answer into the account as it does through the panel."""
        payload = {"format": 1, "job": self.id, "attempt": attempt, "seq": seq, "status": status}
        text = serializer(purpose, [(keys or self.keys).private], sign=sign).dumps(payload)
        temporary = self.folder / ".ack.new"
        temporary.write_text(text)
        os.chown(temporary, self.uid, self.gid)
        temporary.rename(self.folder / "ack")

    def command(self, *arguments, python=None):
        """Return the command line that runs the agent (or launcher, without arguments) as the account."""
        drop = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        if python is not None:
            # Other interpreters live below root's home, which nobody else may enter
            drop += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        if not arguments:
            return [*drop, "sh", str(self.folder / "run")]
        return [*drop, python or "/usr/bin/python3", "-I", "-S", str(self.folder / "agent.pyz"), *arguments]

    def start(self, *arguments, python=None):
        """Start the agent in a process group of its own, as cron does."""
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LOGNAME": self.user}
        process = subprocess.Popen(
            self.command(*arguments, python=python),
            env=environment,
            cwd=self.home,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._started.append(process)
        return process

    def start_other(self, *command):
        """Start another process of the account, in a session of its own."""
        drop = ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups"]
        process = subprocess.Popen([*drop, *command], cwd=self.home, start_new_session=True, stdin=subprocess.DEVNULL)
        self._started.append(process)
        return process

    def run(self, *arguments, python=None, seconds=120):
        """Run the agent to its end; return the exit code."""
        process = self.start(*arguments, python=python)
        self.output, self.errors = process.communicate(timeout=seconds)
        return process.returncode

    @property
    def state(self):
        """The state file's content."""
        return json.loads((self.folder / "state.json").read_text())

    @property
    def trace(self):
        """The lines the stand-ins left."""
        path = self.home / "trace"
        return path.read_text().splitlines() if path.exists() else []

    def cron(self, *lines):
        """The account's crontab holds `lines` (default: ours between two of its own)."""
        lines = lines or ("# my own", cron_line(self.id), "5 5 * * * true")
        text = "".join(line + "\n" for line in lines)
        subprocess.run(["crontab", "-u", self.user, "-"], input=text, text=True, check=True)

    @property
    def crontab(self):
        """The account's crontab as text, None when there is none."""
        done = subprocess.run(["crontab", "-u", self.user, "-l"], capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def wait_for(self, condition, seconds=120, pause=0.02):
        """Wait until `condition()` holds, asked every `pause` seconds; fail when it does not come."""
        wait_until(condition, lambda: f"never came; trace: {self.trace}", seconds, pause)

    def close(self):
        """Remove crontab, the processes this box started, account and files; nothing else is ever touched."""
        subprocess.run(["crontab", "-u", self.user, "-r"], capture_output=True, check=False)
        remove_account(self.user, lambda: [self._end_session(process) for process in self._started])
        shutil.rmtree(self.base, ignore_errors=True)

    def _end_session(self, process):
        """End `process` and what it started: the members of its own session that are the account's, by their ids."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if os.getsid(int(entry.name)) == process.pid and entry.stat().st_uid == self.uid:
                    os.kill(int(entry.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue
        if process.poll() is None:
            process.kill()
            process.wait(120)
