"""The back office of a shop on another machine is entered as soon as TLS keeps the password from those on the way."""

import pytest

from controller.jobs.shop.checks import visits
from tests.integration.cpanel_shops.test_tls import lead_here, wait
from tests.support.worlds.cpanel_world import CLOCK_BEHIND

pytestmark = pytest.mark.root
INSIDE = {"back_office_login_first_page", "back_office_login_orders", "back_office_login_products"}


@pytest.fixture
def sent(monkeypatch):
    """The server is no machine of the controller's; (scheme, path) of each form that was sent."""
    found, ask = [], visits.Visitor.ask

    def noted(visitor, path, name, form=None, *more):
        if form is not None:
            found.append((visitor.site.address.scheme, path))
        return ask(visitor, path, name, form, *more)

    monkeypatch.setattr(visits.Visitor, "ask", noted)
    monkeypatch.setattr(visits, "is_of_this_machine", lambda ip: False)
    return found


@pytest.fixture
def hosting(world, whm):
    """An account whose domain leads nowhere yet."""
    # Job files are valid for a day, by the agents' own clock
    world.clock.pass_by(-CLOCK_BEHIND)
    return world.new_account()


def certified(whm, hosting):
    whm.engine.tls.serve(hosting.user, whm.authority.issue(hosting.domain, f"www.{hosting.domain}"))


def visited(world, job):
    return {row["name"] for row in world.service.jobs.certificate(job.id)["probes"]}


def test_with_a_certificate_at_hand_the_check_signs_in_over_tls(world, whm, hosting, sent):
    certified(whm, hosting)
    job = world.opened(hosting)
    assert {scheme for scheme, _path in sent} == {"https"}
    assert visited(world, job) >= INSIDE
    assert "signed in to the back office over TLS" in world.steps(job)["check"].note
    assert world.status(job)["shop_url"].startswith("http://")


def test_without_a_certificate_nothing_is_sent_and_the_operator_reads_that(world, hosting, sent):
    job = world.opened(hosting)
    assert sent == [] and not visited(world, job) & INSIDE
    assert "not signed in to the back office" in world.steps(job)["check"].note


@pytest.mark.sampled(of=2, rests=True)
def test_an_administrator_who_is_not_let_in_over_tls_keeps_the_shop_from_being_ready(world, whm, hosting, sent):
    certified(whm, hosting)
    job = world.sold(hosting)
    world.run_agent(job)
    spoil(whm, hosting)
    world.until(job)
    row = world.status(job)
    assert (row["state"], row["error"]["code"]) == ("failed", "check_failed")
    assert "cannot sign in" in row["error"]["message"]


def spoil(whm, hosting):
    """Nobody knows the administrator's password."""
    (database,) = hosting.databases
    whm.server.query(f"UPDATE `{database}`.ps_employee SET passwd = 'none'")


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("works", [True, False], ids=["lets the administrator in", "does not"])
def test_the_way_to_https_ends_with_a_sign_in_while_the_password_waits(world, whm, hosting, sent, works):
    world.mail.credentials = "link"
    job = world.opened(hosting)
    assert sent == []
    if not works:
        spoil(whm, hosting)
    lead_here(whm, hosting)
    wait(world, job, 3600)
    (later,) = world.service.jobs.follow_ups(job.id)
    assert {scheme for scheme, _path in sent} == {"https"}
    if works:
        assert world.status(job)["tls"] == "on"
        assert "signed in to the back office over TLS" in world.steps(later)["confirm"].note
    else:
        assert (later.state, later.error["code"]) == ("failed", "check_failed")
        assert "cannot sign in" in later.error["message"]
        # The shop is put back as it was, and somebody is notified
        assert world.arrives(job) == [f"http://{job.domain}/"]
        assert any(news.job == later.id for news in world.mail.alarms)
