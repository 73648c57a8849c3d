"""Hints by a real Redis and a real RabbitMQ: what comes is a server's name or nothing; nobody waits for a broker."""

import json
import logging
import os
import secrets
import socket
import threading
import time
import tracemalloc
import zlib

import kombu
import pytest

from controller.jobs.engine.broker import link, listener, messages, publisher
from controller.jobs.engine.broker.listener import Listener
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.settings.sections import EngineConfig
from tests.integration.brokers.local_hints import LocalHints
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


class Broker:
    """A queue of a test's own at a running broker; closes what the test has made."""

    def __init__(self, server):
        self.server = server
        self.config = EngineConfig("celery", broker_url=server.url(), queue="q" + secrets.token_hex(6))
        self.link = link.of(self.config)
        self.local, self._made = LocalHints(), []

    def hints(self):
        return BrokerHints(self.link, self.local)

    def listener(self, has_room=lambda: True):
        """Return (a listener that has heard itself, what it was given)."""
        came = []
        made = Listener(self.link, came.append, has_room)
        made.start()
        self._made.append(made)
        wait_until(lambda: made.is_healthy)
        return made, came

    def send(self, body, content_type="application/json", queue=None, **headers):
        """Put a message of a stranger into the queue."""
        with self.link.connection() as connection:
            connection.Producer().publish(
                body, exchange="", routing_key=queue or self.link.queue, content_type=content_type,
                content_encoding="utf-8", headers=headers,
            )  # fmt: skip

    def close(self):
        for one in self._made:
            one.ask_to_stop()


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request):
    """A broker of each kind (Broker)."""
    made = Broker(request.getfixturevalue(f"{request.param}_server"))
    yield made
    made.close()


def test_a_hint_reaches_one_worker_of_another_process_or_machine(broker):
    _first, came = broker.listener()
    _second, others = broker.listener()
    hints = broker.hints()
    for number in range(20):
        hints.hint(f"web{number}")
    wait_until(lambda: len(came) + len(others) == 20)
    assert sorted(came + others) == sorted(f"web{number}" for number in range(20))
    assert broker.local.hinted == []


def test_a_worker_without_room_leaves_hints_to_others(broker, monkeypatch):
    monkeypatch.setattr(listener, "FULL_SECONDS", 3600.0)
    has_room = threading.Event()
    has_room.set()
    _full, kept = broker.listener(has_room.is_set)
    has_room.clear()
    _other, came = broker.listener()
    hints = broker.hints()
    for number in range(20):
        hints.hint(f"web{number}")
    # What the full one was about to take, it keeps
    wait_until(lambda: len(kept) + len(came) >= 18)
    assert len(kept) <= 2
    has_room.set()
    wait_until(lambda: len(kept) + len(came) == 20)


def test_a_hint_that_was_taken_comes_to_nobody_again_whatever_becomes_of_who_took_it(broker):
    made, came = broker.listener()
    hints = broker.hints()

    def fail(server):
        came.append(server)
        made._received = came.append
        raise RuntimeError("cut off")

    made._received = fail
    hints.hint("web1")
    # Its connection is gone by that, without a word for the hint
    wait_until(lambda: made.counts["failed"] == 1 and made.is_healthy)
    hints.hint("web2")
    wait_until(lambda: "web2" in came)
    assert came == ["web1", "web2"]


#: Far more than any hint has, and than a library of Redis' or RabbitMQ's takes by itself.
LARGE = 8 * 1024 * 1024
STRANGE = {
    "no JSON": {"body": b"\xff\xfe"},
    "JSON that is no task": {"body": json.dumps({"server": "web1"}).encode()},
    "deep JSON": {"body": b"[" * 4000},
    "another task": {"body": json.dumps([["web1"], {}, {}]).encode(), "task": "os.system"},
    "no task": {"body": json.dumps([["web1"], {}, {}]).encode()},
    "a task that is no text": {"body": json.dumps([["web1"], {}, {}]).encode(), "task": {"a": 1}},
    "two arguments": {"body": json.dumps([["web1", "web2"], {}, {}]).encode(), "task": messages.HINT},
    "no argument": {"body": json.dumps([[], {}, {}]).encode(), "task": messages.HINT},
    "a number": {"body": json.dumps([[1], {}, {}]).encode(), "task": messages.HINT},
    "no server's name": {"body": json.dumps([["a b'; --"], {}, {}]).encode(), "task": messages.HINT},
    "a long name": {"body": json.dumps([["a" * 64], {}, {}]).encode(), "task": messages.HINT},
    "a large message": {"body": json.dumps([["web1"], {}, {"x": "y" * 9000}]).encode(), "task": messages.HINT},
    "pickle": {
        "body": b"cos\nsystem\n(S'touch /tmp/never'\ntR.", "task": messages.HINT,
        "content_type": "application/x-python-serialize",
    },
    "a hint that says it is packed": {
        "body": zlib.compress(json.dumps([["web1"], {}, {}]).encode()), "task": messages.HINT,
        "compression": "application/x-gzip",
    },
    "something packed that is not": {"body": b"web1", "task": messages.HINT, "compression": "application/x-bz2"},
    "an echo of somebody else": {"body": json.dumps([["0" * 32], {}, {}]).encode(), "task": messages.ECHO},
}  # fmt: skip


