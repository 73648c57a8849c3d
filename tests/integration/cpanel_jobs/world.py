"""A controller whose only server is a cPanel server; nothing starts its agents: what they would find is looked at."""

import stat
import subprocess
from pathlib import Path

import sqlalchemy as sa

from controller.agent_archive.ascii_armor import agent_digest
from controller.agent_archive.build import launcher
from controller.agent_archive.versions import trusting
from controller.db.connection.engine import make_engine, transact
from controller.db.machines import servers
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.jobs.steps.drop import agent_files
from controller.panels.registry import open_panel
from controller.settings.loading import load_config
from shared.encoding import sha256_hex
from tests.support.clock import START
from tests.support.state.state_database import make_tables
from tests.support.worlds.world import World

#: What lies in ~/.shoplaunch until the agent starts.
MODES = {"agent.pyz": 0o600, "agent.sha256": 0o600, "job": 0o600, "run": 0o700}


class CpanelWorld(World):
    """`web1` is the server `whm` with root's or a reseller's token; `sell` orders a shop for an account on it."""

    def __init__(self, folder, whm, *, reseller=False, **settings):
        (folder / "home").mkdir()
        # Its own database, where servers that refused us are marked
        engine = make_engine(load_config({"SHOPLAUNCH_HOME": str(folder / "home")}).database_url)
        # How long the disk takes is not to count as a round trip
        sa.event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous=OFF"))
        make_tables(engine)
        super().__init__(folder, engine)
        self.whm = whm
        self.owner, self.token = whm.reseller() if reseller else ("root", whm.token(acls=("all",)))
        if not reseller:
            # Another token than other tests had: whether it works nobody knows yet
            whm.state.find_token("whm", "root", self.token).everything = True
        row = servers.Server(
            "cp1", "cpanel", whm.url, self.owner, self.keys.encrypt(self.token), whm.ca_file,
            {"http_port": whm.http_port, "skeleton": "none", **settings},
        )  # fmt: skip
        transact(engine, lambda connection: servers.add(connection, row, START))
        self.service = Service(Installation(self.config, engine, self.keys, billing=self.mail, clock=self.clock))
        self.worker = self.service.jobs.worker()

    def set(self, **settings):
        """The server's settings are these, too."""
        self.change(settings={**self.server().settings, **settings})

    def change(self, **columns):
        """The server's row says this."""
        row = servers.Server(**{**vars(self.server()), **columns})
        transact(self.engine, lambda connection: servers.change(connection, row))

    def give_agent(self, agent):
        """The installation has a real launcher, and the agent (bytes of its archive), which knows the world's keys."""
        (self.config.agent / "run").write_bytes(launcher())
        (self.config.agent / "agent.pyz").write_bytes(trusting(agent, self.keys.public_keys()))

    def server(self):
        """Return the server's row."""
        with self.engine.connect() as connection:
            return servers.get(connection, "cp1")

    def server_panel(self):
        """Return the server's panel, as the command line opens it."""
        return open_panel(self.config, self.server())

    def hosting(self, **more):
        """Return a new account of the test for which cron starts nothing (tests.fakes.whm.state.Hosting)."""
        hosting = self.whm.add_account(owner=self.owner, **more)
        return self.quiet(hosting)

    def quiet(self, hosting):
        """Cron starts nothing for the account; return it."""
        subprocess.run(["usermod", "--expiredate", "1", hosting.user], check=True)
        return hosting

    def sell(self, hosting, **more):
        """Order a shop for the account; return the job."""
        order = {"server": "cp1", "account": hosting.user, "domain": hosting.domain, "create_account": False}
        return self.order(**{**order, **more})

    def close(self):
        super().close()
        self.engine.dispose()


def prepared(world, hosting, job):
    """The job lies in the account with everything it needs, closed to others; return its files' modes."""
    assert world.job(job).state == "dropped", world.status(job)
    folder = Path(hosting.home) / ".shoplaunch"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert set(modes) == set(MODES) and modes["job"] == MODES["job"], modes
    files = agent_files(world.config.agent)
    assert (folder / "run").read_bytes() == files.launcher
    assert agent_digest((folder / "agent.pyz").read_bytes()) == sha256_hex(files.agent)
    panel = world.server_panel()
    account = panel.find_account(hosting.user)
    assert panel.file_sha256(account, ".shoplaunch/agent.pyz") == sha256_hex(files.agent)
    assert [line for line in panel.cron_lines(account) if f"# shoplaunch:{job.id}" in line]
    assert hosting.grants
    return modes
