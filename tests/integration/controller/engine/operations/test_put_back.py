"""What a cancelled job made itself goes again; what was there before, or holds anything of somebody's, never does."""

from dataclasses import replace

import pytest

from shared.errors import ShoplaunchError
from tests.support.worlds.world import Agent

DOMAIN = "shop.example.com"


@pytest.fixture
def account(world):
    """An account that was there before any order."""
    return world.panel.ensure_account("alice", DOMAIN, create=True, email="")


def cancelled(world, job, agent=None):
    """Cancel the job; its agent takes back and leaves. Return the job."""
    world.service.jobs.cancel(job.id)
    world.work()
    if agent is not None:
        agent.clean()
        world.work()
    found = world.job(job)
    assert (found.state, found.facts["undo"]) == ("cancelled", "done")
    return found


def left(world):
    return set(world.panel.accounts), set(world.panel.databases), set(world.panel.users)


def test_account_database_and_user_that_the_job_made_are_gone(world):
    job, agent = world.dropped()
    assert left(world) == ({"alice"}, {"alice_shop"}, {"alice_shop"})
    found = cancelled(world, job, agent)
    assert left(world) == (set(), set(), set())
    assert (found.error, found.domain_key) == (None, None)


def test_an_account_that_was_there_before_stays_without_what_was_made_in_it(world, account):
    job, agent = world.dropped()
    found = cancelled(world, job, agent)
    assert left(world) == ({"alice"}, set(), set())
    assert found.error is None


def test_a_database_and_user_that_were_there_before_stay(world, account):
    world.panel.ensure_database(account, "alice_shop")
    world.panel.ensure_database_user(account, "alice_shop", "the owner's password")
    job, agent = world.dropped(create_account=False)
    cancelled(world, job, agent)
    assert left(world) == ({"alice"}, {"alice_shop"}, {"alice_shop"})
    assert ("remove_database", "alice_shop") not in world.panel.calls


def test_a_database_that_holds_tables_stays_with_its_account_and_the_operator_is_notified(world):
    job, agent = world.dropped()
    world.panel.tables["alice_shop"] = ["somebody's"]
    found = cancelled(world, job, agent)
    # Tables need the login to them
    assert left(world) == ({"alice"}, {"alice_shop"}, {"alice_shop"})
    assert found.error["code"] == "cancelled_kept"
    assert "alice_shop" in found.error["message"]


@pytest.mark.parametrize("change", ["file", "changed", "folder", "cron", "domain"])
def test_an_account_that_holds_anything_else_by_now_stays(world, change):
    make = type(world.panel).ensure_account

    def with_a_page(self, *arguments, **more):
        found = make(self, *arguments, **more)
        (world.panel.base / "alice" / "public_html" / "index.html").write_bytes(b"the panel's own")
        return found

    world.panel.ensure_account = with_a_page.__get__(world.panel)
    job, agent = world.dropped()
    root = world.panel.base / "alice" / "public_html"
    if change == "file":
        (root / "photo.jpg").write_bytes(b"mine")
    elif change == "changed":
        (root / "index.html").write_bytes(b"mine by now")
    elif change == "folder":
        (root / "mail").mkdir()
    elif change == "cron":
        world.panel.crontabs["alice"].append("1 1 * * * mine")
    else:
        world.panel.accounts["alice"] = replace(world.panel.accounts["alice"], domain="other.example.com")
    found = cancelled(world, job, agent)
    assert left(world) == ({"alice"}, set(), set())
    assert found.error["code"] == "cancelled_kept"
    named = {
        "file": "public_html/photo.jpg",
        "changed": "index.html",
        "folder": "mail",
        "cron": "crontab",
        "domain": "other",
    }
    assert named[change] in found.error["message"]


def test_an_account_stays_where_the_panel_cannot_list_it(world, monkeypatch):
    monkeypatch.setattr(type(world.panel), "home_entries", lambda _self, _account: None)
    job, agent = world.dropped()
    found = cancelled(world, job, agent)
    assert left(world) == ({"alice"}, set(), set())
    assert found.error["code"] == "cancelled_kept"


def test_a_panel_that_cannot_say_whether_things_were_there_removes_nothing(world, monkeypatch):
    monkeypatch.setattr(type(world.panel), "has_database", lambda *_: True)
    monkeypatch.setattr(type(world.panel), "has_database_user", lambda *_: True)
    monkeypatch.setattr(type(world.panel), "home_entries", lambda *_: None)
    job, agent = world.dropped()
    cancelled(world, job, agent)
    assert left(world) == ({"alice"}, {"alice_shop"}, {"alice_shop"})


