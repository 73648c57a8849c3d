"""Brokers of the tests of this folder, where all that needs them stands: started by the first that asks for one."""

import pytest

from controller.db.connection.engine import make_engine
from tests.support.servers.brokers import rabbitmq, redis
from tests.support.state.state_database import make_tables, url_at
from tests.support.worlds.world import World


@pytest.fixture(scope="package")
def redis_server():
    """A private Redis (tests.support.servers.brokers.redis.Redis)."""
    server = redis.start_private()
    yield server
    redis.stop_private(server)


@pytest.fixture(scope="package")
def rabbitmq_server():
    """A private RabbitMQ (tests.support.servers.brokers.rabbitmq.RabbitMQ)."""
    server = rabbitmq.start_private()
    yield server
    rabbitmq.stop_private(server)


@pytest.fixture
def world(tmp_path, mariadb_server):
    """A whole controller, without a worker that runs (tests.support.worlds.world.World)."""
    database = make_engine(url_at(mariadb_server))
    make_tables(database)
    made = World(tmp_path, database)
    yield made
    made.close()
    database.dispose()
