"""A real SIGKILL in the middle: the next tick goes on, and the shop is the same as if nothing had happened."""

import os
import random
import signal
import time

import pytest

from agent.staging import in_home
from tests.resume.conftest import same

WHO = ("group", "parent", "helper")


def children(pid):
    """Return the child process ids of `pid`."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as stream:
            return [int(word) for word in stream.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill(process, who):
    """SIGKILL the whole group, only the parent or only the helper; return whether there was anybody to kill."""
    victims = children(process.pid) if who == "helper" else [process.pid]
    for victim in victims:
        try:
            if who == "group":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return False
    return bool(victims)


def chunks_in_ledger(shop):
    if "shoplaunch_ledger" not in shop.tables():
        return 0
    return shop.query("SELECT COUNT(*) FROM shoplaunch_ledger")[0][0]


def files_in_staging(shop):
    return sum(1 for _ in os.scandir(bulk)) if os.path.isdir(bulk := in_home(str(shop.home), shop.id) + "/bulk") else 0


def finish(shop, controller):
    """Let ticks come until the agent is gone; return how many it took."""
    for tick in range(1, 20):
        if shop.run() == 0 and not shop.folder.exists():
            return tick
        time.sleep(0.2)
    raise AssertionError(f"never finished: {controller.events[-3:]}")


def sent_chunks(controller):
    """Return the ledger's evidence of the final event."""
    return controller.accepted("finished")[-1]["evidence"]


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("chunks", [1, 5, 9])
def test_killed_in_the_middle_of_the_import(shop, controller, bundle, undisturbed, who, chunks):
    shop.drop()
    process = shop.start()
    shop.wait_for(lambda: chunks_in_ledger(shop) >= chunks or process.poll() is not None)
    kill(process, who)
    process.wait(60)
    if shop.folder.exists():
        finish(shop, controller)
    same(shop.picture(), undisturbed)
    evidence = sent_chunks(controller)
    assert evidence["chunks"] == len(bundle.texts)
    # Both connections may have been within a chunk when they were killed, no more is sent again
    assert evidence["counters"].get("chunks_sent", 0) <= len(bundle.texts)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("shards", [1, 4, 8])
def test_killed_in_the_middle_of_unpacking(shop, controller, undisturbed, who, shards):
    shop.drop()
    process = shop.start()
    shop.wait_for(lambda: files_in_staging(shop) >= shards or process.poll() is not None)
    kill(process, who)
    process.wait(60)
    if shop.folder.exists():
        finish(shop, controller)
    same(shop.picture(), undisturbed)


@pytest.mark.parametrize("seed", range(8))
def test_killed_again_and_again_at_random(shop, controller, undisturbed, seed):
    chance = random.Random(seed)
    shop.drop()
    for _ in range(chance.randint(2, 5)):
        process = shop.start()
        time.sleep(chance.uniform(0.05, 1.2))
        if process.poll() is None:
            kill(process, chance.choice(WHO))
        process.wait(60)
        if not shop.folder.exists():
            break
    if shop.folder.exists():
        finish(shop, controller)
    same(shop.picture(), undisturbed)
    assert not any(path.name.startswith(".shoplaunch") for path in shop.home.iterdir())


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 300))
def test_killed_at_random_two_hundred_times(shop, controller, undisturbed, seed):
    test_killed_again_and_again_at_random(shop, controller, undisturbed, seed)
