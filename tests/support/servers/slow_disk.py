"""A slow disk for the agents of an account, as hosts limit it (tests/fakes/agent_overlay/gate.py)."""

import json
import os

from tests.support.worlds.agent_box import killing_agent

#: Bytes a second, as hosts limit them.
RATE = 1_000_000


def slow_down(home, rate=RATE):
    """From now on all agents of the account whose home is `home` (Path) get no more than `rate` bytes a second, to and
    from the disk, together."""
    agent, limit = home / ".shoplaunch" / "agent.pyz", home / "gate.json"
    gated = agent.with_suffix(".gated")
    killing_agent(agent, gated, by="gate")
    os.replace(gated, agent)
    limit.write_text(json.dumps({"rate": rate}))
    owner = home.stat()
    for path in (agent, limit):
        os.chown(path, owner.st_uid, owner.st_gid)


def passed(home):
    """Return how many bytes the account's agents were let have so far: {"read": number, "written": number}."""
    return json.loads((home / "passed.json").read_text())