def test_what_is_no_hint_is_ignored_and_counted_and_hints_come_on(broker, caplog):
    made, came = broker.listener()
    with caplog.at_level(logging.WARNING):
        for strange in STRANGE.values():
            broker.send(**strange)
        wait_until(lambda: made.counts["ignored"] == len(STRANGE))
        broker.hints().hint("web1")
        wait_until(lambda: came == ["web1"])
    assert made.counts["failed"] == 0
    assert not os.path.exists("/tmp/never")
    assert "are no hints were ignored" in caplog.text and "touch" not in caplog.text


def test_other_requests_in_a_message_are_ignored(broker):
    _made, came = broker.listener()
    more = {"callbacks": [{"task": messages.HINT, "args": ["web2"]}], "chord": None, "errbacks": None}
    broker.send(
        json.dumps([["web1"], {}, more]).encode(), task=messages.HINT, eta="2999-01-01T00:00:00+00:00",
        expires="2001-01-01T00:00:00+00:00", retries=99, reply_to="elsewhere",
    )  # fmt: skip
    broker.hints().hint("web3")
    wait_until(lambda: came == ["web1", "web3"])


def test_of_a_message_of_megabytes_nothing_is_held_and_hints_come_on(broker):
    with broker.link.connection() as connection:
        # RabbitMQ drops what it has no queue for
        broker.link.shared()(connection.default_channel).declare()
    for _ in range(2):
        broker.send(b'[["web1"], {}, {"x": "' + LARGE * b"y" + b'"}]', task=messages.HINT)
    tracemalloc.start()
    try:
        made, came = broker.listener()
        broker.hints().hint("web2")
        wait_until(lambda: came == ["web2"] and made.is_healthy)
        assert tracemalloc.get_traced_memory()[1] < LARGE / 4
    finally:
        tracemalloc.stop()


def test_a_list_of_redis_that_a_stranger_fills_with_garbage_ends_no_listener(redis_server):
    broker = Broker(redis_server)
    made, came = broker.listener()
    garbage = [
        b"\x00",
        b"{}",
        b"[]",
        b"null",
        b'{"body": 1}',
        b'{"properties": {}, "headers": [], "body": {}}',
        b"[" * 9999,
    ]
    redis = kombu.Connection(broker.server.url()).default_channel.client
    for one in garbage:
        redis.lpush(broker.link.queue, one)
    wait_until(lambda: made.counts["ignored"] >= len(garbage))
    broker.hints().hint("web1")
    wait_until(lambda: came == ["web1"])
    assert made.counts["failed"] == 0
    broker.close()


def test_hints_that_nobody_takes_are_few_and_gone_after_a_while(redis_server, monkeypatch):
    monkeypatch.setattr(link, "MOST_HINTS", 10)
    monkeypatch.setattr(publisher, "BOUND_EVERY", 1 + 1)
    broker = Broker(redis_server)
    hints = broker.hints()
    for number in range(101):
        hints.hint(f"web{number}")
    hints.flush(60)
    redis = kombu.Connection(broker.server.url()).default_channel.client
    wait_until(lambda: redis.llen(broker.link.queue) <= 11)
    assert 0 < redis.ttl(broker.link.queue) <= link.HINT_SECONDS


def test_a_list_of_redis_that_was_emptied_and_is_there_again_ends_as_the_first_one(redis_server):
    broker = Broker(redis_server)
    hints = broker.hints()
    redis = kombu.Connection(broker.server.url()).default_channel.client
    for server in ("web1", "web2"):
        hints.hint(server)
        hints.flush(60)
        assert 0 < redis.ttl(broker.link.queue) <= link.HINT_SECONDS
        # As by a worker that takes the last one
        redis.delete(broker.link.queue)


def silent():
    """Return a listening socket whose clients are accepted and never answered."""
    made = socket.create_server(("127.0.0.1", 0))
    made.listen(64)
    return made


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("kind", ["gone", "silent", "another protocol"])
def test_a_broker_that_does_not_answer_holds_up_no_order_and_this_machines_workers_look(scheme, kind, monkeypatch):
    monkeypatch.setattr(link, "CALL_SECONDS", 0.5)
    server = silent()
    port = server.getsockname()[1]
    if kind == "gone":
        server.close()
    if kind == "another protocol":
        threading.Thread(target=_answers_nonsense, args=(server,), daemon=True).start()
    local = LocalHints()
    hints = BrokerHints(link.of(EngineConfig("celery", broker_url=f"{scheme}://u:p@127.0.0.1:{port}/")), local)
    given = threading.Event()

    def order():
        for number in range(1000):
            hints.hint(f"web{number}")
        given.set()

    threading.Thread(target=order, daemon=True).start()
    # Far less than a single call to such a broker takes
    assert given.wait(60)
    # Each of them, also what came while the broker was waited for
    wait_until(lambda: len(set(local.hinted)) == 1000)
    server.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_an_order_is_through_while_the_broker_that_never_answers_is_still_waited_for(scheme, monkeypatch):
    monkeypatch.setattr(link, "CALL_SECONDS", 3600.0)
    server = silent()
    config = EngineConfig("celery", broker_url=f"{scheme}://u:p@127.0.0.1:{server.getsockname()[1]}/")
    local, given = LocalHints(), threading.Event()
    hints = BrokerHints(link.of(config), local)

    def order():
        hints.hint("web1")
        given.set()

    threading.Thread(target=order, daemon=True).start()
    assert given.wait(60)
    client = server.accept()[0]
    assert local.hinted == []
    client.close()
    server.close()
    wait_until(lambda: local.hinted == ["web1"])


