"""The way to the broker: Celery's application, connections bounded in time, the queues."""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import celery
import kombu

from controller.jobs.engine.broker import bounds, peers
from controller.network.local_peers import Foreign
from controller.settings.sections import EngineConfig
from shared.errors import ShoplaunchError

#: No call to the broker takes longer.
CALL_SECONDS = 5.0
#: A hint that nobody took for so long is of no use: a worker's own look was sooner. Redis drops all of them at once, so
#: long after the last one.
HINT_SECONDS = 60
#: Hints that wait; the oldest ones make room.
MOST_HINTS = 10_000
#: A worker's own queue is gone some time after the worker.
OWN_SECONDS = 120
#: Between two signs of life on a listener's connection to RabbitMQ, in both directions; two that are missing end it.
HEARTBEAT_SECONDS = 20
_QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
_REDIS, _RABBITMQ = ("redis", "rediss"), ("amqp", "amqps")


@dataclass(frozen=True)
class Link:
    """Where the broker is. Its URL holds a password, and is in no text and no log."""

    queue: str
    is_redis: bool
    application: Any = field(repr=False)

    def connection(self, *, is_tended: bool = False) -> Any:
        """Return a new connection (kombu), not open yet; no message larger than a hint may be comes into memory, and no
        account of this machine hears anything. One that `is_tended` gives signs of life, by `heartbeat_check`; to
        another one each message is confirmed: Redis answers by itself, RabbitMQ when it is asked to."""
        heartbeat = HEARTBEAT_SECONDS if is_tended else 0
        confirmed = {} if self.is_redis or is_tended else {"confirm_publish": True}
        made = self.application.connection_for_write(heartbeat=heartbeat, transport_options=confirmed)
        if self.is_redis:
            made.transport.Channel = peers.redis_channel(bounds.channel(made.transport.Channel))
        else:
            made.transport.Connection = peers.rabbitmq_connection(made.transport.Connection)
        return made

    def shared(self) -> Any:
        """Return the queue of all workers."""
        limits = {"x-message-ttl": HINT_SECONDS * 1000, "x-max-length": MOST_HINTS}
        return _queue(self.queue, durable=True, queue_arguments=None if self.is_redis else limits)

    def own(self, number: str) -> Any:
        """Return the queue of one connection of a worker, gone with it."""
        return _queue(f"{self.queue}.{number}", durable=False, exclusive=True, auto_delete=True)

    def publish(self, channel: Any, queue: str, task: str, text: str, passed: int = 0) -> None:
        """Send a message, which was `passed` on so often. Raises what the connection raises."""
        number = secrets.token_hex(16)
        message = self.application.amqp.as_task_v2(
            number, task, (text,), {}, retries=passed, ignore_result=True, origin="shoplaunch"
        )
        # Without an exchange: nothing is left behind at the broker but the message
        kombu.Producer(channel, auto_declare=False).publish(
            message.body, exchange="", routing_key=queue, serializer="json", headers=message.headers,
            delivery_mode="transient", expiration=HINT_SECONDS, confirm_timeout=CALL_SECONDS,
            **message.properties,
        )  # fmt: skip

    def open(self, connection: Any) -> Any:
        """Open the connection; return its channel, which hands on every message as it was sent: the library would
        unpack one that says it is packed, to any size."""
        connection.connect()
        channel = connection.default_channel
        channel.Message = _never_unpacked(channel.Message)
        return channel

    def expire(self, channel: Any) -> None:
        """Let Redis, which keeps lists for ever, drop the hints when none has come for so long; RabbitMQ drops each."""
        if self.is_redis:
            with channel.conn_or_acquire() as redis:
                redis.expire(self.queue, HINT_SECONDS)

    def bound(self, channel: Any) -> None:
        """Drop the oldest hints: Redis keeps lists however long they are."""
        if self.is_redis:
            with channel.conn_or_acquire() as redis:
                redis.ltrim(self.queue, 0, MOST_HINTS - 1)

    def forget(self, channel: Any, number: str) -> None:
        """Let Redis drop what a killed worker leaves in its own queue; RabbitMQ does that by itself."""
        if self.is_redis:
            # Not the channel's own connection, on which a wait for messages is under way
            with channel.conn_or_acquire() as redis:
                redis.expire(f"{self.queue}.{number}", OWN_SECONDS)


