"""A disk that is full, over quota or broken at any write of the agent: never half a shop, and it goes on afterwards."""

import errno
import json
import random
from collections import Counter
from contextlib import closing

import pytest

from agent.tree.holding_page import HALF_WRITTEN, MARK, PAGE
from shared.job import LAUNCHER_FILE
from tests.resume.compare import check_chunks, check_same, finish, picture
from tests.resume.sample import Sample
from tests.resume.test_every_instant import Instant
from tests.support.servers.web.controller_stub import Controller
from tests.support.worlds.agent_box import killing_agent

#: The last is what is said of files that somebody has made immutable.
SAYS = {"full": errno.ENOSPC, "over quota": errno.EDQUOT, "broken": errno.EIO, "read-only": errno.EROFS,
        "immutable": errno.EPERM}  # fmt: skip
NOBODY = {"process": "", "what": "", "nth": 0, "errno": 0, "stays": False}
#: Of all crossings of a call with what is wrong, so many are for every run.
DAILY = 8
SHARES = 12
#: So many of the calls of one name, from the first to the last.
EACH = 8
#: How such a failure is reported.
CODES = {"quota_reached", "file_error", "switch_failed", "read_only", "path_refused", "unsafe_path"}


@pytest.fixture(scope="session")
def refusing(agent, tmp_path_factory):
    """The agent, which is refused the call that `kill.json` names."""
    path = tmp_path_factory.mktemp("refusing") / "agent.pyz"
    killing_agent(agent, path, "failing")
    return path


@pytest.fixture(scope="session")
def sample(mariadb_server):
    return Sample(mariadb_server)


@pytest.fixture(scope="session")
def undisturbed(mariadb_server, sample, keys, refusing):
    """(the picture an undisturbed restore leaves, the calls it makes)."""
    with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, refusing)) as shop:
        shop.ordered({**NOBODY})
        assert shop.run() == 0, shop.errors
        return picture(shop), [tuple(json.loads(line)) for line in (shop.home / "points").read_text().splitlines()]


def plans(points):
    """Return every plan, in an order that does not depend on threads."""
    counts = Counter((process, what) for process, what, _ in points)
    places = [(*name, nth) for name in sorted(counts) for nth in _spread(counts[name])]
    return [
        {"process": process, "what": what, "nth": nth, "errno": number, "stays": stays}
        for process, what, nth in places for number in SAYS.values() for stays in (False, True)
    ]  # fmt: skip


def _spread(count):
    """Return numbers up to `count`, EACH of them at most, from its first to its last."""
    return sorted({1 + number * (count - 1) // (EACH - 1) for number in range(EACH)})


def is_half(shop, wanted):
    """Return whether visitors get something of the shop, and not all of it."""
    page = shop.root / ".htaccess"
    is_closed = page.exists() and MARK in page.read_bytes()
    if is_closed or not (shop.root / "index.php").exists():
        return False
    # The page, which nobody is sent to any more, goes after the entry points came
    found = {name: what for name, what in shop.picture()[3].items() if name not in (PAGE, *HALF_WRITTEN.values())}
    return found != wanted[3]


def refused(shop, wanted, plan):
    """Restore while the disk refuses what `plan` says, and once more after there is room. Return how it went."""
    shop.ordered(plan)
    code = shop.run()
    assert code in (0, 1), (plan, code, shop.errors)
    assert "Traceback" not in shop.errors, plan
    assert not is_half(shop, wanted), plan
    failures = {event["error"]["code"] for event in shop.controller.accepted("failed")}
    assert failures <= CODES, (plan, failures)
    (shop.home / "kill.json").unlink()
    (shop.home / "full").unlink(missing_ok=True)
    is_late = code != 0 and not (shop.folder / LAUNCHER_FILE).exists()
    finish(shop, shop.run)
    check_same(shop, wanted, plan, is_late)
    check_chunks(shop.bundle, shop.ledger, shop.controller.accepted("finished")[-1], plan)
    shop.chunks.check(2, plan)
    return code, failures


@pytest.mark.nightly
@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_write_a_disk_refuses_all_of_them(mariadb_server, sample, keys, refusing, undisturbed, share):
    wanted, points = undisturbed
    problems = []
    for plan in plans(points)[share::SHARES]:
        with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, refusing)) as shop:
            try:
                refused(shop, wanted, plan)
            except AssertionError as problem:
                problems.append((plan, str(problem)[:600]))
    print("\n".join(map(str, problems)))
    assert problems == []


@pytest.mark.sampled(of=3, rests=True)
def test_whatever_write_a_disk_refuses_the_shop_is_whole_once_there_is_room(
    mariadb_server, sample, keys, refusing, undisturbed
):
    wanted, points = undisturbed
    for plan in random.Random(20).sample(plans(points), DAILY):
        with closing(Controller()) as server, closing(Instant(mariadb_server, sample, server, keys, refusing)) as shop:
            refused(shop, wanted, plan)
