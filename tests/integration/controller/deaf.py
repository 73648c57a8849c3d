"""An agent whose network lets nothing out: it works, and tells so only in its own file."""

from controller.jobs.shop.certificate import verify
from shared.ack import check_ack
from shared.signing import PURPOSE_ACK, load_signed
from tests.support.worlds.world import EVIDENCE, Agent


class Deaf(Agent):
    """An agent none of whose events get through; it writes its state as the real one does."""

    def state(self, **more):
        callback = {"last_error": "callback_failed: time-out", "waiting": 9, "seq": 19}
        self.write_state(**{"status": "running", "updated_at": self.world.clock(), "callback": callback, **more})

    def finished(self, seq=19, evidence=None, **more):
        final = {
            "job": self.id, "attempt": self.attempt, "seq": seq, "event": "finished", "at": self.world.clock(),
            "stage": "report", "percent": 96, "evidence": EVIDENCE if evidence is None else evidence,
        }  # fmt: skip
        error = {"code": "callback_failed", "message": "m", "advice": "a", "retryable": True}
        stages = {name: {"state": "done", "seconds": 1.5} for name in ("verify", "unpack", "import", "switch")}
        self.state(**{"status": "waiting", "stage": "report", "error": error, "stages": stages, "final": final, **more})
        return final

    def answer(self):
        """Return what the controller's file says, None when there is none."""
        path = self.folder / "ack"
        if not path.exists():
            return None
        return check_ack(load_signed(PURPOSE_ACK, self.world.keys.public_keys(), path.read_bytes(), verify))

    def leave(self):
        """Clean up, without a word that would be heard."""
        self.world.panel.remove_agent(self.account)
        self.world.panel.remove_cron(self.account, f"shoplaunch:{self.id}")


def deaf(world, job):
    return Deaf(world, job)


def blocked(world, **changes):
    """Return a job whose agent was found working unheard, and that agent."""
    job, _agent = world.dropped(**changes)
    agent = deaf(world, job)
    for percent in range(5, 20):
        agent.state(stage="import", percent=percent)
        world.work_later(30, stride=30)
    assert world.job(job).error["code"] == "network_blocked"
    return job, agent
