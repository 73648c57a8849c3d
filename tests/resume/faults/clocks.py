"""Faults of the account's clock."""

from tests.resume.faults.model import Fault

DAY = 24 * 3600


class ClockAhead(Fault):
    name = "clock jumps ahead"
    usual = ("preflight", "chunk", "switch", "cleanup")
    moments = ("preflight", "chunk", "configure", "switch", "report", "cleanup")
    how = "the agent's clock is a day ahead until the agent has met it"
    what = "reported as `clock_skew` at the next start, since the controller knows better; goes on once it is right"
    seconds = DAY

    def begin(self, world):
        # The agent looks at it all the time, and must never find it empty
        (world.folder / "clock.new").write_text(str(self.seconds))
        (world.folder / "clock.new").rename(world.folder / "clock")

    def wait_until_met(self, world):
        code = world.wait()
        if world.is_restarted and world.moment != "cleanup":
            assert (code, world.errors()[-1]) == (1, "clock_skew")
        else:
            assert (code, world.errors()) == (0, [])

    def end(self, world):
        (world.folder / "clock").unlink()


class Behind(ClockAhead):
    name = "clock jumps back"
    usual = ("chunk", "configure", "report")
    how = "the agent's clock is a day behind until the agent has met it"
    what = "reported as `clock_skew` at the next start; goes on once it is right"
    seconds = -DAY


class Minutes(ClockAhead):
    name = "clock behind by minutes"
    moments = ("unpack", "index", "prove", "report")
    usual = ()
    how = "the agent's clock is five minutes behind, to the end"
    what = "nothing: ten minutes are tolerated"
    seconds = -300

    def wait_until_met(self, world):
        assert world.wait() == 0

    def end(self, world):
        assert world.errors() == []


FAULTS = [ClockAhead(), Behind(), Minutes()]