def _answers_nonsense(server):
    while True:
        try:
            client = server.accept()[0]
        except OSError:
            return
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 20)
        client.close()


def test_hints_reach_workers_again_once_a_frozen_broker_goes_on(broker, monkeypatch):
    for module, name, seconds in (
        (link, "CALL_SECONDS", 0.5),
        (listener, "DEAF_SECONDS", 3.0),
        (listener, "ECHO_SECONDS", 0.5),
    ):
        monkeypatch.setattr(module, name, seconds)
    monkeypatch.setattr(publisher, "LONGEST_PAUSE_SECONDS", 0.5)
    monkeypatch.setattr(publisher, "PAUSE_SECONDS", 0.1)
    broker.link = link.of(broker.config)
    made, came = broker.listener()
    hints = broker.hints()
    broker.server.freeze()
    try:
        wait_until(lambda: not made.is_healthy)
        hints.hint("web1")
    finally:
        broker.server.thaw()
    wait_until(lambda: made.is_healthy)

    def is_heard():
        hints.hint("web2")
        time.sleep(0.05)
        return "web2" in came

    wait_until(is_heard)


@pytest.mark.sampled(of=2)
def test_a_worker_hears_itself_again_and_again_by_one_connection(broker, monkeypatch):
    monkeypatch.setattr(listener, "ECHO_SECONDS", 0.1)
    made, _came = broker.listener()
    wait_until(lambda: made.counts["echoes"] >= 20)
    # No answer to something else was taken for a message
    assert made.counts["failed"] == made.counts["ignored"] == 0


def test_a_worker_that_went_deaf_notices_and_connects_anew(broker, monkeypatch):
    monkeypatch.setattr(listener, "DEAF_SECONDS", 2.0)
    monkeypatch.setattr(listener, "ECHO_SECONDS", 0.3)
    deaf = threading.Event()
    take = Listener._take
    # As with consumers that are lost in a reconnect: the connection lives, and brings nothing
    monkeypatch.setattr(Listener, "_take", lambda self, message: None if deaf.is_set() else take(self, message))
    made, came = broker.listener()
    deaf.set()
    wait_until(lambda: made.counts["failed"] and not made.is_healthy)
    deaf.clear()
    wait_until(lambda: made.is_healthy)
    broker.hints().hint("web1")
    wait_until(lambda: "web1" in came)


def test_a_broker_that_is_emptied_loses_hints_and_no_worker(redis_server):
    broker = Broker(redis_server)
    made, came = broker.listener()
    redis_server.command("FLUSHALL")
    broker.hints().hint("web1")
    wait_until(lambda: came == ["web1"])
    assert made.counts["failed"] == 0
    broker.close()


def test_a_full_redis_is_one_that_takes_no_hints(redis_server):
    broker = Broker(redis_server)
    redis_server.command("CONFIG", "SET", "maxmemory", "1")
    try:
        broker.hints().hint("web1")
        wait_until(lambda: broker.local.hinted == ["web1"])
    finally:
        redis_server.command("CONFIG", "SET", "maxmemory", "0")


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_wrong_password_is_in_no_log(request, kind, caplog):
    server = request.getfixturevalue(f"{kind}_server")
    wrong = link.of(
        EngineConfig("celery", broker_url=server.url().replace(server.url().split(":")[2].split("@")[0], "hush%2Fhush"))
    )
    assert "hush" not in repr(wrong)
    local = LocalHints()
    with caplog.at_level(logging.DEBUG):
        BrokerHints(wrong, local).hint("web1")
        made = Listener(wrong, lambda _server: None, lambda: True)
        made.start()
        wait_until(lambda: local.hinted and made.counts["failed"])
        made.ask_to_stop()
    assert "hush" not in caplog.text and server.password not in caplog.text


@pytest.mark.parametrize("url", ["", "http://127.0.0.1/", "redis://", "amqp://u:hush@host:port/", "redis://u:hu[sh@h/"])
def test_an_address_that_is_none_is_refused_without_being_quoted(url):
    with pytest.raises(Exception, match="broker_url") as caught:
        link.of(EngineConfig("celery", broker_url=url))
    assert "hush" not in str(caught.value) and "hu[sh" not in str(caught.value)
