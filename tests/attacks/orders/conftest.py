"""Sites on which orders are refused."""

import pytest
import sqlalchemy as sa

from controller.db.connection.engine import transact
from controller.db.tables import refused_orders


@pytest.fixture
def nothing_is_refused(site):
    """What one test leaves refused no other sees."""
    yield
    transact(site.service.installation.engine, lambda connection: connection.execute(sa.delete(refused_orders)))
