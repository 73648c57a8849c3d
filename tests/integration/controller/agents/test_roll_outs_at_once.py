"""Two operators change a channel's roll-out at the same moment: neither step is lost."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from controller.agent_archive import versions
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.machines import channels
from controller.db.machines.channels import Channel
from controller.settings.sections import Config
from controller.setup import agent_channels
from tests.support.state.state_database import make_tables, new_url

#: Two that read the same row before either has written it meet; one that is kept out waits in vain.
MEETING_SECONDS = 3


class House:
    """An installation whose channel `stable` is rolling out `new`, at 1 %."""

    def __init__(self, config):
        self.config, self.engine = config, make_engine(config.database_url)
        make_tables(self.engine)
        self.old, self.new = map(self._kept, (b"PK old agent", b"PK new agent"))
        channel = Channel("stable", self.old, self.new, 1, 1.0)
        transact(self.engine, lambda connection: channels.write(connection, channel))

    def _kept(self, content):
        self.config.agent.mkdir(exist_ok=True)
        (self.config.agent / "run").write_bytes(b"#!/bin/sh\n")
        (self.config.agent / "agent.pyz").write_bytes(content)
        return versions.keep(self.config.agent)

    def channel(self):
        with reading(self.engine) as connection:
            return channels.get(connection, "stable")

    def step(self):
        return agent_channels.roll_out(self.config, "stable", self.new, None)

    def stop(self):
        return agent_channels.stop(self.config, "stable")


@pytest.fixture(params=["sqlite", "mariadb"])
def house(request, tmp_path):
    made = House(Config(home=tmp_path, database_url=new_url(request, tmp_path, request.param)))
    yield made
    made.engine.dispose()


@pytest.fixture
def meeting(monkeypatch):
    """Each that has read a row of a channel, to change it, waits for another one that has."""
    barrier, read = threading.Barrier(2), channels.get

    def met(connection, name, *, lock=False):
        found = read(connection, name, lock=lock)
        if lock:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(MEETING_SECONDS)
        return found

    monkeypatch.setattr(channels, "get", met)


def at_once(*works):
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()


def test_two_steps_at_once_are_two_steps(house, meeting):
    at_once(house.step, house.step)
    # From 1 % to 10 %, and on to all
    assert house.channel() == Channel("stable", house.old, house.new, 100, 1.0)


def test_a_stop_during_a_step_is_not_undone(house, meeting):
    at_once(house.stop, house.step)
    found = house.channel()
    # The step goes on from what was before the stop, or begins again behind it
    assert found in (Channel("stable", house.old), replace(found, share=1))
    assert found.began_at != 1.0
