"""State databases of the kinds that most tests need; those of the database itself meet all."""

import pytest

from controller.db.connection.engine import make_engine
from tests.support.state.state_database import make_tables, new_url


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.sampled(of=2, rests=True))])
def database_url(request, tmp_path):
    """The URL of a new, empty state database: an SQLite file; every other day one of a real MariaDB."""
    return new_url(request, tmp_path, request.param)


@pytest.fixture
def engine(database_url):
    """An engine on a state database that has its tables."""
    made = make_engine(database_url)
    make_tables(made)
    yield made
    made.dispose()


@pytest.fixture
def world(tmp_path, engine):
    """A whole controller on each kind of state database (tests.support.worlds.world.World)."""
    from tests.support.worlds.world import World

    made = World(tmp_path, engine)
    yield made
    made.close()


@pytest.fixture(scope="session")
def tls_authority(tmp_path_factory):
    """An authority whose certificates nobody but these tests believes (tls_site.Authority)."""
    from tests.support.servers.web.tls_site import Authority

    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secure(world, tls_authority):
    """The shop's server over TLS, with a certificate of the test's authority for the shop's name."""
    from tests.support.servers.web.tls_site import TlsSite

    site = TlsSite(tls_authority.issue("shop.example.com"))
    world.panel.tls_port = site.port
    object.__setattr__(world.config, "tls_ca", str(tls_authority.file))
    yield site
    site.close()
