"""Neither taking a cancellation back nor taking a cancelled job back takes away a shop that lives."""

import pytest
from click.testing import CliRunner

from controller.cli import main
from shared.errors import ShoplaunchError
from tests.attacks.slips.successors import changes, comes, set_row, shop, successor_of
from tests.attacks.table import attack
from tests.support.worlds.web_site import csrf_of
from tests.support.worlds.world import Agent

PUTS = {"ensure_agent", "put_file", "ensure_cron", "start_now"}
REMOVES = {"remove_account", "remove_database", "remove_database_user"}


def refused(call, code):
    with pytest.raises(ShoplaunchError) as caught:
        call()
    assert caught.value.code == code
    return caught.value.message


def taken_back(world, job):
    """Cancel the job and take it back with its agent."""
    agent = Agent(world, job)
    world.service.jobs.cancel(job.id)
    world.work()
    agent.clean()
    world.work()
    assert world.job(job).facts["undo"] == "done"


@attack("an operator takes a cancellation back, and another job's shop lives in the account by now",
        "it is refused, and names that job; the shop keeps its database password")  # fmt: skip
@pytest.mark.parametrize("how", [{}, {"options": {"occupied": "move"}}], ids=["as ordered", "moving what is there"])
def test_a_cancellation_is_not_taken_back_over_another_shop(world, how):
    job, _agent = world.dropped(**how)
    taken_back(world, job)
    world.clock.pass_by(60)
    other = shop(world, email="other@example.com")
    before = dict(world.panel.users)
    world.panel.calls.clear()
    assert other.id in refused(lambda: world.service.jobs.undo_cancel(job.id), "domain_busy")
    world.work_later(300, stride=60)
    assert (world.job(job).state, world.job(other).state) == ("cancelled", "live")
    assert (changes(world), world.panel.users) == ([], before)


@attack("an operator takes a cancellation back by the command line, or by the page's button, over another's shop",
        "both refuse")  # fmt: skip
def test_command_and_page_refuse_alike(site):
    gone, there = (site.order(f"{name}.stays.example") for name in ("gone", "there"))
    site.put(gone, "cancelled")
    site.put(there, "live")
    for number, job in enumerate((gone, there)):
        set_row(site.service.installation, job, account="stays", created_at=site.service.now() + number)
    done = CliRunner(env=site.environment).invoke(main, ["cancel", gone.id, "--undo", "--yes"])
    assert done.exit_code == 1 and "domain_busy" in done.output and there.id in done.output
    browser = site.signed_in()
    form = {"csrf_token": csrf_of(browser.get(f"{site.url}/admin/jobs/{gone.id}/undo-cancel").text)}
    answer = browser.post(f"{site.url}/admin/jobs/{gone.id}/undo-cancel", data=form)
    assert answer.status_code == 409 and "occupied=move" in answer.text
    assert site.service.jobs.get(gone.id).state == "cancelled"


@attack("an operator takes the cancellation of a job back whose own shop was complete, then cancels it again",
        "the first is refused: the shop keeps its database and its user")  # fmt: skip
def test_a_cancellation_is_not_taken_back_over_the_jobs_own_shop(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.service.jobs.cancel(job.id)
    world.work()
    assert world.job(job).error["code"] == "cancelled_late"
    refused(lambda: world.service.jobs.undo_cancel(job.id), "illegal_transition")
    assert world.panel.users.keys() == world.panel.databases.keys() == {"alice_shop"}
    live = shop(world, email="other@example.com", domain="two.example.com", account="bob")
    refused(lambda: world.service.jobs.undo_cancel(live.id), "illegal_transition")


@attack("a cancelled job is taken back, and another job's shop has come into the account it had made",
        "account, database and user stay, no agent works there, and the operator learns whose shop it is")  # fmt: skip
@pytest.mark.parametrize("was_heard", [False, True])
def test_nothing_is_taken_from_a_shop_that_came_meanwhile(world, was_heard):
    job, agent = world.dropped()
    if was_heard:
        agent.send("started")
    comes(world)
    world.service.jobs.cancel(job.id)
    world.panel.calls.clear()
    world.work()
    found = world.job(job)
    assert (found.facts["undo"], found.error["code"]) == ("done", "cancelled_kept")
    assert "successor1" in found.error["message"]
    assert not (PUTS | REMOVES) & set(changes(world))
    assert not [line for line in world.panel.crontabs["alice"] if job.id in line]


@attack("another job's shop comes into the account while what a cancelled job made is looked at",
        "each removal is preceded by a look: nothing is removed")  # fmt: skip
@pytest.mark.parametrize("kept", [False, True], ids=["the account would go", "database and user would go"])
def test_each_removal_checks_again(world, kept):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.work()
    agent.clean()
    if kept:
        (world.panel.base / "alice" / "public_html" / "photo.jpg").write_bytes(b"mine")
    world.panel.calls.clear()
    world.panel.before["home_entries"] = lambda: world.panel.before.pop("home_entries") and comes(world)
    world.work()
    assert world.job(job).error["code"] == "cancelled_kept"
    assert not REMOVES & set(changes(world))
    assert "alice_shop" in world.panel.users and "alice_shop" in world.panel.databases


@attack("an operator takes a cancellation back while a worker takes the job back",
        "the worker removes nothing from then on")  # fmt: skip
def test_a_job_that_is_revived_meanwhile_keeps_what_it_made(world):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.work()
    agent.clean()
    world.panel.calls.clear()
    world.panel.before["home_entries"] = lambda: (
        world.panel.before.pop("home_entries") and world.service.jobs.undo_cancel(job.id)
    )
    world.work()
    assert not REMOVES & set(changes(world))
    assert (world.job(job).state, world.job(job).error) == ("dropped", None)


@attack("a job that was to replace a living shop is cancelled, and the panel had not shown that shop's database",
        "its agent puts the shop back, and neither account nor database nor user is removed")  # fmt: skip
def test_the_shop_that_was_to_be_replaced_keeps_its_own(world, monkeypatch):
    old = shop(world)
    with monkeypatch.context() as blind:
        blind.setattr(type(world.panel), "has_database", lambda *_: False)
        blind.setattr(type(world.panel), "has_database_user", lambda *_: False)
        job, agent = world.dropped(email="new@example.com", options={"occupied": "move"})
    assert world.job(job).facts["made_database"] == "alice_shop"
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.panel.calls.clear()
    world.work()
    assert {"ensure_agent", "ensure_cron"} <= set(changes(world))
    agent.clean()
    world.work()
    assert world.job(job).error["code"] == "cancelled_kept" and old.id in world.job(job).error["message"]
    assert not REMOVES & set(changes(world))


def test_a_shop_that_is_replaced_in_order_is_given_up(world):
    old = shop(world)
    assert successor_of(world).id != old.id
