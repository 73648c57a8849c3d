"""Follow-up jobs on a shop that lives: begun, dropped, confirmed, taken back; nothing of them stays behind."""

import json

import pytest

from controller.db import jobs as job_rows
from controller.db.connection.engine import reading
from shared.errors import ShoplaunchError
from tests.integration.controller.follow_ups import JOBS, begin, finish, leads_to_https, temporary_user
from tests.support.worlds.world import CHECKS, Agent

HASH = "$2b$10$" + "h" * 53


@pytest.fixture
def shop(world):
    """A shop that lives, its bundle gone since."""
    world.add_bundle("later", jobs=JOBS)
    job = world.live(bundle="later")
    world.service.installation.bundles.path("later").unlink()
    return job


def nothing_left(world, job):
    """Neither database user nor secret nor hold on the account is left of the job."""
    assert temporary_user(job) not in world.panel.users
    assert world.job(job).secrets_encrypted is None or world.job(job).state == "failed"
    with reading(world.engine) as connection:
        row = connection.exec_driver_sql("SELECT account_key, domain_key FROM jobs WHERE id = '" + job.id + "'").one()
    assert tuple(row) == (None, None)


def test_a_new_password_is_set_by_an_agent_with_a_database_user_of_its_own(world, shop):
    job, agent = begin(world, shop, "set_admin_password", **{"admin.password": "correct horse"})
    payload = agent.payload
    assert payload["kind"] == "set_admin_password" and "bundle" not in payload and "holding_page" not in payload
    assert payload["statements"] == JOBS["set_admin_password"]["statements"]
    assert payload["values"]["admin.password_hash"].startswith("$2b$")
    assert "correct horse" not in json.dumps(payload)
    assert payload["values"]["db.user"] == temporary_user(job)
    assert world.panel.users[temporary_user(job)] == payload["values"]["db.password"]
    assert ("alice_shop", temporary_user(job)) in world.panel.grants
    finish(agent)
    world.work()
    assert world.status(job)["state"] == "live", world.status(job)
    assert world.status(job)["parent"] == shop.id
    nothing_left(world, job)
    # The shop's own user was never touched
    assert "alice_shop" in world.panel.users
    assert world.job(shop).state == "live"


def test_what_is_kept_of_a_new_password_is_encrypted_and_only_its_hash(world, shop):
    job = world.service.jobs.start_follow_up(shop.id, "set_admin_password", {"admin.password_hash": HASH})
    with reading(world.engine) as connection:
        rows = str(connection.exec_driver_sql("SELECT * FROM jobs").all())
    assert HASH not in rows
    assert HASH in world.keys.decrypt(world.job(job).secrets_encrypted)


def test_the_same_kind_twice_is_one_job_and_another_kind_has_to_wait(world, shop):
    first = world.service.jobs.start_follow_up(shop.id, "remove", {})
    assert world.service.jobs.start_follow_up(shop.id, "remove", {}).id == first.id
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.start_follow_up(shop.id, "https_on", {})
    assert caught.value.code == "domain_busy"
    assert [job.id for job in world.service.jobs.follow_ups(shop.id)] == [first.id]


def test_an_order_for_the_account_waits_while_a_follow_up_job_is_at_work(world, shop):
    world.service.jobs.start_follow_up(shop.id, "remove", {})
    with pytest.raises(ShoplaunchError) as caught:
        world.order(domain="other.example.com", options={"occupied": "move"})
    assert caught.value.code == "domain_busy"


@pytest.mark.parametrize("kind", ["https_on", "set_admin_password", "remove"])
def test_no_follow_up_job_without_a_living_shop_or_a_bundle_that_describes_it(world, kind):
    job = world.order()
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.start_follow_up(job.id, kind, {"admin.password": "x" * 8})
    assert caught.value.code == "illegal_transition"
    living = world.live(domain="b.example.com", account="bob")
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.start_follow_up(living.id, kind, {"admin.password": "x" * 8})
    assert caught.value.code == "kind_unsupported"


def test_https_without_a_way_back_is_never_begun(world):
    oneway = {"https_on": {"statements": JOBS["https_on"]["statements"], "edits": []}}
    world.add_bundle("oneway", jobs=oneway)
    living = world.live(bundle="oneway")
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.start_follow_up(living.id, "https_on", {})
    assert caught.value.code == "kind_unsupported"


