"""A controller whose orders come from billing, on each kind of state database."""

import time
from urllib.parse import quote_plus

import pytest

from controller.billing.whmcs.driver import Whmcs
from controller.billing.whmcs.settings import WhmcsSettings
from controller.db.connection.engine import make_engine, transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from tests.support.clock import Clock
from tests.support.state.state_database import make_tables


@pytest.fixture(params=["sqlite", "mariadb"])
def world(request, tmp_path):
    """A whole controller (tests.support.worlds.world.World); web1 has the host name web1.example.net."""
    from tests.support.worlds.world import World

    engine = make_engine(state_url(request, tmp_path, request.param))
    make_tables(engine)
    made = World(tmp_path, engine)
    rename(engine, "web1", url="https://web1.example.net:2087")
    yield made
    made.close()
    engine.dispose()


def state_url(request, folder, kind):
    """Return the URL of a new, empty state database."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/state.db"
    server = request.getfixturevalue("mariadb_server")
    name, user, password = server.new_database()
    return f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={server.socket}"


def rename(engine, name, **columns):
    """Give a server other columns."""
    import sqlalchemy as sa

    from controller.db.tables import servers as table

    transact(
        engine, lambda connection: connection.execute(sa.update(table).where(table.c.name == name).values(columns))
    )


@pytest.fixture
def add_server(world):
    """Add a server with this address to the world."""

    def add(name, url):
        transact(world.engine, lambda c: servers.add(c, Server(name, "local", url=url), time.time()))

    return add


@pytest.fixture
def whmcs():
    """A WHMCS (tests.fakes.whmcs.server.Whmcs) with client 5 and its service 1042."""
    from tests.fakes.whmcs.server import Whmcs

    running = Whmcs()
    running.books.add_client("5")
    running.books.add_service("1042")
    yield running
    running.close()


@pytest.fixture
def settings(tmp_path, whmcs):
    """Return a function: changes -> section [whmcs] for that WHMCS."""
    from tests.fakes.whmcs.server import IDENTIFIER, SECRET

    (tmp_path / "secret").write_text(SECRET + "\n")

    def make(**changes):
        return {
            "url": whmcs.url, "identifier": IDENTIFIER, "secret_file": str(tmp_path / "secret"), "department": 2,
            "admin": "support", **changes,
        }  # fmt: skip

    return make


@pytest.fixture
def billed_world(request, tmp_path, settings):
    """A controller whose billing is that WHMCS (tests.integration.billing.orders.BilledWorld).

    Its state lies in SQLite, in MariaDB when a test asks for it by parameter.
    """
    from tests.integration.billing.orders import BilledWorld

    wanted = getattr(request, "param", "sqlite")
    engine = make_engine(state_url(request, tmp_path, wanted))
    make_tables(engine)
    made = BilledWorld(tmp_path, engine, settings())
    rename(engine, "web1", url="https://web1.example.net:2087")
    yield made
    made.close()
    engine.dispose()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def driver(settings, clock):
    """Return a function: changes of the section -> driver."""
    return lambda operator=None, **changes: Whmcs(WhmcsSettings.from_dict(settings(**changes)), operator, clock)
