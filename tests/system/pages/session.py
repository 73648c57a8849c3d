"""A machine as the pages suppose it: nothing is installed yet, a template shop runs, a cPanel server is near."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from controller.cli import main
from controller.settings.loading import load_config
from controller.setup.installation import ensure_installation
from tests.fakes.whm.double import WhmDouble
from tests.support.servers.local_server import copy_new_data
from tests.support.shops import sample_shop
from tests.support.waiting import wait_until
from tests.support.worlds.whole import PROJECT, TEMPLATE_DOMAIN, Whole

OPERATOR = "nora"
SECONDS = 300
#: What only a shell understands, and what asks the process for more than one command.
_NEEDS_A_SHELL = re.compile(r"[|&;<>$`]")


class Session:
    """`run` runs a command line of a page; leaving the `with` removes everything."""

    def __init__(self):
        self.whole = Whole()
        self.world = self.whole.world
        self._stack = contextlib.ExitStack()
        self._known = {}

    def __enter__(self):
        with self._stack:
            self._stack.callback(self.whole.remove)
            self._populate()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *reason):
        return self._stack.__exit__(*reason)

    def _populate(self):
        """The machine's services run and the template is installed; of Shoplaunch there is but the settings file."""
        from world import free_port, start_cron

        world = self.world
        world.accounts.mkdir(parents=True)
        world.accounts.chmod(0o755)
        world.mail.mkdir()
        copy_new_data(world.stack)
        world.stack.start()
        start_cron(world.directory)
        world.home.mkdir()
        world._write_settings(free_port())
        self.folder = self.whole.directory / "at-work"
        self.folder.mkdir()
        root, self.database, self.password = world.install_sample(TEMPLATE_DOMAIN, sample_shop.pictures())
        self._known |= {"root": str(root), "database": self.database, "password": self.password}
        self._known |= {"project": str(PROJECT), "home": str(world.home), "account": self.whole.new_name()}
        self._known |= {"saved": str(self.folder / "saved.tgz")}

    # -- commands ----------------------------------------------------------------------------------------------------

    def run(self, line, answer=""):
        """Run `line` in a shell, with what stands in braces filled in; return (exit code, what was said)."""
        if line == "{serve}":
            self.world._serve()
            return 0, ""
        filled = re.sub(r"\{([a-z_]+)\}", lambda match: self.value(match[1]), line)
        if filled.startswith("shoplaunch ") and not _NEEDS_A_SHELL.search(filled):
            return self._within(filled, answer)
        environment = self.world.environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        folder = PROJECT if re.match(r"([A-Z_]+=\S+ )?make |python -", filled) else self.folder
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", filled], cwd=folder, env=environment, input=answer, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=SECONDS,
        )  # fmt: skip
        return done.returncode, f"$ {filled}\n{done.stdout}"

    def _within(self, line, answer):
        """Run the command in this process, which saves starting one: the command line is the same."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(main, shlex.split(line)[1:], input=answer, env=self.world.environment())
        trouble = (
            "" if done.exception is None or isinstance(done.exception, SystemExit) else f"Traceback: {done.exception!r}"
        )
        return done.exit_code, f"$ {line}\n{done.output}{trouble}"

    # -- what the pages leave open -------------------------------------------------------------------------------------

    def value(self, name):
        """Return what stands for `name`; it is made when it is first needed."""
        if name not in self._known:
            made = getattr(self, f"_make_{name}")()
            self._known |= made if isinstance(made, dict) else {name: made}
            if name == "live_anew":
                return self._known.pop(name)
        return self._known[name]

    def _make_live(self):
        (job,) = self.world.json("jobs")
        return job["id"]

    def _make_live_anew(self):
        """The shop lives, and no follow-up job of it is under way."""
        whole, ended = self.whole, ("live", "failed", "cancelled")
        listed = whole.service.jobs.listed
        wait_until(lambda: all(job.state in ended for job in listed()), pause=0.2)
        return self.value("live")

    def _make_restart(self):
        """`serve` is ended and started anew."""
        self.world.stop_controller()
        self.world._serve()
        return "true"

    def _make_failed(self):
        words = ("--server", "web1", "--bundle", "classic", "--account", self.whole.new_name())
        job = self.world.json("order", *words, "--domain", "none.localhost", "--email", "owner@example.com")
        self.whole.wait(job, "failed")
        return job["id"]

    def _make_refused(self):
        document = {"server": "web1", "bundle": "nosuch", "domain": "refused.localhost", "account": "nobody"}
        answer = self.whole.signed("POST", "/api/v1/orders", document | {"email": "owner@example.com"})
        assert answer.status_code >= 400, answer.text
        (order,) = self.world.json("refused", "list")
        return str(order["id"])

    def _make_operator(self):
        self.world.run("user", "add", OPERATOR)
        return OPERATOR

    def _make_second(self):
        home = self.whole.directory / "second"
        ensure_installation(load_config({"SHOPLAUNCH_HOME": str(home)}))
        return str(home)

    def _make_debs(self):
        """A folder with an empty package of the real one's name, and what dpkg notes of it where it is installed."""
        debs = self.whole.directory / "debs"
        (debs / "package" / "DEBIAN").mkdir(parents=True)
        (named,) = re.findall(r"^Package: .*$", (PROJECT / "packaging" / "debian" / "control").read_text(), re.M)
        lines = [named, "Version: 1", "Architecture: all", "Maintainer: a <a@example.com>", "Description: empty"]
        (debs / "package" / "DEBIAN" / "control").write_text("\n".join([*lines, ""]))
        (debs / "status").write_text("\n".join([*lines, "Status: install ok installed", ""]))
        made = debs / "build" / "deb" / "shoplaunch_1_all.deb"
        made.parent.mkdir(parents=True)
        subprocess.run(["dpkg-deb", "--build", debs / "package", made], check=True, stdout=subprocess.DEVNULL)
        (debs / "FILE.deb").write_bytes(made.read_bytes())
        return str(debs)

    def _make_units(self):
        """The root of a system that has the units of the package, of Apache and of MariaDB; no other uses it."""
        root, system = self.whole.directory / "system", Path("usr/lib/systemd/system")
        (root / system).mkdir(parents=True)
        ours = (PROJECT / "packaging" / "systemd").glob("*.service")
        for unit in (*ours, *(Path("/", system, name) for name in ("apache2.service", "mariadb.service"))):
            (root / system / unit.name).write_bytes(unit.read_bytes())
        return str(root)

    # -- the cPanel server ---------------------------------------------------------------------------------------------

    def _cpanel(self):
        whm = self._stack.enter_context(WhmDouble())
        user, token = whm.reseller()
        files = {"token": token, "own_token": whm.cpanel_token(user)}
        for name, text in files.items():
            (self.folder / name).write_text(text)
        paths = {name: str(self.folder / name) for name in files}
        return {"whm": whm.url, "reseller": user, "ca": str(whm.ca_file), "cpanel": whm.cpanel_url, **paths}

    _make_whm = _make_reseller = _make_ca = _make_cpanel = _make_token = _make_own_token = _cpanel
