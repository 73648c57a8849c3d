"""Hints that come to nobody: the broker answers no more, though the connection takes them, or no worker listens."""

import socket

import pytest

from controller.jobs.engine.broker import link, publisher
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.settings.sections import EngineConfig
from tests.integration.brokers.local_hints import LocalHints
from tests.integration.brokers.test_broker_hints import Broker
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_hints_for_a_broker_that_answers_no_more_go_to_this_machines_workers(request, monkeypatch, kind):
    monkeypatch.setattr(link, "CALL_SECONDS", 1.0)
    broker = Broker(request.getfixturevalue(f"{kind}_server"))
    hints = broker.hints()

    def is_connected():
        hints.hint("web1")
        hints.flush(60)
        return hints._connection is not None

    wait_until(is_connected)
    broker.server.freeze()
    try:
        # As where its machine has lost its power: the sender's connection says nothing of it
        hints.hint("web2")
        wait_until(lambda: "web2" in broker.local.hinted)
    finally:
        broker.server.thaw()


def test_a_broker_that_failed_is_left_alone_for_a_while_also_after_a_round_without_hints(monkeypatch):
    monkeypatch.setattr(publisher, "PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(publisher, "LONGEST_PAUSE_SECONDS", 3600.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url, local = f"redis://127.0.0.1:{taken.getsockname()[1]}/", LocalHints()
        hints = BrokerHints(link.of(EngineConfig("celery", broker_url=url)), local)
        hints.hint("web1")
        wait_until(lambda: local.hinted == ["web1"])
        # As by a hint that came with the one before, and is sent already
        hints._idle.clear()
        hints._news.set()
        assert hints._idle.wait(60)
        assert hints._is_paused()


def test_hints_that_nobody_takes_from_a_rabbitmq_are_gone_after_a_while(rabbitmq_server, monkeypatch):
    monkeypatch.setattr(link, "HINT_SECONDS", 1)
    broker = Broker(rabbitmq_server)
    with broker.link.connection() as connection:
        queue = broker.link.shared()(connection.default_channel)
        queue.declare()
        hints = broker.hints()
        hints.hint("web1")
        hints.flush(60)
        # It was taken
        assert broker.local.hinted == [] and hints._connection is not None
        wait_until(lambda: queue.queue_declare(passive=True).message_count == 0)
