"""A worker with a broker: hints begin its work at once; without them it looks by itself, whatever the broker does."""

import contextlib
import secrets
import socket
import sys
import threading
from dataclasses import replace

import pytest

from controller.db.connection.engine import reading, transact
from controller.db.machines import workers
from controller.db.tables import jobs
from controller.jobs.engine import presence, registry
from controller.jobs.engine.broker import engine as broker_engine
from controller.jobs.engine.broker import link, messages
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.jobs.engine.capacity.own_servers import OwnServers
from controller.jobs.engine.engine_context import EngineContext
from controller.jobs.engine.monitoring import status
from controller.jobs.lifecycle import due_hint
from controller.jobs.lifecycle.wakeup import Wakeup
from controller.settings.loading import load_config
from controller.settings.sections import EngineConfig
from shared.errors import ShoplaunchError
from tests.support.state.state_database import no_free_connection
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root
#: Two workers share it.
QUEUE = "qshared"


@pytest.fixture
def started(world):
    """Return a function that starts a worker whose broker is at a URL."""
    made = []

    def start(url, *own, queue=None):
        queue = queue or "q" + secrets.token_hex(6)
        config = replace(world.config, engine=EngineConfig("celery", broker_url=url, queue=queue))
        tools_for = world.service.installation.tools_for
        context = EngineContext(config, world.engine, world.clock, tools_for, lambda _move: None, own=OwnServers(own))
        made.append(registry.of(config).engine(context))
        made[-1].start()
        return made[-1], config

    yield start
    for one in made:
        assert one.stop(60)


@pytest.fixture(params=["redis", "rabbitmq"])
def url(request):
    """The URL of a broker of each kind."""
    return request.getfixturevalue(f"{request.param}_server").url()


def quietly_ordered(world, patch, **changes):
    """Return a job that no worker of this machine gets a hint of."""
    with patch.context() as silence:
        silence.setattr(Wakeup, "hint", lambda *_about: None)
        silence.setattr(Wakeup, "notify", lambda *_about: None)
        silence.setattr(due_hint, "notify", lambda *_about: None)
        return world.order(**changes)


