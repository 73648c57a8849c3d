"""Brokers of the run's own: started by the first test that asks for one. What needs them stands in this folder."""

import pytest

from tests.support.servers import rabbitmq, redis


@pytest.fixture(scope="session")
def redis_server():
    """A private Redis for the whole run (tests.support.servers.redis.Redis)."""
    server = redis.start_private()
    yield server
    redis.stop_private(server)


@pytest.fixture(scope="session")
def rabbitmq_server():
    """A private RabbitMQ for the whole run (tests.support.servers.rabbitmq.RabbitMQ)."""
    server = rabbitmq.start_private()
    yield server
    rabbitmq.stop_private(server)