@pytest.mark.parametrize("method", ["ensure_database", "ensure_privileges", "ensure_php", "put_file"])
def test_a_job_that_failed_early_is_taken_back_the_same_way(world, method):
    world.panel.fail(method, "panel_refused")
    job = world.order()
    world.work()
    assert world.job(job).state == "failed"
    # The job file is written in parallel with the privileges
    agent = Agent(world, job) if method == "ensure_privileges" else None
    found = cancelled(world, job, agent)
    assert left(world) == (set(), set(), set())
    assert found.error is None


def test_an_account_whose_making_failed_midway_is_never_removed_on_a_guess(world):
    job = world.order()
    make = type(world.panel).ensure_account

    def half(self, *arguments, **more):
        make(self, *arguments, **more)
        raise ShoplaunchError("panel_refused", "the web server does not start")

    world.panel.ensure_account = half.__get__(world.panel)
    world.work()
    assert world.job(job).state == "failed"
    found = cancelled(world, job)
    assert left(world)[0] == {"alice"}
    assert found.error["code"] == "cancelled_kept"


def test_an_account_made_in_a_run_that_was_interrupted_counts_as_made(world):
    job = world.order()
    make = type(world.panel).ensure_account
    runs = []

    def killed_once(self, *arguments, **more):
        found = make(self, *arguments, **more)
        runs.append(found)
        if len(runs) == 1:
            raise ShoplaunchError("panel_unreachable", "cut off after the change")
        return found

    world.panel.ensure_account = killed_once.__get__(world.panel)
    world.work_later(30, stride=5)
    assert world.job(job).state == "dropped"
    cancelled(world, job, Agent(world, job))
    assert left(world) == (set(), set(), set())


def test_a_shop_that_was_complete_keeps_everything(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.site.pages["/"] = (500, {}, b"broken")
    world.work_later(200)
    found = cancelled(world, job)
    assert left(world) == ({"alice"}, {"alice_shop"}, {"alice_shop"})
    assert found.error["code"] == "cancelled_late"


@pytest.mark.parametrize("method", ["remove_account", "home_entries"])
def test_a_panel_that_does_not_answer_is_asked_again(world, method):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.work()
    world.panel.fail(method, "panel_unreachable")
    agent.clean()
    world.work()
    assert world.job(job).error["code"] == "panel_unreachable"
    world.work_later(65, stride=5)
    assert (left(world), world.job(job).error) == ((set(), set(), set()), None)


def test_an_account_the_operator_removed_meanwhile_leaves_nothing_to_do(world):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.panel.remove_account(agent.account)
    world.work()
    assert (world.job(job).facts["undo"], world.job(job).error) == ("done", None)


def test_a_cancellation_taken_back_prepares_all_anew(world):
    job, agent = world.dropped()
    cancelled(world, job, agent)
    world.service.jobs.undo_cancel(job.id)
    world.work()
    assert left(world) == ({"alice"}, {"alice_shop"}, {"alice_shop"})
    again = Agent(world, job)
    again.restore()
    again.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live"


def test_what_a_revived_job_made_anew_goes_with_its_next_cancellation(world):
    job, agent = world.dropped()
    cancelled(world, job, agent)
    world.service.jobs.undo_cancel(job.id)
    world.work()
    cancelled(world, job, Agent(world, job))
    assert left(world) == (set(), set(), set())


def test_a_revived_job_is_found_by_its_order_again(world):
    job, agent = world.dropped()
    cancelled(world, job, agent)
    world.service.jobs.undo_cancel(job.id)
    assert world.order().id == job.id


def test_an_order_placed_anew_meanwhile_keeps_the_old_job_from_coming_back(world):
    job, agent = world.dropped()
    cancelled(world, job, agent)
    assert world.order().id != job.id
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.undo_cancel(job.id)
    assert caught.value.code == "domain_busy"
    assert "occupied=move" in caught.value.as_dict()["advice"]


def test_the_same_order_after_a_cancellation_makes_everything_again(world):
    job, agent = world.dropped()
    cancelled(world, job, agent)
    again = world.order()
    world.work()
    assert (again.id != job.id, world.job(again).state) == (True, "dropped")
