"""SIGKILL while the bundle is fetched: the next tick goes on where it was, and the shop is the same."""

import json
import os
import random
import signal
from contextlib import closing

import pytest

from agent.bundle.fetch import PIECE_BYTES
from shared.job import BUNDLE_FILE
from tests.integration.agent_work.conftest import Shop, undisturbed
from tests.support.servers.web.bundle_server import BundleServer
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops.handmade import Handmade, shard
from tests.support.worlds.agent_box import killing_agent

MARK = '"the bundle"'
#: Nothing dies there.
NOBODY = {"process": "", "what": "", "nth": 0, "when": "", "who": ""}
#: What becomes durable of a fetch, in this order; digits are left out of names (tests/fakes/agent_overlay/durable.py).
FIRST_TIME = ["fsync mark", "fsync part", "replace part", "unlink mark"]
ANEW = ["unlink mark", *FIRST_TIME]


@pytest.fixture(scope="module")
def bundle(mariadb_server):
    """A bundle that comes in more than a few pieces."""
    made = Handmade(mariadb_server)
    content = random.Random(1).randbytes(4 * PIECE_BYTES)
    made._member("files/0003.tar.gz", "files", False, *shard([("img/large.bin", content)]))
    return made


@pytest.fixture(scope="module")
def mortal(agent, tmp_path_factory):
    """The agent, which dies at the point `kill.json` names."""
    path = tmp_path_factory.mktemp("mortal") / "agent.pyz"
    killing_agent(agent, path, "durable")
    return path


@pytest.fixture(scope="module")
def wanted(mariadb_server, bundle, keys, mortal):
    """What an undisturbed restore leaves."""
    return undisturbed(mariadb_server, bundle, keys, mortal)


class Fetching(Shop):
    """An account whose bundle lies at `source` (BundleServer) alone."""

    def __init__(self, server, bundle, controller, keys, agent):
        super().__init__(server, bundle, controller, keys, agent)
        self.own_bundle = self.folder / BUNDLE_FILE
        self.source = BundleServer(self.own_bundle.read_bytes())
        self.source.mark = MARK
        self.own_bundle.unlink()
        self.pin["url"] = self.source.url
        base = f"{BUNDLE_FILE}.{self.pin['manifest_sha256'][:16]}"
        self.part, self.mark = (self.own_bundle.with_name(base + end) for end in (".part", ".etag.part"))
        self.drop()

    @property
    def arrived(self):
        """How many bytes of a part there are, None without one."""
        return self.part.stat().st_size if self.part.exists() else None

    def points(self):
        """Return the points passed that belong to fetching."""
        lines = [json.loads(line) for line in (self.home / "points").read_text().splitlines()]
        return [what.split()[0] + (" mark" if "etag" in what else " part") for _, what, _ in lines if "part" in what]

    def die_at(self, point, nth, when):
        """Run until the `nth` time of `point`; fail when it never comes."""
        kind, _, of = point.partition(" ")
        name = "".join(c for c in (self.mark if of == "mark" else self.part).name if not c.isdigit())
        plan = {"process": "parent", "what": f"{kind} {name}", "nth": nth, "when": when, "who": "group"}
        (self.home / "kill.json").write_text(json.dumps(plan))
        assert self.run() == -signal.SIGKILL, (point, nth, when)
        (self.home / "kill.json").unlink()

    def die_in_the_body(self, sent):
        """Run until the answer's first `sent` bytes have come and all of them that make whole pieces are written."""
        before, self.source.pause = self.arrived or 0, sent
        asked = len(self.source.asked)
        agent = self.start()
        self.wait_for(lambda: len(self.source.asked) > asked)
        assert self.source.asked[-1] == (f"bytes={before}-" if before else None), sent
        whole = before + sent // PIECE_BYTES * PIECE_BYTES
        self.wait_for(lambda: self.arrived == whole)
        os.killpg(agent.pid, signal.SIGKILL)
        agent.communicate()
        self.source.pause = None

    def check_no_half_bundle(self, about):
        """What lies where a whole bundle is looked for is one."""
        if self.own_bundle.exists():
            assert self.own_bundle.read_bytes() == self.source.content, about

    def check_restored(self, wanted, about):
        """The next run ends in the shop `wanted` and leaves nothing of its bundle."""
        assert self.run() == 0, (about, self.controller.events[-1])
        assert self.picture() == wanted, about
        assert not self.folder.exists(), about

    def close(self):
        self.source.close()
        super().close()


@pytest.fixture
def fetching(mariadb_server, bundle, keys, mortal):
    """Make accounts that are to fetch their bundle."""

    def made():
        return closing(Fetching(mariadb_server, bundle, controller, keys, mortal))

    with closing(Controller()) as controller:
        yield made


def places(points):
    """Return [(point, which time it is passed, "before" or "after")] for all `points`, in their order."""
    times = [(point, points[: place + 1].count(point)) for place, point in enumerate(points)]
    return [(*time, when) for time in times for when in ("before", "after")]


def goes_on(shop, arrived):
    """Return the range the next start asks for when `arrived` bytes are there (None: no part), [] when for nothing."""
    if shop.own_bundle.exists() or arrived == len(shop.source.content):
        return []
    return [f"bytes={arrived}-" if arrived else None]


def test_these_are_the_points_a_fetch_passes(fetching, wanted):
    with fetching() as shop:
        (shop.home / "kill.json").write_text(json.dumps(NOBODY))
        shop.check_restored(wanted, "undisturbed")
        assert (shop.points(), shop.source.asked) == (FIRST_TIME, [None])


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("point", "nth", "when"), places(FIRST_TIME))
def test_killed_at_any_durable_point_of_the_fetch_the_next_tick_goes_on(fetching, wanted, point, nth, when):
    with fetching() as shop:
        shop.die_at(point, nth, when)
        shop.check_no_half_bundle((point, when))
        more = goes_on(shop, shop.arrived)
        shop.check_restored(wanted, (point, when))
        assert shop.source.asked == [None, *more]
        # Once all has arrived nobody is asked again
        assert more == [] or point == "fsync mark"


def test_killed_again_and_again_in_the_body_every_tick_asks_for_what_is_missing(fetching, wanted):
    with fetching() as shop:
        for sent in (0, PIECE_BYTES // 2, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES - 1, 1):
            shop.die_in_the_body(sent)
            assert not shop.own_bundle.exists(), sent
            assert shop.part.read_bytes() == shop.source.content[: shop.arrived], sent
        assert shop.arrived == 3 * PIECE_BYTES < len(shop.source.content)
        shop.check_restored(wanted, "after the last")
        assert shop.source.asked[6:] == [f"bytes={3 * PIECE_BYTES}-"]
        assert shop.source.marks == [MARK if wanted_range else None for wanted_range in shop.source.asked]


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(("point", "nth", "when"), places(ANEW))
def test_a_part_of_another_file_is_never_mixed_with_the_bundle_wherever_it_is_killed(
    fetching, wanted, point, nth, when
):
    with fetching() as shop:
        whole = shop.source.content
        shop.source.content, shop.source.mark = bytes(len(whole)), '"another file"'
        shop.die_in_the_body(PIECE_BYTES + 1)
        assert shop.arrived == PIECE_BYTES
        shop.source.content, shop.source.mark = whole, MARK
        shop.die_at(point, nth, when)
        shop.check_no_half_bundle((point, when))
        more = goes_on(shop, shop.arrived)
        shop.check_restored(wanted, (point, when))
        assert shop.source.asked == [None, f"bytes={PIECE_BYTES}-", *more]
