"""What earlier versions left: as files and rows, and on a machine where this version goes on with it."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import make_engine
from controller.jobs.intake.installation import Installation as Parts
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.panels.local.private_stack.stack import free_port
from controller.settings.loading import load_config
from tests.support.state.earlier import UPDATE_SECONDS, Answering, Clock, Left, Machine, agents_clock, load_sql

#: Every version that was given to somebody; the newest last.
VERSIONS = ("9e78168",)


@pytest.fixture(scope="package", params=VERSIONS)
def left(request):
    """What that version left (tests.support.state.earlier.Left)."""
    return Left(request.param)


@pytest.fixture(scope="package")
def machine(left):
    """A machine where this version goes on with it (tests.support.state.earlier.Machine)."""
    made = Machine(left)
    try:
        yield made.start()
    finally:
        made.remove()


class Installation:
    """The controller's files in a folder of their own, the database migrated by command; nothing moves its jobs."""

    def __init__(self, left, folder, database_url):
        self.left = left
        left.unpack(folder, "controller")
        self.home = folder / "controller"
        self.environment = {"SHOPLAUNCH_HOME": str(self.home)}
        if database_url:
            self.environment["SHOPLAUNCH_DATABASE_URL"] = database_url
        self.migrated = self.run("migrate")
        self.config = load_config(self.environment)
        self.keys = load_keys(self.config.keys)
        self.engine = make_engine(self.config.database_url)
        clock = Clock(left.left_at + UPDATE_SECONDS)
        self.service = Service(Parts(self.config, self.engine, self.keys, clock=clock))

    def run(self, *words):
        """Run a command as an operator does; return what it wrote."""
        done = CliRunner().invoke(main, words, env=self.environment)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output


@pytest.fixture(scope="package", params=["sqlite", "mariadb"])
def installation(request, left, tmp_path_factory):
    """The controller alone, its state on each kind of database (Installation)."""
    url, server = "", None
    if request.param == "mariadb":
        server = request.getfixturevalue("mariadb_server")
        load_sql(server.socket, left.sql("state"))
        url = f"mysql://root@localhost/shoplaunch_earlier?unix_socket={server.socket}"
    made = Installation(left, tmp_path_factory.mktemp("earlier"), url)
    yield made
    made.engine.dispose()
    if server is not None:
        server.drop_database("shoplaunch_earlier")


@pytest.fixture(scope="package")
def site(installation):
    """The address at which the controller alone answers."""
    config = replace(installation.config, public_url=f"http://127.0.0.1:{free_port()}")
    with agents_clock(installation.service.now):
        answering = Answering(config, installation.service)
        try:
            yield config.public_url
        finally:
            answering.close()