def _never_unpacked(kind: Any) -> Any:
    """Return the class of messages `kind` without what would unpack them."""

    def begin(self: Any, sent: Any, channel: Any = None, **more: Any) -> None:
        headers = sent.get("headers") if isinstance(sent, Mapping) else sent.properties.get("application_headers")
        if isinstance(headers, MutableMapping):
            headers.pop("compression", None)
        kind.__init__(self, sent, channel=channel, **more)

    return type("Message", (kind,), {"__init__": begin})


def _queue(name: str, **more: Any) -> Any:
    return kombu.Queue(name, exchange=kombu.Exchange(""), routing_key=name, **more)


def of(config: EngineConfig) -> Link:
    """Return the link that is set up. Raises config_invalid, which quotes nothing of the URL."""
    url = _url(config)
    if _QUEUE.match(config.queue) is None:
        raise _invalid("queue must be a name of at most 63 letters, digits, dots, hyphens and underscores")
    try:
        parts = urlsplit(url)
        is_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_place, parts = False, urlsplit("")
    if not is_place or parts.scheme not in (*_REDIS, *_RABBITMQ):
        raise _invalid("broker_url must be redis://, rediss://, amqp:// or amqps:// with a host")
    is_redis = parts.scheme in _REDIS
    application = celery.Celery("shoplaunch", broker=url, set_as_current=False, changes=None)
    application.conf.update(
        accept_content=["json"], task_serializer="json", result_backend=None, task_ignore_result=True,
        task_send_sent_event=False, worker_enable_remote_control=False, broker_pool_limit=0,
        broker_connection_timeout=CALL_SECONDS,
        broker_use_ssl=_tls(config, parts.scheme, parts.hostname), broker_transport_options=_options(is_redis),
        task_publish_retry=False, argsrepr_maxsize=64,
    )  # fmt: skip
    return Link(config.queue, is_redis, application)


def _url(config: EngineConfig) -> str:
    if config.broker_url and config.broker_url_file:
        raise _invalid("give either broker_url or broker_url_file")
    if not config.broker_url_file:
        return config.broker_url
    try:
        return Path(config.broker_url_file).read_text("utf-8").strip()
    except (OSError, ValueError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "no text"
        raise _invalid(f"broker_url_file: {why}") from None


def _tls(config: EngineConfig, scheme: str, host: str | None) -> Any:
    """Return what checks the broker's certificate, by the machine's authorities or the one that is set."""
    if scheme == "rediss":
        trust = {"ssl_ca_certs": config.broker_ca} if config.broker_ca else {}
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **trust}
    if scheme == "amqps":
        trust = {"ca_certs": config.broker_ca} if config.broker_ca else {}
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": host, **trust}
    return None


def _options(is_redis: bool) -> dict[str, Any]:
    if not is_redis:
        timeouts = {"read_timeout": CALL_SECONDS, "write_timeout": CALL_SECONDS}
        return {**timeouts, "max_retries": 0, "frame_handler": bounds.frames}
    return {
        "socket_timeout": CALL_SECONDS, "socket_connect_timeout": CALL_SECONDS, "socket_keepalive": True,
        "retry_on_timeout": False, "max_retries": 0,
    }  # fmt: skip


def _invalid(why: str) -> ShoplaunchError:
    return ShoplaunchError("config_invalid", f"[engine] {why}")


def reason(problem: BaseException) -> str:
    """Return what may be logged of a problem with the broker: no text that could quote its URL or a message."""
    why = problem.strerror if isinstance(problem, OSError) and problem.strerror else ""
    behind: BaseException | None = problem
    while behind is not None:
        if isinstance(behind, ssl.SSLCertVerificationError):
            why = f"its certificate is refused: {behind.verify_message}"
        elif isinstance(behind, Foreign):
            why = str(behind.strerror)
        behind = behind.__cause__ or behind.__context__
    return f"{type(problem).__name__}: {why}" if why else type(problem).__name__


def close(connection: Any) -> None:
    """Close the connection without a word that a broker would have to answer."""
    with suppress(Exception):
        connection.collect(socket_timeout=0.1)
