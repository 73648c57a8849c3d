"""Whatever a stranger puts into the broker's queue takes little of a worker's memory, and keeps no hint from coming"""

import secrets
import tracemalloc

import kombu
import pytest

from controller.jobs.engine.broker import link
from controller.jobs.engine.broker.listener import Listener
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.settings.sections import EngineConfig
from tests.attacks.table import attack
from tests.support.servers.brokers import redis
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root
#: A message may have 512 MB, and there may be thousands of them.
MESSAGE_BYTES, MESSAGES = 16 * 1024 * 1024, 3


class Local:
    """This machine's own workers, which nobody needs here."""

    def hint(self, server):
        raise AssertionError(server)


@pytest.fixture(scope="module")
def server():
    """A private Redis (tests.support.servers.brokers.redis.Redis)."""
    made = redis.start_private()
    yield made
    redis.stop_private(made)


@attack(
    "a stranger who may write to the broker puts messages of any size into the workers' queue",
    "none comes into memory: they leave the queue, and hints are heard as before",
)
def test_messages_without_end_are_not_held(server):
    broker = link.of(EngineConfig("celery", broker_url=server.url(), queue="q" + secrets.token_hex(6)))
    strangers = kombu.Connection(server.url()).default_channel.client
    for _ in range(MESSAGES):
        strangers.lpush(broker.queue, bytes(MESSAGE_BYTES))
    came = []
    made = Listener(broker, came.append, lambda: True)
    tracemalloc.start()
    try:
        made.start()
        wait_until(lambda: made.is_healthy)
        BrokerHints(broker, Local()).hint("web1")
        wait_until(lambda: came == ["web1"])
        assert tracemalloc.get_traced_memory()[1] < MESSAGE_BYTES / 4
    finally:
        tracemalloc.stop()
        made.ask_to_stop()
    assert strangers.llen(broker.queue) == 0
