"""SIGKILL in the middle of restoring a real shop: the next tick goes on, and the shop is the same in every byte."""

import os
import signal
import time

import pytest

from tests.support.shops.real_shop import Disturbed, chance, helpers, kill

WHO = ("group", "parent", "helper")
#: What a PrestaShop writes by itself when it is visited.
SELF_WRITTEN = {"connections", "connections_source", "guest", "page", "page_type", "page_viewed", "pagenotfound"}


@pytest.fixture(scope="module")
def disturbed(real, manifest):
    """An account that is restored again and again, with the controller away; and what an undisturbed restore leaves."""
    job = real.quiet_order()
    real.world.stop_controller()
    try:
        account = Disturbed(real, job, manifest)
        since = time.time() - 1
        account.finish()
        account.undisturbed = account.picture(since)
        account.undisturbed_ledger = account.ledger()
        yield account
    finally:
        real.world.start()


def check_same(account, since):
    """Fail with the first difference to the undisturbed restore; every chunk is there exactly once."""
    found, wanted = account.picture(since), account.undisturbed
    for part in ("files", "checksums", "definitions"):
        names = {name for name in {*found[part], *wanted[part]} if found[part].get(name) != wanted[part].get(name)}
        assert not names, {name: (found[part].get(name), wanted[part].get(name)) for name in sorted(names)[:3]}
    assert account.ledger() == account.undisturbed_ledger
    data = account.members("data")
    assert {name: row for name, row in account.ledger().items() if name.startswith("db/data/")} == {
        member["name"]: (1, member["rows"], member["sha256"]) for member in data
    }
    assert account.sql("SELECT COUNT(*) FROM shoplaunch_ledger") == ((len(data) + len(account.members("configure")),),)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_tables_are_made(disturbed, who, seed):
    made = chance("tables", who, seed).randrange(1, len(disturbed.manifest["tables"]) - 20)
    disturbed.reset()
    since = time.time() - 1
    process = disturbed.start()
    assert disturbed.wait_for(lambda: disturbed.tables_made() >= made, process)
    kill(process, who)
    assert disturbed.tables_made() < len(disturbed.manifest["tables"]) and not disturbed.is_done("import")
    ticks = disturbed.finish(process if who == "helper" else None)
    print(f"killed {who} at {made} tables, {ticks} more ticks")
    check_same(disturbed, since)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_in_the_middle_of_a_chunk(disturbed, who, seed):
    tables = [table["name"] for table in disturbed.manifest["tables"] if table["rows"] > 0]
    table = chance("rows", who, seed).choice(tables[len(tables) // 3 :])
    disturbed.reset()
    since = time.time() - 1
    process = disturbed.start()
    assert disturbed.wait_for(lambda: disturbed.has_table(table), process)
    with disturbed.held(table):
        assert disturbed.wait_for(lambda: disturbed.waits_in(f"`{table}`"), process)
        kill(process, who)
    assert not disturbed.is_done("import")
    ticks = disturbed.finish(process if who == "helper" else None)
    print(f"killed {who} within a chunk at {table}, {ticks} more ticks")
    check_same(disturbed, since)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_while_files_are_unpacked(disturbed, who, seed):
    shards = len(disturbed.members("files"))
    draw = chance("shards", who, seed)
    # The notes come a quarter of a second late: by then the helper must not be through
    done = draw.randrange(1, shards // 2)
    disturbed.reset()
    since = time.time() - 1
    process = disturbed.start()
    assert disturbed.wait_for(lambda: len(disturbed.state.get("shards", ())) >= done, process)
    time.sleep(draw.uniform(0, 0.05))
    kill(process, who)
    left = shards - len(disturbed.state["shards"])
    assert left > 0 and not disturbed.is_done("unpack")
    ticks = disturbed.finish(process if who == "helper" else None)
    print(f"killed {who} after {shards - left} of {shards} shards, {ticks} more ticks")
    check_same(disturbed, since)


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again(disturbed, seed):
    draw = chance("again", seed)
    disturbed.reset()
    since = time.time() - 1
    for _ in range(draw.randint(3, 6)):
        process = disturbed.start()
        deadline = time.monotonic() + draw.uniform(0.1, 3)
        disturbed.wait_for(lambda: time.monotonic() > deadline, process)
        if process.poll() is None and helpers(process) and not disturbed.is_done("switch"):
            kill(process, draw.choice(WHO))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(120)
    disturbed.finish()
    check_same(disturbed, since)


def test_a_shop_that_was_killed_lives_and_only_visits_change_its_tables(real, disturbed):
    disturbed.reset()
    since = time.time() - 1
    process = disturbed.start()
    assert disturbed.wait_for(lambda: len(disturbed.state.get("shards", ())) >= 3, process)
    kill(process, "group")
    disturbed.finish()
    check_same(disturbed, since)
    before = disturbed.checksums()
    real.world.start()
    disturbed.start().wait(120)
    job = disturbed.job
    real.live(job)
    after = disturbed.checksums()
    changed = {name for name in before if after.get(name) != before[name]}
    print("changed by the first visits:", changed)
    assert changed <= {real.template.prefix + name for name in SELF_WRITTEN}
