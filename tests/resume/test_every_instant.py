"""SIGKILL before and after everything that becomes durable: the next tick goes on, and the shop is the same."""

import json
import os
import re
from collections import Counter
from contextlib import closing

import pytest

from shared.job import BUNDLE_FILE, JOB_FILE, LAUNCHER_FILE
from tests.agent_box import killing_agent
from tests.handmade import Handmade
from tests.integration.agent_work.conftest import Shop
from tests.resume.conftest import same

WHO = ("group", "parent", "helper")
#: The points are shared out, so that a failure tells more than one.
SHARES = 12
#: How often these happen depends on time: what is noted while something takes long.
BY_TIME = re.compile(r"(fsync|replace|unlink) (state)?\.json(\.tmp)?|fsync folder|report (progress|heartbeat)")
EVERY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
NOBODY = {"process": "", "what": "", "nth": 0, "when": "", "who": ""}


@pytest.fixture(scope="session")
def mortal(agent, tmp_path_factory):
    """The agent, which dies at the point `kill.json` names."""
    path = tmp_path_factory.mktemp("mortal") / "agent.pyz"
    killing_agent(agent, path, "durable")
    return path


@pytest.fixture(scope="session")
def small(mariadb_server):
    return Handmade(mariadb_server, rows_each=40, chunks=11, shards=3)


def ordered(shop):
    shop.drop()
    shop.cron()


def plan(shop, **where):
    (shop.home / "kill.json").write_text(json.dumps({**NOBODY, **where}))


def picture(shop):
    """Return what must be the same: tables, files with their times, the home, the crontab."""
    times = {
        str(path.relative_to(shop.root)): int(path.lstat().st_mtime)
        for path in shop.root.rglob("bulk/*/*")
    }  # fmt: skip
    home = {path.name for path in shop.home.iterdir()} - {"kill.json", "killed", "points", "plan.json", ".shoplaunch"}
    # Killed after its launcher went, nothing can start any more; the controller's last look takes the line away
    crontab = [line for line in shop.crontab.splitlines() if not line.endswith(f"# shoplaunch:{shop.id}")]
    return (*shop.picture(), times, home, crontab)


def left(shop):
    """Return what nobody may use any more of what is left of the agent."""
    return {JOB_FILE, BUNDLE_FILE, LAUNCHER_FILE} & {path.name for path in shop.folder.glob("*")}


@pytest.fixture(scope="session")
def undisturbed(request, mariadb_server, small, keys, mortal):
    """(the points of an undisturbed restore, the picture it leaves)."""
    from tests.controller_stub import Controller

    with closing(Controller()) as controller, closing(Shop(mariadb_server, small, controller, keys, mortal)) as shop:
        ordered(shop)
        plan(shop)
        assert shop.run() == 0, shop.errors
        return picture(shop), [tuple(json.loads(line)) for line in (shop.home / "points").read_text().splitlines()]


def victims(points):
    """Return every (process, what, nth, when, who) in an order that does not depend on threads, `who` in turn.

    What a killed process has written stays written: after one change is as before the next, and an fsync changes
    nothing, but where somebody else has seen the change. The long run tries those all the same.
    """
    counts = Counter((process, what) for process, what, _ in points)
    places = [(*name, nth, when) for name in sorted(counts) for nth in range(1, counts[name] + 1)
              for when in ("before", "after") if EVERY or tells(name[1], when)]  # fmt: skip
    return [(*place, WHO[number % len(WHO)]) for number, place in enumerate(places)]


def tells(what, when):
    kind = what.split()[0]
    return kind in ("sql", "report", "cron") or (when == "before" and kind != "fsync")


def finish(shop):
    """Let ticks come until the agent has left; return how many it took."""
    for tick in range(10):
        if not (shop.folder / LAUNCHER_FILE).exists():
            return tick
        shop.run()
    raise AssertionError(f"never finished: {shop.state} {shop.errors}")


def test_every_kind_of_point_is_passed(undisturbed):
    kinds = {(process, what.split()[0]) for process, what, _ in undisturbed[1]}
    assert {("parent", kind) for kind in ("fsync", "replace", "rename", "unlink", "sql", "report", "cron")} <= kinds
    assert {what for _, what, _ in undisturbed[1]} >= {"sql COMMIT", "report started", "report finished", "cron -l"}
    assert len(undisturbed[1]) > 100


@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_any_durable_point_the_shop_is_the_same(
    mariadb_server, small, controller, keys, mortal, undisturbed, share
):
    wanted, points = undisturbed
    missed = []
    for victim in victims(points)[share::SHARES]:
        controller.events.clear()
        with closing(Shop(mariadb_server, small, controller, keys, mortal)) as shop:
            if not killed_once(shop, victim, wanted):
                missed.append(victim)
        finished = controller.accepted("finished")[-1]["evidence"]
        assert finished["chunks"] == len(small.texts), victim
        # What was within a chunk is sent again, and nothing else
        assert finished["counters"].get("chunks_sent", 0) <= len(small.texts) + 2, victim
    assert [victim for victim in missed if not BY_TIME.fullmatch(victim[1])] == []


def killed_once(shop, victim, wanted):
    """Restore with one kill; fail when anything is otherwise than `wanted`. Return whether the point was reached."""
    ordered(shop)
    plan(shop, **dict(zip(("process", "what", "nth", "when", "who"), victim, strict=True)))
    shop.run()
    reached = (shop.home / "killed").exists()
    (shop.home / "kill.json").unlink()
    finish(shop)
    assert left(shop) == set(), victim
    found = picture(shop)
    try:
        same(found, wanted)
        assert found[4:] == wanted[4:]
    except AssertionError as difference:
        raise AssertionError(f"{victim}: {difference}") from None
    return reached
