"""Faults of the way to the controller: it is away, slow, refuses, knows a newer attempt, or has cancelled."""

import time

from agent.reporting.outbox import FOLDER
from tests.resume.faults.model import Fault

#: Before the last answer is there.
REPORTING = ("preflight", "unpack", "chunk", "index", "configure", "prove", "switch", "report")
SLOW_SECONDS = 1.5


def goes_on(world):
    """Return once the shop is in its place, of which no controller has heard: the events wait in the account."""

    def switched():
        stages = world.shop.state.get("stages", {})
        return stages.get("switch", {}).get("state") == "done"

    world.shop.wait_for(lambda: world.is_over() or switched())
    assert switched(), world.process.returncode
    assert any((world.shop.folder / FOLDER).iterdir())
    assert world.controller.accepted("finished") == []


class Away(Fault):
    name = "controller down"
    usual = ("preflight", "chunk", "configure", "switch", "report")
    moments = REPORTING
    how = "its port is closed, and opened again later"
    what = "events wait in the account, the work goes on"

    def begin(self, world):
        self._port = world.controller.port
        world.controller.close()

    def wait_until_met(self, world):
        world.shop.wait_for(lambda: world.is_over() or world.shop.state.get("callback", {}).get("last_error"))
        goes_on(world)

    def end(self, world):
        world.serve(self._port)


class _Answers(Fault):
    """The controller answers with `status`."""

    moments = REPORTING
    status = 0

    def begin(self, world):
        self.heard = 0

    def answer(self, world, event):
        self.heard += 1
        return self.status, {}

    def wait_until_met(self, world):
        world.shop.wait_for(lambda: self.heard)


class Failing(_Answers):
    name = "controller fails (5xx)"
    usual = ("unpack", "prove", "report")
    how = "every event is answered with 503"
    what = Away.what
    status = 503

    def wait_until_met(self, world):
        super().wait_until_met(world)
        goes_on(world)


class Slow(_Answers):
    name = "controller slow"
    moments = ("chunk", "prove", "report")
    how = f"answers take {SLOW_SECONDS} s"
    what = "the work does not wait for them"

    def begin(self, world):
        super().begin(world)
        self.went_on = False

    def answer(self, world, event):
        self.heard += 1
        time.sleep(SLOW_SECONDS)
        # The next one was to come with it; that there is one behind that, only who has gone on knows
        if event["seq"] and world.shop.state["callback"]["seq"] > event["seq"] + 1:
            self.went_on = True

    def wait_until_met(self, world):
        super().wait_until_met(world)
        if world.moment != "report":
            world.shop.wait_for(lambda: self.went_on or world.is_over())
            assert self.went_on


class Superseded(_Answers):
    name = "a newer attempt (409)"
    usual = ("preflight", "chunk", "configure", "switch", "report")
    how = "every event is answered with 409, then a new job file comes"
    what = "the agent ends at once and touches nothing; the newer attempt goes on from there"
    status = 409
    #: What the agent ends with.
    codes = (4,)

    def wait_until_met(self, world):
        super().wait_until_met(world)
        assert world.wait() in self.codes

    def end(self, world):
        world.is_begun = False
        world.drop(world.attempt + 1)


class Expired(Superseded):
    name = "token expired (401)"
    usual = ("unpack", "index", "prove", "report")
    how = "the token of this attempt is refused from now on, then `retry` comes"
    what = "the agent stops; the new attempt goes on from there"
    status = 401
    codes = (3,)


class Cancelled(Superseded):
    name = "cancelled (410), and taken back"
    usual = ("preflight", "chunk", "index", "switch", "report")
    how = "every event is answered with 410; then the job is wanted after all"
    what = "the account is as it was before; the new attempt starts at zero"
    status = 410

    def wait_until_met(self, world):
        world.shop.wait_for(lambda: self.heard)
        world.wait()
        while world.shop.folder.exists():
            world.tick()
        assert list(world.shop.root.iterdir()) == []
        assert world.shop.tables() == set()
        assert world.shop.id not in world.shop.crontab

    def end(self, world):
        world.is_begun = False
        world.shop.chunks.forget()
        world.place()


FAULTS = [Away(), Failing(), Slow(), Superseded(), Expired(), Cancelled()]
