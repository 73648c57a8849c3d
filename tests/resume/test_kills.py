"""A real SIGKILL in the middle: the next tick goes on, and the shop is the same as if nothing had happened."""

import contextlib
import os
import random
import shutil
import signal
import time

import pytest

from agent.base.compat import process_start
from agent.run.helper_main import PROCESS_NAME
from agent.tree.staging import in_home
from tests.resume.compare import check_left
from tests.resume.conftest import chunks_in_ledger, same
from tests.support.machine.resources import has_ended

WHO = ("group", "parent", "helper")


def children(pid):
    """Return the child process ids of `pid`, without those that have ended."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as stream:
            return [child for word in stream.read().split() if process_start(child := int(word)) is not None]
    except (FileNotFoundError, ProcessLookupError):
        return []


def helper_of(pid):
    """Return the process id of the agent's helper, None when there is none. The launcher has other children before."""
    for child in children(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{child}/comm", "rb") as stream:
            if stream.read().strip() == PROCESS_NAME:
                return child
    return None


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


def files_in_staging(shop):
    return sum(1 for _ in os.scandir(bulk)) if os.path.isdir(bulk := in_home(str(shop.home), shop.id) + "/bulk") else 0


def has_left(shop):
    """Return whether the agent is gone. One that was killed in its last moment may have left what nobody can use."""
    if (shop.folder / "run").exists():
        return False
    if shop.folder.exists():
        check_left(shop, "killed in its last moment", is_killed_late=True)
        shutil.rmtree(shop.folder)
    return True


def finish(shop, controller):
    """Let ticks come until the agent is gone."""
    for _ in range(20):
        if has_left(shop):
            return
        shop.run()
        time.sleep(0.2)
    raise AssertionError(f"never finished: {controller.events[-3:]}")


@pytest.mark.sampled(of=3, each=("who",))
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("chunks", [1, 5, 9])
def test_killed_in_the_middle_of_the_import(shop, controller, bundle, undisturbed, who, chunks):
    shop.drop()
    process = shop.start()
    # It would have unpacked everything before the last chunks come
    shop.wait_for(lambda: helper_of(process.pid), pause=0.001)
    helper = helper_of(process.pid)
    os.kill(helper, signal.SIGSTOP)
    shop.wait_for(lambda: chunks_in_ledger(shop) >= chunks)
    assert kill(process, who)
    if who == "parent":
        os.kill(helper, signal.SIGCONT)
    assert process.wait(120) == (0 if who == "helper" else -signal.SIGKILL)
    if who != "helper":
        assert len(shop.chunks.look()) >= chunks
    finish(shop, controller)
    same(shop.picture(), undisturbed)
    evidence = controller.accepted("finished")[-1]["evidence"]
    assert evidence["chunks"] == len(bundle.texts) == len(shop.chunks.names)
    # Of the helper's end the import knows nothing
    shop.chunks.check(0 if who == "helper" else 1, who)


@pytest.mark.sampled(of=3, each=("who",))
@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("shards", [1, 4, 8])
def test_killed_in_the_middle_of_unpacking(shop, controller, undisturbed, who, shards):
    shop.drop()
    process = shop.start()
    shop.wait_for(lambda: helper_of(process.pid), pause=0.001)
    # In small steps: left alone it may be through before this process looks again
    while (os.killpg(process.pid, signal.SIGSTOP), files_in_staging(shop) < shards)[1]:
        assert not has_ended(process), "it was through before this process looked again"
        os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.001)
    helper = helper_of(process.pid)
    assert kill(process, who)
    if who == "helper":
        os.killpg(process.pid, signal.SIGCONT)
    elif who == "parent":
        os.kill(helper, signal.SIGCONT)
    process.wait(120)
    finish(shop, controller)
    same(shop.picture(), undisturbed)


@pytest.mark.sampled(of=4)
@pytest.mark.parametrize("seed", range(8))
def test_killed_again_and_again_at_random(shop, controller, undisturbed, seed):
    chance = random.Random(seed)
    shop.drop()
    for _ in range(chance.randint(2, 5)):
        process = shop.start()
        time.sleep(chance.uniform(0.05, 1.2))
        if process.poll() is None:
            kill(process, chance.choice(WHO))
        process.wait(120)
        if has_left(shop):
            break
    finish(shop, controller)
    same(shop.picture(), undisturbed)
    assert not any(path.name.startswith(".shoplaunch") for path in shop.home.iterdir())


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(100, 300))
def test_killed_at_random_two_hundred_times(shop, controller, undisturbed, seed):
    test_killed_again_and_again_at_random(shop, controller, undisturbed, seed)
