"""Brokers in bad times: certificates of others, twenty restarts, no memory left. Jobs are moved all the same."""

import contextlib
import secrets
from dataclasses import replace

import pytest

from controller.jobs.engine import registry
from controller.jobs.engine.broker import link, listener, publisher
from controller.jobs.engine.broker.listener import Listener
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.jobs.engine.engine_context import EngineContext
from controller.settings.sections import EngineConfig
from tests.integration.brokers.local_hints import LocalHints
from tests.support.servers.brokers import redis
from tests.support.servers.web.tls_site import Authority
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """What waits for a broker waits little."""
    for module, name, seconds in (
        (link, "CALL_SECONDS", 1.0), (listener, "DEAF_SECONDS", 3.0), (listener, "ECHO_SECONDS", 0.3),
        (listener, "PAUSE_SECONDS", 0.1), (listener, "LONGEST_PAUSE_SECONDS", 0.3),
        (publisher, "PAUSE_SECONDS", 0.1), (publisher, "LONGEST_PAUSE_SECONDS", 0.3),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def listening():
    """Return a function that starts a listener with settings of the engine; it ends with the test."""
    made = []

    def start(config):
        came = []
        made.append(Listener(link.of(config), came.append, lambda: True))
        made[-1].start()
        return made[-1], came

    yield start
    for one in made:
        one.ask_to_stop()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_hints_come_over_tls_from_a_broker_with_the_authoritys_certificate(request, listening, kind):
    server = request.getfixturevalue(f"{kind}_server")
    config = EngineConfig("celery", broker_url=server.tls_url(), queue=_queue(), broker_ca=str(server.ca))
    made, came = listening(config)
    wait_until(lambda: made.is_healthy)
    BrokerHints(link.of(config), LocalHints()).hint("web1")
    wait_until(lambda: came == ["web1"])


@pytest.mark.sampled(of=3, each=("kind",))
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
@pytest.mark.parametrize("wrong", ["another authority", "another name", "the machine's authorities"])
def test_a_broker_whose_certificate_is_anothers_gets_neither_password_nor_hint(
    request, listening, tmp_path, caplog, kind, wrong
):
    server = request.getfixturevalue(f"{kind}_server")
    authorities = {"another authority": Authority(tmp_path).file, "another name": server.ca}
    url = server.tls_url("127.0.0.1" if wrong == "another name" else "localhost")
    config = EngineConfig("celery", broker_url=url, queue=_queue(), broker_ca=str(authorities.get(wrong, "")))
    made, _came = listening(config)
    local = LocalHints()
    BrokerHints(link.of(config), local).hint("web1")
    wait_until(lambda: local.hinted == ["web1"] and made.counts["failed"] >= 2)
    assert not made.is_healthy and "its certificate is refused" in caplog.text
    assert server.password not in caplog.text


@pytest.fixture
def own_redis():
    """A Redis of the test's own, which may be restarted."""
    server = redis.start_private()
    yield server
    redis.stop_private(server)


def test_every_job_is_moved_though_its_broker_is_restarted_or_emptied_twenty_times(world, own_redis):
    config = replace(world.config, engine=EngineConfig("celery", broker_url=own_redis.url(), queue=_queue()))
    context = EngineContext(config, world.engine, world.clock, world.service.installation.tools_for, lambda _move: None)
    worker, jobs = registry.of(config).engine(context), []
    worker.start()
    try:
        for number in range(20):
            if number % 2:
                own_redis.command("FLUSHALL")
            else:
                own_redis.stop(hard=True)
                own_redis.start()
            jobs.append(world.order(account=f"shop{number}", domain=f"shop{number}.example.com"))
        wait_until(lambda: {world.job(job).state for job in jobs} == {"dropped"})
        # And it hears again
        wait_until(lambda: worker.listener.is_healthy)
    finally:
        assert worker.stop(60)


@contextlib.contextmanager
def full(kind, server):
    """The broker takes no message."""
    try:
        if kind == "redis":
            server.command("CONFIG", "SET", "maxmemory", "1")
        else:
            server.control("set_vm_memory_high_watermark", "absolute", "1MB")
        yield
    finally:
        if kind == "redis":
            server.command("CONFIG", "SET", "maxmemory", "0")
        else:
            server.control("set_vm_memory_high_watermark", "absolute", "512MB")


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_worker_moves_its_jobs_while_the_broker_is_full_and_hears_again_afterwards(request, world, kind):
    server = request.getfixturevalue(f"{kind}_server")
    config = replace(world.config, engine=EngineConfig("celery", broker_url=server.url(), queue=_queue()))
    context = EngineContext(config, world.engine, world.clock, world.service.installation.tools_for, lambda _move: None)
    worker = registry.of(config).engine(context)
    worker.start()
    try:
        wait_until(lambda: worker.listener.is_healthy)
        with full(kind, server):
            wait_until(lambda: not worker.listener.is_healthy)
            job = world.order()
            worker.hint("web1")
            wait_until(lambda: world.job(job).state == "dropped")
            assert not worker.listener.is_healthy
        wait_until(lambda: worker.listener.is_healthy)
    finally:
        assert worker.stop(60)


def test_a_rabbitmq_without_memory_takes_no_hints_holds_up_nobody_and_takes_them_again(rabbitmq_server, listening):
    config = EngineConfig("celery", broker_url=rabbitmq_server.url(), queue=_queue())
    made, came = listening(config)
    wait_until(lambda: made.is_healthy)
    local = LocalHints()
    hints = BrokerHints(link.of(config), local)

    def local_workers_are_hinted_at():
        hints.hint("web1")
        return local.hinted

    with full("rabbitmq", rabbitmq_server):
        wait_until(local_workers_are_hinted_at)
        wait_until(lambda: not made.is_healthy)

    def is_heard():
        hints.hint("web2")
        return "web2" in came

    wait_until(is_heard)


def _queue():
    return "q" + secrets.token_hex(6)
