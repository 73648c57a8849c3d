"""Brokers of the tests of this folder, where all that needs them stands: started by the first that asks for one."""

import pytest

from tests.support.servers import rabbitmq, redis


@pytest.fixture(scope="package")
def redis_server():
    """A private Redis (tests.support.servers.redis.Redis)."""
    server = redis.start_private()
    yield server
    redis.stop_private(server)


@pytest.fixture(scope="package")
def rabbitmq_server():
    """A private RabbitMQ (tests.support.servers.rabbitmq.RabbitMQ)."""
    server = rabbitmq.start_private()
    yield server
    rabbitmq.stop_private(server)
