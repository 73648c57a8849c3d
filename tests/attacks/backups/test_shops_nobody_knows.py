"""A shop that lives keeps its login to its database, though the controller knows nothing of it, or what was long ago"""

import sqlite3
from contextlib import closing

import pytest

from tests.attacks.table import attack
from tests.support.worlds.world import Agent


def copied(source, target):
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def saved(world):
    """Return a copy of the controller's database as it is now."""
    copy = world.folder / "yesterday.db"
    copied(world.folder / "state.db", copy)
    return copy


def bring_back(world, copy):
    """What happened since `copy` was made has happened on the servers, and the controller knows nothing of it."""
    world.engine.dispose()
    copied(copy, world.folder / "state.db")


def opened(world, job, agent):
    """The job's shop lives and sells; return the logins to databases there are."""
    agent.restore()
    agent.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live"
    world.panel.tables["alice_shop"] = ["ps_orders"]
    return dict(world.panel.users)


@attack(
    "a controller that is brought back from an older backup gets the order of a shop again that lives since then",
    "the order ends with what is in the way, and the shop's database login is as it was",
)
def test_an_order_for_a_shop_nobody_knows_changes_no_login(world):
    copy = saved(world)
    logins = opened(world, *world.dropped())
    bring_back(world, copy)
    job = world.order()
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "db_not_empty")
    assert world.panel.users == logins


@attack(
    "the same order would give the shop nobody knows another PHP, in a step beside the one that refuses",
    "no PHP is chosen for it",
)
def test_an_order_for_a_shop_nobody_knows_changes_no_php(world):
    copy = saved(world)
    opened(world, *world.dropped())
    bring_back(world, copy)
    world.panel.calls.clear()
    job = world.order()
    world.work()
    assert world.job(job).error["code"] == "db_not_empty"
    assert "ensure_php" not in [name for name, *_ in world.panel.calls]


@attack(
    "a backup was made between a shop's order and its work, and is brought back when the shop lives",
    "the job, which goes on by itself, changes no login",
)
def test_a_job_of_a_backup_changes_no_login_of_its_own_shop(world):
    job = world.order()
    copy = saved(world)
    world.work()
    logins = opened(world, job, Agent(world, job))
    bring_back(world, copy)
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "db_not_empty")
    assert world.panel.users == logins


@attack(
    "an operator cancels a job that a backup brought back and that never ends, as its shop lives since then",
    "the shop keeps database and login, and the operator is notified",
)
@pytest.mark.parametrize("found_there", [(), ("ensure_database",)], ids=["a new database", "one that was there"])
def test_cancelling_a_job_of_a_backup_leaves_its_shop_alone(world, found_there):
    account = world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    for make in found_there:
        getattr(world.panel, make)(account, "alice_shop")
    job, agent = world.dropped(create_account=False)
    copy = saved(world)
    logins = opened(world, job, agent)
    bring_back(world, copy)
    world.service.jobs.cancel(job.id)
    world.work()
    found = world.job(job)
    assert (found.state, found.facts["undo"], found.domain_key) == ("cancelled", "done", None)
    assert world.panel.users == logins and set(world.panel.databases) == {"alice_shop"}
    assert found.error["code"] == "cancelled_kept" and "alice_shop" in found.error["message"]


def test_a_user_that_was_there_before_is_taken_where_nothing_needs_it(world):
    account = world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    world.panel.ensure_database(account, "alice_shop")
    world.panel.ensure_database_user(account, "alice_shop", "the owner's password")
    world.dropped(create_account=False)
    assert world.panel.users["alice_shop"] != "the owner's password"


def test_a_job_sets_the_login_to_what_its_own_agent_made(world):
    account = world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    world.panel.ensure_database(account, "alice_shop")
    world.panel.ensure_database_user(account, "alice_shop", "the owner's password")
    job, agent = world.dropped(create_account=False)
    world.panel.tables["alice_shop"] = ["ps_half_a_shop"]
    agent.fail("db_access_denied")
    world.work()
    before = world.panel.users["alice_shop"]
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped" and world.panel.users["alice_shop"] != before