def test_a_shop_that_still_answers_is_not_removed_and_nothing_else_is_said(world, shop):
    job, agent = begin(world, shop, "remove")
    finish(agent)
    world.work_later(30)
    assert world.status(job)["error"]["code"] == "check_failed"
    assert world.status(job)["state"] == "failed"
    assert temporary_user(job) not in world.panel.users
    world.site.pages["/"] = (503, {}, b"closed")
    world.service.jobs.retry(job.id)
    world.work()
    assert world.status(job)["state"] == "live"
    assert world.job(shop).facts["removed"] is True
    nothing_left(world, job)


def test_a_failed_agent_leaves_no_database_user_and_a_retry_makes_a_new_attempt(world, shop):
    job, agent = begin(world, shop, "set_admin_password", **{"admin.password": "correct horse"})
    agent.send("started")
    agent.fail("configure_failed", stage="configure")
    world.work()
    assert world.status(job)["state"] == "failed"
    assert temporary_user(job) not in world.panel.users
    world.service.jobs.retry(job.id)
    world.work()
    again = Agent(world, job)
    assert (world.status(job)["state"], again.attempt) == ("dropped", 2)
    assert temporary_user(job) in world.panel.users
    with pytest.raises(ShoplaunchError) as caught:
        agent.send("heartbeat")
    assert caught.value.code == "superseded"
    finish(again)
    world.work()
    assert world.status(job)["state"] == "live"
    nothing_left(world, job)


def test_the_database_user_goes_even_when_the_panel_is_away_for_a_while(world, shop):
    job, agent = begin(world, shop, "remove")
    agent.fail("configure_failed", stage="configure")
    world.panel.fail("remove_database_user", "panel_unreachable", "panel_unreachable")
    world.work()
    assert temporary_user(job) in world.panel.users
    world.work_later(200)
    assert temporary_user(job) not in world.panel.users
    assert world.job(job).wake_at is None


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("moment", ["received", "dropped", "restoring", "failed"])
def test_a_cancelled_follow_up_job_is_taken_back_and_nothing_of_it_stays(world, shop, secure, moment):
    if moment == "received":
        job = world.service.jobs.start_follow_up(shop.id, "https_on", {})
    else:
        job, agent = begin(world, shop, "https_on")
        if moment != "dropped":
            agent.send("started")
        if moment == "failed":
            agent.fail("edit_mismatch", stage="preflight")
            world.work()
    world.service.jobs.cancel(job.id)
    world.work()
    if moment != "received":
        # The agent takes it back, with a database user that is there
        assert Agent(world, job).payload["values"]["db.user"] in world.panel.users
        with pytest.raises(ShoplaunchError) as caught:
            agent.send("heartbeat")
        assert caught.value.code == "cancelled"
        agent.clean()
        world.work_later(400)
    assert world.status(job)["state"] == "cancelled"
    assert world.job(job).facts["undo"] == "done"
    nothing_left(world, job)
    assert world.job(shop).state == "live"
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.undo_cancel(job.id)
    assert caught.value.code == "illegal_transition"


# -- https ----------------------------------------------------------------------------------------------------------


def test_https_is_on_when_the_front_page_is_there_and_http_leads_to_it(world, shop, secure):
    job, agent = begin(world, shop, "https_on")
    assert agent.payload["direction"] == "forth" and agent.payload["back"] == JOBS["https_on"]["back"]
    leads_to_https(world, secure)
    finish(agent)
    world.work()
    assert world.status(job)["state"] == "live", world.status(job)
    assert world.status(shop)["tls"] == "on"
    assert world.status(shop)["shop_url"] == f"https://shop.example.com:{secure.port}/"
    assert world.status(shop)["admin_url"].startswith("https://")
    nothing_left(world, job)


