"""State databases of every kind."""

import pytest

from tests.support.state.state_database import SERVERS, new_url


@pytest.fixture(params=["sqlite", *SERVERS])
def database_url(request, tmp_path):
    """The URL of a new, empty state database: an SQLite file, then a real MariaDB or PostgreSQL, in alternation."""
    return new_url(request, tmp_path, request.param)
