"""A whole Shoplaunch with a cPanel server: its real skeleton, its accounts, their agents started by hand."""

import contextlib
import os
import pwd
import signal
import subprocess
from pathlib import Path

from tests.fakes.whm.double import WhmDouble
from tests.support.servers.ssh_server import SshServer
from tests.support.waiting import wait_until
from tests.support.worlds.whole import BUNDLE

AGENT_SECONDS = 300


class Shops:
    """`add_server` makes the double's reseller known; leaving the `with` removes everything but the Shoplaunch."""

    def __init__(self, whole):
        self.whole = whole
        self._owners = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with self._stack:
            self.whm = self._stack.enter_context(WhmDouble())
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *reason):
        return self._stack.__exit__(*reason)

    def add_server(self, name, way):
        """A reseller's server whose skeleton is reached by `way`: ssh, own (the account's own token) or api."""
        user, token = self.whm.reseller()
        self._owners[name] = user
        whm, options = self.whm, {"http_port": self.whm.http_port}
        words = ["--panel", "cpanel", "--url", whm.url, "--user", user, "--ca", whm.ca_file]
        words += ["--token-file", self._secret(name, token)]
        if way == "ssh":
            options["ssh"] = self._ssh(user)
        if way == "own":
            options["cpanel_url"] = whm.cpanel_url
            words += ["--cpanel-token-file", self._secret(f"{name}-own", whm.cpanel_token(user))]
        self.whole.world.run("server", "add", name, *words, *_options(options))
        return name

    def set(self, server, **options):
        """The server has these settings."""
        self.whole.world.run("server", "set", server, *_options(options))

    def _secret(self, name, text):
        path = self.whole.directory / f"{name}.secret"
        path.write_text(text)
        return str(path)

    def _ssh(self, user):
        # Without PAM a locked password locks out the key as well
        subprocess.run(["usermod", "-s", "/bin/sh", "-p", "*", user], check=True)
        one = SshServer(user).start()
        self._stack.callback(one.stop)
        settings = self.whole.world.home / "ssh_config"
        settings.write_text(one.client_config.read_text())
        self._stack.callback(settings.unlink)
        return one.target

    # -- orders ------------------------------------------------------------------------------------------------------

    def hosting(self, server):
        """Return a new account of the server, created from its skeleton, for which cron starts nothing."""
        made = self.whm.add_account(owner=self._owners[server])
        subprocess.run(["usermod", "--expiredate", "1", made.user], check=True)
        return made

    def dropped(self, server, hosting, domain=None):
        """Order a shop for the account; return the job once everything lies there."""
        words = ["--server", server, "--account", hosting.user, "--domain", domain or hosting.domain]
        job = self.whole.world.json("order", *words, "--bundle", BUNDLE, "--email", "owner@example.com")
        self.drops(job)
        return job

    def drops(self, job):
        """Wait until the job's current attempt lies in the account."""
        found = self.whole.wait(job, "dropped", "failed")
        assert found["state"] == "dropped", found["error"]

    def start_agent(self, hosting):
        """Start the launcher as the account, as cron does; return the process."""
        entry = pwd.getpwnam(hosting.user)
        drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        environment = {"HOME": entry.pw_dir, "PATH": "/usr/bin:/bin", "LOGNAME": hosting.user}
        command = [*drop, "sh", f"{entry.pw_dir}/.shoplaunch/run"]
        null = subprocess.DEVNULL
        return subprocess.Popen(
            command, env=environment, cwd=entry.pw_dir, start_new_session=True, stdin=null, stdout=null, stderr=null
        )

    def live(self, job, hosting):
        """The agent does its work to the end; return the job's status once the shop lives."""
        assert self.start_agent(hosting).wait(AGENT_SECONDS) == 0, self.log(hosting)
        status = self.whole.live(job)
        assert not folder(hosting).exists()
        return status

    def log(self, hosting):
        """Return what the agent wrote down."""
        path = folder(hosting) / "agent.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else "no agent.log"

    def caught_fetching(self, hosting):
        """Start the agent and kill it while its bundle arrives; return the path of what came so far."""
        process = self.start_agent(hosting)
        parts = lambda: [part for part in folder(hosting).glob("shop.bundle.*.part") if not part.match("*.etag.part")]  # noqa: E731
        arrived = lambda: [part for part in parts() if part.stat().st_size] or process.poll() is not None  # noqa: E731
        wait_until(arrived, lambda: self.log(hosting), pause=0.01)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(120) == -signal.SIGKILL, f"the agent had ended before: {self.log(hosting)}"
        (part,) = parts()
        return part


def folder(hosting):
    """Return the agent's folder in the account."""
    return Path(hosting.home) / ".shoplaunch"


def _options(options):
    return [word for name, value in options.items() for word in ("--option", f"{name}={value}")]
