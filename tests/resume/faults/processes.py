"""Faults of processes: cron too eager, a holder of the lock that hangs, a zombie that wakes up."""

import json
import os
import signal
import time

from agent.session.lock import HUNG_SECONDS, RECORD_BYTES
from tests.resume.faults.model import Fault
from tests.support.machine.resources import stand_still

BUSY = 6


class Tick(Fault):
    name = "a second cron tick in the middle"
    usual = ("unpack", "chunk", "switch", "cleanup")
    how = "the launcher is started while the agent is at work"
    what = "it leaves silently"

    def begin(self, world):
        assert world.shop.run() == BUSY
        assert (world.shop.output, world.shop.errors) == ("", "")


class Daemons(Fault):
    name = "two cron daemons"
    usual = ("preflight", "unpack", "index", "configure", "report")
    daemons = 2
    how = "every start is made twice at the same time"
    what = "one works, the other leaves"

    def begin(self, world):
        assert world.tick() == [BUSY, BUSY]


class Hung(Fault):
    name = "a hung holder of the lock"
    usual = ("preflight", "chunk", "index", "prove", "switch", "cleanup")
    how = "the agent is stopped (SIGSTOP), its last sign of life ten minutes old"
    what = "the next tick ends it and goes on"
    who = ("nobody", "parent", "helper")
    breaks = 1

    def begin(self, world):
        os.killpg(world.process.pid, signal.SIGSTOP)
        stand_still([pid for pid, _ in world.lock_record()["processes"]])
        record = dict(world.lock_record(), progress=time.monotonic() - HUNG_SECONDS - 1)
        with open(world.shop.folder / "lock", "r+b") as stream:
            stream.write(json.dumps(record).encode().ljust(RECORD_BYTES - 1))

    def wait_until_met(self, world):
        hung = world.process
        if not world.is_restarted:
            world.process = world.start()
            assert world.wait(hung) == -signal.SIGKILL
        world.wait()


class Zombie(Fault):
    """The lock file is gone, so that the newer attempt cannot end the older agent by it."""

    name = "a zombie of an older attempt"
    moments = ("unpack", "chunk", "index", "configure", "prove", "switch")
    how = "an agent stopped with an open transaction, DDL pending or half a shard written wakes up in the newer attempt"
    what = "nothing of it appears; it ends by itself"
    who = ("nobody", "group", "parent")
    breaks = 1

    def begin(self, world):
        zombie = world.process
        os.killpg(zombie.pid, signal.SIGSTOP)
        (world.shop.folder / "lock").unlink()
        world.drop(world.attempt + 1)
        later = {"configure": "prove", "prove": "switch", "switch": "report"}
        world.process = world.start(later.get(world.moment, "configure"))
        zombie.go.touch()
        os.killpg(zombie.pid, signal.SIGCONT)
        assert world.wait(zombie) != 0


FAULTS = [Tick(), Daemons(), Hung(), Zombie()]
