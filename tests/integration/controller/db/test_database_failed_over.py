"""The first database server dies for good in a step, the second one takes its place: the job goes on by itself."""

import subprocess
from contextlib import suppress

import pytest

from controller.db.connection.engine import make_engine
from controller.db.migrate import upgrade
from controller.jobs.engine import step_runner
from controller.jobs.lifecycle import lease
from controller.panels.local.private_stack.stack import free_port
from shared.errors import ShoplaunchError
from tests.support.servers.databases import mariadb, postgresql
from tests.support.waiting import wait_until
from tests.support.worlds.world import Agent, World

#: A commit is reported once the second server has it too: what the first one alone knew would be lost with it.
_BINLOG = ("--log-bin", "--binlog-format=ROW", "--rpl-semi-sync-slave-enabled=1",
           "--rpl-semi-sync-master-wait-point=AFTER_SYNC", "--rpl-semi-sync-master-timeout=60000")  # fmt: skip
_STANDBY = "shoplaunch_standby"


class Mariadbs:
    """A first server, a second one that follows it, and a link that leads to the socket of the one in charge."""

    def __init__(self, folder):
        self.address = folder / "database.sock"
        options = [("--server-id=1", "--skip-networking=0", "--bind-address=127.0.0.1", f"--port={free_port()}"),
                   ("--server-id=2", "--read-only=1")]  # fmt: skip
        self.first, self.second = (mariadb.start_private([*_BINLOG, *more]) for more in options)
        self.first.query("CREATE USER follower@'127.0.0.1' IDENTIFIED BY 'f'")
        self.first.query("GRANT REPLICATION SLAVE ON *.* TO follower@'127.0.0.1'")
        port = self.first.query("SELECT @@port")[0][0]
        self.second.query(
            "CHANGE MASTER TO master_host='127.0.0.1', master_user='follower', master_password='f', "
            f"master_port={port}, master_use_gtid=slave_pos"
        )
        self.second.query("START SLAVE")
        # From the first moment on it would wait for a follower that is not there yet
        self.first.query("SET GLOBAL rpl_semi_sync_master_enabled = 1")
        wait_until(lambda: self.first.query("SHOW STATUS LIKE 'Rpl_semi_sync_master_clients'")[0][1] == "1")
        self.address.symlink_to(self.first.socket)
        self.url = f"mysql://root@localhost/{self.first.new_database()[0]}?unix_socket={self.address}"

    def fail_over(self):
        """The first server is gone; the second one has what it had, and takes changes."""
        self.first.stop(hard=True)
        wait_until(lambda: "waiting for more updates" in str(self.second.query("SHOW SLAVE STATUS")))
        self.second.query("STOP SLAVE")
        self.second.query("SET GLOBAL read_only = 0")
        self.address.unlink()
        self.address.symlink_to(self.second.socket)

    def end(self):
        for server in (self.first, self.second):
            mariadb.stop_private(server)


class Postgresqls:
    """A first server and a standby; the URL names both, the driver takes the one that takes changes."""

    def __init__(self, folder):
        del folder
        self.first = postgresql.start_private(
            ["wal_level=replica", "max_wal_senders=4", "synchronous_commit=on", "hot_standby=on"]
        )
        self.second = postgresql.PostgreSQL(postgresql.tempfile.mkdtemp(prefix="shoplaunch-postgresql-"))
        self.second.directory.chmod(0o755)
        postgresql.shutil.chown(self.second.directory, postgresql.USER, postgresql.USER)
        subprocess.run(
            [postgresql.binaries() / "pg_basebackup", "-D", self.second.data, "-R", "-X", "stream", "--checkpoint=fast",
             "--no-sync", "-d", f"host={self.first.directory} port={self.first.port} application_name={_STANDBY}"],
            check=True, stdout=subprocess.DEVNULL, cwd=self.second.directory, user=postgresql.USER,
            group=postgresql.USER, extra_groups=(),
        )  # fmt: skip
        self.second.start("wal_level=replica", "max_wal_senders=4", "hot_standby=on")
        self.first.query(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
        self.first.query("SELECT pg_reload_conf()")
        wait_until(lambda: self.first.query("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))
        name = self.first.new_database()
        places = f"host={self.first.directory},{self.second.directory}&port={self.first.port},{self.second.port}"
        self.url = f"{self.first.url(name).split('?')[0]}?{places}&target_session_attrs=read-write"

    def fail_over(self):
        """The first server is gone; the standby is the first one now."""
        self.first.stop(hard=True)
        self.second.query("SELECT pg_promote()")

    def end(self):
        for server in (self.first, self.second):
            postgresql.stop_private(server)


@pytest.fixture(params=[Mariadbs, Postgresqls], ids=["mariadb", "postgresql"])
def pair(request, tmp_path):
    """Two servers of which the second one follows the first."""
    made = request.param(tmp_path)
    yield made
    made.end()


def test_a_standby_that_takes_the_place_of_a_dead_server_goes_on_with_the_job(pair, tmp_path, monkeypatch):
    monkeypatch.setattr(step_runner, "NOTE_PAUSE_SECONDS", 0.1)
    engine = make_engine(pair.url)
    upgrade(engine)
    world = World(tmp_path / "world", engine)

    def die():
        world.panel.before.clear()
        pair.fail_over()

    try:
        job = world.order()
        world.panel.before["ensure_privileges"] = die
        with suppress(ShoplaunchError):
            world.work()
        world.clock.pass_by(lease.SECONDS)
        world.work()
        assert world.job(job).state == "dropped"
        agent = Agent(world, job)
        agent.send("started")
        agent.restore()
        agent.clean()
        world.serve(job)
        world.lives_once(job)
    finally:
        world.close()
        engine.dispose()
