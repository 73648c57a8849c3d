"""State databases of every kind, and an installation that several processes work for."""

import pytest

from controller.db.connection.engine import make_engine
from tests.attacks.clocks.clock_process import SharedWorld
from tests.support.state.state_database import SERVERS_NOW_AND_THEN, make_tables, new_url, url_at


@pytest.fixture(params=["sqlite", *SERVERS_NOW_AND_THEN])
def database_url(request, tmp_path):
    """The URL of a new, empty state database: an SQLite file; every other day a real MariaDB or PostgreSQL."""
    return new_url(request, tmp_path, request.param)


@pytest.fixture
def shared(tmp_path, mariadb_server):
    """An installation that several processes work for (tests.attacks.clocks.clock_process.SharedWorld)."""
    url = url_at(mariadb_server)
    engine = make_engine(url)
    make_tables(engine)
    engine.dispose()
    made = SharedWorld(tmp_path, url)
    yield made
    made.close()