def test_jobs_are_moved_though_there_is_no_broker(world, started, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        started(f"redis://127.0.0.1:{taken.getsockname()[1]}/")
        job = quietly_ordered(world, monkeypatch)
        wait_until(lambda: world.job(job).state == "dropped")


def test_jobs_are_moved_though_the_broker_accepts_and_never_answers(world, started, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started(f"amqp://u:p@127.0.0.1:{silent.getsockname()[1]}/")
        job = quietly_ordered(world, monkeypatch)
        wait_until(lambda: world.job(job).state == "dropped")


#: What a server of each kind answers to words that its version knows no more: an error to each, and its own version's
#: header before it hangs up.
OF_A_NEWER = {"redis": b"-ERR unknown command\r\n", "amqp": b"AMQP\x00\x02\x00\x00"}


def _answers(server, answer, asked):
    """Answer whatever comes until the listening socket is closed, as a broker of a newer version does."""
    with contextlib.suppress(OSError):
        while True:
            client, _address = server.accept()
            with client, contextlib.suppress(OSError):
                while client.recv(65536):
                    asked.set()
                    client.sendall(answer)
                    if answer.startswith(b"AMQP"):
                        break


@pytest.mark.parametrize("scheme", OF_A_NEWER)
def test_jobs_are_moved_though_the_broker_is_of_a_version_that_does_not_understand(world, started, scheme, monkeypatch):
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as newer:
        threading.Thread(target=_answers, args=(newer, OF_A_NEWER[scheme], asked), daemon=True).start()
        worker, _config = started(f"{scheme}://u:p@127.0.0.1:{newer.getsockname()[1]}/")
        assert asked.wait(60)
        job = quietly_ordered(world, monkeypatch)
        wait_until(lambda: world.job(job).state == "dropped")
        assert not worker.listener.is_healthy


def test_a_hint_of_another_process_begins_the_servers_jobs(world, started, url, monkeypatch):
    monkeypatch.setattr(broker_engine, "SWEEP_SECONDS", 3600.0)
    worker, config = started(url)
    wait_until(lambda: worker.listener.is_healthy)
    # Until now it looked by itself
    wait_until(lambda: worker._sweep_at > 0)
    job = quietly_ordered(world, monkeypatch)
    hints = BrokerHints(link.of(config.engine), Wakeup(config.wakeups))
    hints.hint("web9")
    wait_until(lambda: worker.listener.counts["hints"] == 1)
    assert world.job(job).state == "received"
    hints.hint("web1")
    wait_until(lambda: world.job(job).state == "dropped")


def test_a_hint_of_this_machine_begins_the_servers_jobs_though_the_broker_brings_none(world, started, url, monkeypatch):
    monkeypatch.setattr(broker_engine, "SWEEP_SECONDS", 3600.0)
    worker, _config = started(url)
    wait_until(lambda: worker.listener.is_healthy and worker._sweep_at > 0)
    job = quietly_ordered(world, monkeypatch)
    due_hint.notify("web9")
    due_hint.notify("web1")
    wait_until(lambda: world.job(job).state == "dropped")
    assert worker.listener.counts["hints"] == 0 and due_hint.known() == set()


def test_a_hint_of_the_broker_outlives_looks_that_the_database_refuses(world, started, url, monkeypatch):
    monkeypatch.setattr(broker_engine, "SWEEP_SECONDS", 3600.0)
    worker, config = started(url)
    wait_until(lambda: worker.listener.is_healthy and worker._sweep_at > 0)
    job = quietly_ordered(world, monkeypatch)
    with no_free_connection(world.engine):
        BrokerHints(link.of(config.engine), Wakeup(config.wakeups)).hint("web1")
        wait_until(lambda: worker.listener.counts["hints"] == 1)
        rounds = worker._pulse.rounds
        wait_until(lambda: worker._pulse.rounds > rounds + 1)
    wait_until(lambda: world.job(job).state == "dropped")
    # It was taken once
    assert worker.listener.counts["hints"] == 1


def test_hints_that_come_twice_or_late_or_for_no_server_move_each_job_once(world, started, url, monkeypatch):
    monkeypatch.setattr(broker_engine, "SWEEP_SECONDS", 3600.0)
    workers = [started(url, queue=QUEUE) for _ in range(2)]
    for worker, _config in workers:
        wait_until(lambda: worker.listener.is_healthy and worker._sweep_at > 0)
    made = [world.order(domain=f"shop{number}.example.com", account=f"shop{number}") for number in range(3)]
    hints = BrokerHints(link.of(workers[0][1].engine), Wakeup(world.config.wakeups))
    for server in ("web1", "web9", "web1", "web1", "web1"):
        hints.hint(server)
    wait_until(lambda: all(world.job(job).state == "dropped" for job in made))
    # One for what was moved already
    before = sum(worker.listener.counts["hints"] for worker, _config in workers)
    hints.hint("web1")
    wait_until(lambda: sum(worker.listener.counts["hints"] for worker, _config in workers) > before)
    accounts = [call[1] for call in world.panel.calls if call[0] == "ensure_cron"]
    assert sorted(accounts) == ["shop0", "shop1", "shop2"]


def test_a_hint_for_a_server_of_others_is_passed_on_until_one_of_these_has_it(started, url, monkeypatch):
    foreign, config = started(url, "eu-*")
    wait_until(lambda: foreign.listener.is_healthy)
    hints = BrokerHints(link.of(config.engine), Wakeup(config.wakeups))
    hints.hint("us-1")
    # Alone it does not do so for ever
    wait_until(lambda: foreign.listener.counts["hints"] == 1 + messages.MOST_PASSED)
    own, _config = started(url, "us-*", queue=config.engine.queue)
    wait_until(lambda: own.listener.is_healthy)
    came, names = [], [f"us-{number}" for number in range(10)]
    monkeypatch.setattr(own.listener, "_received", came.append)
    for name in names:
        hints.hint(name)
    wait_until(lambda: sorted(came) == names)
    assert foreign.listener.counts["hints"] > 1 + messages.MOST_PASSED


@pytest.mark.sampled(of=2)
def test_what_no_hint_came_for_is_found_by_the_workers_own_look(world, started, url, monkeypatch):
    worker, _config = started(url)
    wait_until(lambda: worker.listener.is_healthy)
    job = quietly_ordered(world, monkeypatch)
    wait_until(lambda: world.job(job).state == "dropped")
    assert worker.listener.counts["hints"] == 0


def test_what_a_killed_worker_left_is_begun_at_the_first_look(world, started, redis_server, monkeypatch):
    monkeypatch.setattr(broker_engine, "SWEEP_SECONDS", 3600.0)
    worker, _config = started(redis_server.url())
    wait_until(lambda: worker.listener.is_healthy and worker._sweep_at > 0)
    job = quietly_ordered(world, monkeypatch)
    worker._sweep_at = 0.0
    # A hint for a job that nobody was at may be on its way
    wait_until(lambda: worker._seen == {"web1"})
    assert world.job(job).state == "received"
    worker._seen = set()
    left = {"lease_owner": "elsewhere:1:1:1", "lease_until": world.clock() - 1.0}
    change = jobs.update().where(jobs.c.id == job.id).values(**left)
    transact(world.engine, lambda connection: connection.execute(change))
    worker._sweep_at = 0.0
    wait_until(lambda: world.job(job).state == "dropped")


def test_a_worker_that_runs_in_its_callers_thread_hears_the_broker_until_it_ends(world, url):
    config = replace(world.config, engine=EngineConfig("celery", broker_url=url, queue="q" + secrets.token_hex(6)))
    context = EngineContext(config, world.engine, world.clock, world.service.installation.tools_for, lambda _move: None)
    worker = registry.of(config).engine(context)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(lambda: worker.listener.is_healthy)
    finally:
        worker.ask_to_stop()
        thread.join(60)
    assert not thread.is_alive()
    wait_until(lambda: not worker.listener.is_healthy)
    # Once more would be as if nobody had asked
    worker.run()
    wait_until(lambda: not worker.listener._thread.is_alive())


def signs_of_life(world):
    with reading(world.engine) as connection:
        return workers.listed(connection)


def test_what_a_worker_hears_of_its_broker_is_in_its_sign_of_life(world, started, url, monkeypatch):
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    worker, config = started(url)
    wait_until(lambda: worker.listener.is_healthy)
    BrokerHints(link.of(config.engine), Wakeup(config.wakeups)).hint("web9")
    wait_until(lambda: [row.heard.hints for row in signs_of_life(world)] == [1])
    (row,) = signs_of_life(world)
    assert row.counted.hints == 1 and status.state_of(row, row.beat_at) == status.OK


def test_a_worker_whose_broker_is_gone_says_so_in_its_sign_of_life(world, started, monkeypatch):
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(status, "MAX_DEAF_SECONDS", 0.5)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        started(f"redis://127.0.0.1:{taken.getsockname()[1]}/")
        wait_until(lambda: [status.state_of(row, row.beat_at) for row in signs_of_life(world)] == [status.DEAF])


def test_settings_name_the_broker_in_a_file_or_by_the_environment(tmp_path):
    home = {"SHOPLAUNCH_HOME": str(tmp_path)}
    (tmp_path / "shoplaunch.toml").write_text('[engine]\nkind = "celery"\nbroker_url_file = "/run/secrets/broker"\n')
    assert load_config(home).engine == EngineConfig("celery", broker_url_file="/run/secrets/broker")
    by_variable = {**home, "SHOPLAUNCH_ENGINE": "embedded", "SHOPLAUNCH_BROKER_URL_FILE": "/other"}
    assert load_config(by_variable).engine == EngineConfig(broker_url_file="/other")


def test_a_secret_file_holds_the_url_and_one_that_is_not_there_is_named(tmp_path):
    secret = tmp_path / "broker"
    with pytest.raises(ShoplaunchError, match="broker_url_file"):
        link.of(EngineConfig("celery", broker_url_file=str(secret)))
    secret.write_text("redis://:p@127.0.0.1/\n")
    assert link.of(EngineConfig("celery", broker_url_file=str(secret))).is_redis


def test_without_the_extra_package_the_setting_says_what_is_missing(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("controller.jobs.engine.broker")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "celery", None)
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_ENGINE": "celery"})
    with pytest.raises(ShoplaunchError, match="celery is not installed") as caught:
        registry.of(config).hints(config)
    assert caught.value.code == "config_invalid"
