"""State databases of every kind."""

import pytest

from tests.support.state_database import SERVERS_NOW_AND_THEN, new_url


@pytest.fixture(params=["sqlite", *SERVERS_NOW_AND_THEN])
def database_url(request, tmp_path):
    """The URL of a new, empty state database: an SQLite file; every other day a real MariaDB or PostgreSQL."""
    return new_url(request, tmp_path, request.param)
