"""A listener and RabbitMQ give each other signs of life: neither keeps a connection whose other end is gone."""

from controller.jobs.engine.broker import link, listener
from tests.integration.brokers.test_broker_hints import Broker
from tests.support.waiting import wait_until


def hangs_up(connection):
    """Return whether the broker has ended the connection, on which nothing is read or sent."""
    connection.connection.sock.settimeout(1)
    try:
        return connection.connection.sock.recv(65536) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_rabbitmq_ends_a_connection_without_a_sign_of_life_and_keeps_a_listeners(rabbitmq_server, monkeypatch):
    # The broker waits for two of them; a listener looks once a second whether its own is due
    monkeypatch.setattr(link, "HEARTBEAT_SECONDS", 4)
    # What it says to itself would be a sign as well
    monkeypatch.setattr(listener, "ECHO_SECONDS", 3600.0)
    monkeypatch.setattr(listener, "DEAF_SECONDS", 3600.0)
    broker = Broker(rabbitmq_server)
    made, came = broker.listener()
    # When the second one is ended, the listener has said nothing for longer than each of them
    for _ in range(2):
        # As of a machine without power
        gone = broker.link.connection(is_tended=True)
        gone.connect()
        try:
            wait_until(lambda gone=gone: hangs_up(gone))
        finally:
            link.close(gone)
    assert made.is_healthy and made.counts["failed"] == 0
    broker.hints().hint("web1")
    wait_until(lambda: came == ["web1"])
    broker.close()


def test_what_only_sends_now_and_then_is_never_cut_off(rabbitmq_server, monkeypatch):
    monkeypatch.setattr(link, "HEARTBEAT_SECONDS", 1)
    broker = Broker(rabbitmq_server)
    idle, gone = broker.link.connection(), broker.link.connection(is_tended=True)
    idle.connect()
    gone.connect()
    try:
        wait_until(lambda: hangs_up(gone))
        assert not hangs_up(idle)
    finally:
        link.close(idle)
        link.close(gone)
