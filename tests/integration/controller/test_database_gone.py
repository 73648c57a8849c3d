"""The server with the controller's database dies in the middle of a step and is away for a minute: the job goes on."""

from contextlib import suppress

import pytest

from controller.db.connection.engine import make_engine
from controller.db.migrate import upgrade
from controller.jobs.lifecycle import lease
from shared.errors import ShoplaunchError
from tests.integration.controller.world import Agent, World
from tests.support.servers.mariadb import start_private, stop_private


@pytest.fixture
def mortal_server():
    made = start_private(["--innodb-flush-log-at-trx-commit=1"])
    yield made
    stop_private(made)


def busy(call):
    with pytest.raises(ShoplaunchError) as caught:
        call()
    assert (caught.value.code, caught.value.retryable) == ("database_busy", True)


def test_a_database_server_that_dies_in_a_step_and_under_a_report_costs_nothing(mortal_server, tmp_path):
    name = mortal_server.new_database()[0]
    engine = make_engine(f"mysql://root@localhost/{name}?unix_socket={mortal_server.socket}")
    upgrade(engine)
    world = World(tmp_path, engine)

    def die():
        world.panel.before.clear()
        mortal_server.stop(hard=True)

    def come_back():
        world.clock.pass_by(60)
        busy(world.work)
        mortal_server.start()
        world.clock.pass_by(lease.SECONDS)

    try:
        job = world.order()
        world.panel.before["ensure_privileges"] = die
        # What it was at is done and cannot be noted
        with suppress(ShoplaunchError):
            world.work()
        come_back()
        world.work()
        assert world.job(job).state == "dropped"
        agent = Agent(world, job)
        mortal_server.stop(hard=True)
        busy(lambda: agent.send("started"))
        come_back()
        agent.seq = 0
        agent.restore()
        agent.clean()
        world.serve(job)
        world.panel.before["cron_lines"] = die
        with suppress(ShoplaunchError):
            world.work()
        come_back()
        world.work_later(60, stride=10)
        assert world.job(job).state == "live"
        assert len(world.mail.handed_over) == 1
        calls = [call[0] for call in world.panel.calls]
        assert calls.count("ensure_database") == calls.count("ensure_database_user") == 1
    finally:
        world.close()
        engine.dispose()
