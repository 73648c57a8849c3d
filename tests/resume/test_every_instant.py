"""SIGKILL before and after everything that becomes durable: the next tick goes on, and the shop is the same.

Each day one of the shares runs, in rotation: another one is the victim than the day before, after the points instead of
before them. All run in a night.
"""

import json
import random
import re
import signal
from collections import Counter
from contextlib import closing

import pytest

from tests.resume.chunks import NotedShop
from tests.resume.compare import check_chunks, check_left, check_same, finish, ledger_of, picture
from tests.resume.sample import Sample
from tests.support.machine.interpreters import interpreter
from tests.support.servers.web.controller_stub import Controller
from tests.support.worlds.agent_box import killing_agent

WHO = ("group", "parent", "helper")
#: The points are shared out, so that a failure tells more than one. As 6 divides the number, each share has one victim,
#: and is before its points or after them.
SHARES = 12
#: How often these happen depends on time: what is noted while something takes long.
BY_TIME = re.compile(r"(fsync|replace|unlink) (state)?\.json(\.tmp)?|fsync folder|report (progress|heartbeat)")
#: How much of all points may not be reached: none is where the machine has time.
MISSED = 0.1
#: The helper is there until the files are, which is for a third of the points.
WITH_HELPER = 0.1
NOBODY = {"process": "", "what": "", "nth": 0, "when": "", "who": ""}


@pytest.fixture(scope="session")
def mortal(agent, tmp_path_factory):
    """The agent, which dies at the point `kill.json` names."""
    path = tmp_path_factory.mktemp("mortal") / "agent.pyz"
    killing_agent(agent, path, "durable")
    return path


@pytest.fixture(scope="session")
def sample(mariadb_server):
    return Sample(mariadb_server)


class Instant(NotedShop):
    """An account that dies at a point; what its ledger holds when the shop is reported is kept in `ledger`."""

    def __init__(self, server, bundle, controller, keys, agent):
        super().__init__(server, bundle, controller, keys, agent)
        self.bundle, self.ledger = bundle, None
        controller.answer = self._look

    def _look(self, event):
        if event["event"] == "finished":
            self.ledger = ledger_of(self)

    def ordered(self, plan=None, **changes):
        self.drop(**changes)
        self.cron()
        self.die(plan or {})

    def die(self, plan):
        """The next run dies where `plan` says."""
        (self.home / "kill.json").write_text(json.dumps({**NOBODY, **plan}))

    def killed(self):
        """Let a tick come; return who was killed in it ("group", "parent", "helper", None) and plan no more kills.

        What the ledger holds afterwards must not be sent again.
        """
        code = self.run()
        (self.home / "kill.json").unlink()
        note = self.home / "killed"
        who = note.read_text() if note.exists() else None
        note.unlink(missing_ok=True)
        assert code == (-signal.SIGKILL if who in ("group", "parent") else 0), (who, self.errors)
        self.chunks.look()
        return who


@pytest.fixture(scope="session")
def undisturbed(mariadb_server, sample, keys, mortal):
    """(the picture an undisturbed restore leaves, the points it passes)."""
    with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, mortal)) as shop:
        shop.ordered()
        assert shop.run() == 0, shop.errors
        finished = server.accepted("finished")[-1]
        check_chunks(sample, shop.ledger, finished, "undisturbed")
        shop.chunks.check(0, "undisturbed")
        assert finished["evidence"]["counters"]["chunks_sent"] == len(shop.chunks.names) == 12
        check_left(shop, "undisturbed")
        return picture(shop), [tuple(json.loads(line)) for line in (shop.home / "points").read_text().splitlines()]


def victims(points):
    """Return a plan for before and after every point, `who` in turn, in an order that does not depend on threads."""
    counts = Counter((process, what) for process, what, _ in points)
    places = [{"process": name[0], "what": name[1], "nth": nth, "when": when}
              for name in sorted(counts) for nth in range(1, counts[name] + 1)
              for when in ("before", "after")]  # fmt: skip
    return [{**place, "who": WHO[number % len(WHO)]} for number, place in enumerate(places)]


