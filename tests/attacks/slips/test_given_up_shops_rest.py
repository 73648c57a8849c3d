"""A follow-up job of a shop that was given up never works on the shop that came in its place."""

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.jobs.engine.operations import follow_up
from shared.errors import ShoplaunchError
from tests.attacks.slips.successors import changes, comes, set_row, shop, successor_of
from tests.attacks.table import attack
from tests.integration.controller.follow_ups import begin, finish, temporary_user

GIVEN = {"https_on": {}, "set_admin_password": {"admin.password": "correct horse"}, "remove": {}}
#: Call of the panel before which the successor comes -> what a follow-up job must not do any more then.
INSTANTS = {
    "ensure_account": {"ensure_database_user", "ensure_privileges", "put_file", "ensure_cron"},
    "ensure_database_user": {"ensure_privileges", "put_file", "ensure_cron"},
    "ensure_privileges": {"put_file", "ensure_agent", "ensure_cron"},
}


def refused(call, code="illegal_transition"):
    with pytest.raises(ShoplaunchError) as caught:
        call()
    assert caught.value.code == code
    return caught.value.message


@attack("an operator or a client starts a follow-up job of a shop that another order has replaced",
        "it is refused, and the new shop is not touched")  # fmt: skip
@pytest.mark.parametrize("kind", GIVEN)
def test_a_shop_that_was_replaced_takes_no_follow_up_job(world, kind):
    old = shop(world)
    new = successor_of(world)
    world.panel.calls.clear()
    assert new.id in refused(lambda: world.service.jobs.start_follow_up(old.id, kind, GIVEN[kind]))
    refused(lambda: world.service.jobs.require_follow_up(world.job(old), kind))
    assert world.service.jobs.follow_ups(old.id) == []
    world.work()
    assert changes(world) == []


def test_the_shop_that_came_takes_them_as_ever(world):
    shop(world)
    new = successor_of(world)
    job, agent = begin(world, new, "set_admin_password", **GIVEN["set_admin_password"])
    finish(agent)
    world.work()
    assert world.job(job).state == "live"


def test_a_shop_elsewhere_on_the_server_stands_in_nobodys_way(world):
    old = shop(world)
    shop(world, account="bob", domain="bob.example.com")
    begin(world, old, "remove")


def test_an_order_that_never_became_a_shop_replaces_none(world):
    old = shop(world)
    job, agent = world.dropped(bundle="later", email="new@example.com", options={"occupied": "move"})
    world.service.jobs.cancel(job.id)
    world.work()
    agent.clean()
    world.work()
    assert world.job(job).error is None
    begin(world, old, "remove")


@attack("a shop is replaced, and the new one was complete when its job was cancelled",
        "the old one takes no follow-up job: what is there is the new one")  # fmt: skip
def test_a_complete_shop_of_a_cancelled_job_is_a_successor(world):
    old = shop(world)
    job, agent = world.dropped(bundle="later", email="new@example.com", options={"occupied": "move"})
    agent.restore()
    agent.clean()
    world.service.jobs.cancel(job.id)
    world.work()
    assert world.job(job).error["code"] == "cancelled_late"
    assert job.id in refused(lambda: world.service.jobs.start_follow_up(old.id, "remove", {}))


@attack("a shop is replaced while its follow-up job is on its way into the account",
        "the job ends before its next step")  # fmt: skip
@pytest.mark.parametrize("before", INSTANTS)
def test_a_follow_up_job_checks_again_before_each_step(world, before):
    old = shop(world)
    job = world.service.jobs.start_follow_up(old.id, "remove", {})
    world.panel.calls.clear()
    world.panel.before[before] = lambda: world.panel.before.pop(before) and comes(world)
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "illegal_transition")
    assert "successor1" in found.error["message"]
    assert not INSTANTS[before] & set(changes(world))
    assert not [line for line in world.panel.crontabs["alice"] if job.id in line]
    world.work_later(120, stride=60)
    assert temporary_user(job) not in world.panel.users


@attack("billing ends a service between a follow-up job's start and its first step", "the job does nothing any more")
def test_a_follow_up_job_of_a_service_that_ended_does_nothing(world):
    old = shop(world)
    job = world.service.jobs.start_follow_up(old.id, "remove", {})
    set_row(world, old, ended_at=world.clock())
    world.panel.calls.clear()
    world.work()
    assert world.job(job).error["code"] == "illegal_transition"
    assert changes(world) == []


@attack("billing ends a service while a follow-up job of its shop is being started", "it is refused: none begins")
def test_a_shop_that_ends_while_a_follow_up_job_starts_takes_none(world):
    as_read = world.job(shop(world))
    set_row(world, as_read, ended_at=world.clock())
    own = world.service.installation
    refused(lambda: follow_up.start(own.engine, own.keys, own.bundles, as_read, follow_up.Wanted("remove"), own.now()))
    assert world.service.jobs.follow_ups(as_read.id) == []


@attack("an operator retries a follow-up job that failed before its shop was replaced", "it is refused")
def test_a_failed_follow_up_job_is_not_retried_on_the_successor(world):
    old = shop(world)
    job = world.service.jobs.start_follow_up(old.id, "remove", {})
    # As one whose change was rolled back
    set_row(world, job, state="failed", step="drop", domain_key=None, account_key=None, wake_at=None)
    new = successor_of(world)
    assert new.id in refused(lambda: world.service.jobs.retry(job.id))
    world.panel.calls.clear()
    world.work()
    assert (world.job(job).state, changes(world)) == ("failed", [])


@attack("an operator cancels a follow-up job whose shop was replaced meanwhile",
        "no agent is put into the account to take back there what the job did to another shop")  # fmt: skip
def test_a_follow_up_job_is_not_taken_back_in_the_successor(world):
    old = shop(world)
    job, agent = begin(world, old, "remove")
    agent.send("started")
    comes(world)
    world.service.jobs.cancel(job.id)
    world.panel.calls.clear()
    world.work()
    found = world.job(job)
    assert (found.facts["undo"], found.error["code"], found.domain_key) == ("done", "cancelled_kept", None)
    assert not {"ensure_agent", "put_file", "ensure_cron", "ensure_database_user"} & set(changes(world))
    assert not [line for line in world.panel.crontabs["alice"] if job.id in line]
    assert temporary_user(job) not in world.panel.users


@attack("an operator closes a replaced shop by the command line", "it is refused with the new one's job")
def test_the_command_line_names_the_job_that_replaced_it(site):
    jobs = [site.put(site.order(f"{name}.followed.example"), "live") for name in ("one", "two")]
    same = {"account": "followed", "server": jobs[0].server}
    for number, job in enumerate(jobs):
        set_row(site.service.installation, job, **same, created_at=site.service.now() + number)
    done = CliRunner(env=site.environment).invoke(main, ["remove", jobs[0].id, "--yes"])
    assert done.exit_code == 1 and "illegal_transition" in done.output and jobs[1].id in done.output