@pytest.mark.parametrize("trouble", ["another name", "unknown authority"])
def test_without_a_certificate_nothing_is_changed_and_the_reason_is_reported(
    world, shop, secure, tls_authority, trouble
):
    spoil(world, secure, tls_authority, trouble)
    job = world.service.jobs.start_follow_up(shop.id, "https_on", {})
    world.work_later(300)
    found = world.status(job)
    assert (found["state"], found["error"]["code"]) == ("failed", "tls_missing"), found
    assert "shop.example.com" in found["error"]["message"]
    assert temporary_user(job) not in world.panel.users
    assert world.job(shop).state == "live" and world.status(shop)["tls"] != "on"
    # Once there is one, the same job does it
    secure.use(tls_authority.issue("shop.example.com"))
    object.__setattr__(world.config, "tls_ca", str(tls_authority.file))
    world.service.jobs.retry(job.id)
    world.work()
    assert world.status(job)["state"] == "dropped"


def spoil(world, secure, tls_authority, trouble):
    """From now on the shop cannot be visited over https."""
    if trouble == "no redirect":
        del world.site.pages["/?from=http"]
    elif trouble == "elsewhere":
        world.site.pages["/?from=http"] = (301, {"Location": "https://elsewhere.example/"}, b"")
    elif trouble == "loop":
        secure.pages["/"] = (302, {"Location": "http://shop.example.com/"}, b"")
    elif trouble == "error":
        secure.pages["/"] = (500, {}, b"broken")
    elif trouble == "another name":
        secure.use(tls_authority.issue("other.example.com"))
    else:
        object.__setattr__(world.config, "tls_ca", None)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("trouble", ["no redirect", "elsewhere", "loop", "error", "another name", "unknown authority"])
def test_https_that_does_not_stand_the_look_from_outside_is_taken_back(world, shop, secure, tls_authority, trouble):
    job, agent = begin(world, shop, "https_on")
    leads_to_https(world, secure)
    spoil(world, secure, tls_authority, trouble)
    finish(agent)
    world.work_later(30)
    back = Agent(world, job)
    assert world.status(job)["state"] == "dropped", world.status(job)
    assert (back.attempt, back.payload["direction"]) == (2, "back")
    assert temporary_user(job) in world.panel.users
    finish(back)
    world.work()
    found = world.status(job)
    assert (found["state"], found["error"]["code"]) == ("failed", "check_failed")
    assert [news.job for news in world.mail.alarms] == [job.id]
    nothing_left(world, job)
    assert world.status(shop)["tls"] != "on"
    assert world.status(shop)["shop_url"].startswith("http://")
    # The shop is as before, and the operator may try again once the trouble is over
    secure.pages["/"] = (200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>")
    secure.use(tls_authority.issue("shop.example.com"))
    object.__setattr__(world.config, "tls_ca", str(tls_authority.file))
    leads_to_https(world, secure)
    world.service.jobs.retry(job.id)
    world.work()
    third = Agent(world, job)
    assert (third.attempt, third.payload["direction"]) == (3, "forth")
    finish(third)
    world.work()
    assert world.status(job)["state"] == "live"
    assert world.status(shop)["tls"] == "on"


def test_a_follow_up_job_of_a_shop_on_https_is_confirmed_over_https(world, shop, secure):
    _, agent = begin(world, shop, "https_on")
    leads_to_https(world, secure)
    finish(agent)
    world.work()
    admin = world.job(shop).facts["admin_url"].partition(str(secure.port))[2]
    secure.pages[admin] = (200, {}, f"shop.example.com:{secure.port}".encode())
    other, agent = begin(world, shop, "set_admin_password", **{"admin.password": "correct horse"})
    finish(agent)
    world.work()
    assert world.status(other)["state"] == "live", world.status(other)
    assert len(secure.requests) >= len(CHECKS)


def test_the_open_job_is_found_by_its_parent(world, shop):
    job = world.service.jobs.start_follow_up(shop.id, "remove", {})
    with reading(world.engine) as connection:
        assert job_rows.open_follow_up(connection, shop.id, "remove").id == job.id
        assert job_rows.open_follow_up(connection, shop.id, "https_on") is None


def test_the_look_from_outside_comes_as_soon_as_the_agent_is_gone(world, shop):
    job, agent = begin(world, shop, "remove")
    agent.restore()
    world.work()
    assert world.steps(job)["confirm"].note == "the agent cleans up"
    agent.clean()
    world.site.pages.clear()
    world.work()
    assert world.job(job).state == "live"
