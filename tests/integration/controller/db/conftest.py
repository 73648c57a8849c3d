"""State databases of every kind."""

import pytest

from tests.support.state.state_database import KINDS, new_url


@pytest.fixture(params=KINDS)
def database_url(request, tmp_path):
    """The URL of a new, empty state database: an SQLite file, then one of a real MariaDB, then of a real PostgreSQL."""
    return new_url(request, tmp_path, request.param)