def killed(shop, wanted, *plans, **changes):
    """Restore with a kill at each of `plans`, one a tick; fail when anything is otherwise than `wanted`.

    Return who was killed at the first point, None when it was not reached.
    """
    shop.ordered(plans[0], **changes)
    victims = [shop.killed()]
    for plan in plans[1:]:
        if (shop.folder / "run").exists():
            shop.die(plan)
            victims.append(shop.killed())
    is_killed_late = victims[-1] in ("group", "parent") and not (shop.folder / "run").exists()
    finish(shop, shop.run)
    check_same(shop, wanted, plans, is_killed_late)
    check_chunks(shop.bundle, shop.ledger, shop.controller.accepted("finished")[-1], plans)
    shop.chunks.check(victims.count("group") + victims.count("parent"), plans)
    return victims[0]


def test_the_sample_is_large_enough_to_be_killed_in(sample):
    kinds = Counter(kind for kind, _, _ in sample.members.values())
    assert (len(sample.tables), kinds["data"], kinds["files"]) == (6, 12, 4)


@pytest.mark.sampled(of=2, rests=True)
def test_every_kind_of_point_is_passed(undisturbed):
    kinds = {(process, what.split()[0]) for process, what, _ in undisturbed[1]}
    assert {("parent", kind) for kind in ("fsync", "replace", "rename", "unlink", "sql", "report", "cron")} <= kinds
    assert {what for _, what, _ in undisturbed[1]} >= {"sql COMMIT", "report started", "report finished", "cron -l"}
    assert len(undisturbed[1]) > 100


@pytest.mark.sampled(of=SHARES)
@pytest.mark.parametrize("share", range(SHARES))
def test_killed_at_any_durable_point_the_shop_is_the_same(mariadb_server, sample, keys, mortal, undisturbed, share):
    wanted, points = undisturbed
    plans = victims(points)[share::SHARES]
    ended = []
    for plan in plans:
        with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, mortal)) as shop:
            ended.append(killed(shop, wanted, plan))
    missed = [plan for plan, who in zip(plans, ended, strict=True) if who is None]
    assert [plan for plan in missed if not BY_TIME.fullmatch(plan["what"])] == []
    assert len(missed) <= MISSED * len(plans), missed
    # Where there is no helper any more the group is killed in its place
    others = [plan for plan, who in zip(plans, ended, strict=True) if who not in (None, plan["who"])]
    assert {(plan["process"], plan["who"]) for plan in others} <= {("parent", "helper")}
    assert {who for plan, who in zip(plans, ended, strict=True) if plan in others} <= {"group"}
    assert ended.count("helper") >= WITH_HELPER * sum(plan["who"] == "helper" for plan in plans)


@pytest.mark.nightly
@pytest.mark.parametrize("share", range(SHARES))
def test_killed_again_while_it_goes_on_the_shop_is_the_same(mariadb_server, sample, keys, mortal, undisturbed, share):
    wanted, points = undisturbed
    plans = victims(points)
    chance = random.Random(share)
    for plan in plans[share::SHARES]:
        with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, mortal)) as shop:
            killed(shop, wanted, plan, chance.choice(plans), chance.choice(plans))


@pytest.mark.nightly
@pytest.mark.parametrize("series", [f"3.{minor}" for minor in range(6, 15)])
def test_killed_under_every_python_the_shop_is_the_same(mariadb_server, sample, keys, mortal, undisturbed, series):
    wanted, points = undisturbed
    python = interpreter(series)
    for plan in victims(points)[::7]:
        with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, mortal)) as shop:
            run = shop.run
            shop.run = lambda run=run: run("run", python=python)
            killed(shop, wanted, plan)
