"""A shop lives on http at once; https follows by itself when the domain leads here and a certificate is served."""

import itertools

import pytest

from controller.jobs.shop import tls
from controller.jobs.steps.tls import NAME_SECONDS
from tests.integration.controller.follow_ups import JOBS, finish, leads_to_https
from tests.support.worlds.world import DOMAIN, Agent

HOUR, DAY = 3600.0, 86400.0


class Names:
    """What the world's name servers say; `asked` counts."""

    def __init__(self):
        self.found = {DOMAIN: {"203.0.113.9"}}
        self.asked = 0

    def __call__(self, host, _seconds=None):
        self.asked += 1
        return self.found.get(host, set())

    def lead_here(self):
        self.found[DOMAIN] = {"127.0.0.1", "::1"}


@pytest.fixture
def names(monkeypatch):
    made = Names()
    monkeypatch.setattr(tls, "addresses", made)
    return made


@pytest.fixture
def shop(world, names):
    """A shop that lives, on a panel that issues certificates; its domain leads elsewhere."""
    world.panel.issues_certificates = True
    world.add_bundle("later", jobs=JOBS)
    return world.live(bundle="later")


@pytest.fixture
def led(world, names):
    """As `shop`, but its domain has led here since before it lived."""
    names.lead_here()
    world.panel.issues_certificates = True
    world.add_bundle("later", jobs=JOBS)
    return world.live(bundle="later")


def asked(world):
    return sum(call[0] == "request_tls" for call in world.panel.calls)


def pass_by(world, seconds, stride):
    """Let time pass in strides, working after each."""
    for _ in range(int(seconds // stride)):
        world.clock.pass_by(stride)
        world.work()


def children(world, shop):
    return [(job.kind, job.state) for job in world.service.jobs.follow_ups(shop.id)]


def test_where_no_panel_issues_certificates_nothing_is_waited_for(world, names):
    job = world.live()
    assert world.status(job)["tls"] == "none"
    assert world.steps(job)["tls"].state == "skipped"
    assert world.job(job).wake_at is None
    pass_by(world, 2 * DAY, DAY)
    assert names.asked == 0


def test_a_shop_lives_before_any_certificate_and_is_announced_with_http(world, shop):
    assert world.status(shop)["tls"] == "asked"
    assert world.status(shop)["shop_url"].startswith("http://")
    assert [news.job for news in world.mail.handed_over] == [shop.id]
    assert asked(world) == 1


def test_name_servers_that_do_not_answer_hold_up_no_shop_and_are_asked_again(world, monkeypatch):
    waited = []

    def silent(_host, _port, seconds):
        waited.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(tls, "resolve", silent)
    world.panel.issues_certificates = True
    world.add_bundle("later", jobs=JOBS)
    shop = world.live(bundle="later")
    assert world.status(shop)["tls"] == "asked"
    assert waited == [NAME_SECONDS] and NAME_SECONDS < tls.TIMEOUT_SECONDS
    pass_by(world, 4, 1)
    assert len(waited) == 2
    pass_by(world, 120, 30)
    assert set(waited[1:]) == {tls.TIMEOUT_SECONDS}


def test_a_panel_that_cannot_be_asked_keeps_no_shop_from_living(world, names):
    world.panel.issues_certificates = True
    world.panel.fail("request_tls", "panel_unreachable")
    job = world.live()
    assert world.status(job)["tls"] == "waiting"
    names.lead_here()
    pass_by(world, 120, 60)
    assert world.status(job)["tls"] == "asked"
    assert asked(world) == 2


def test_a_domain_that_leads_elsewhere_for_days_is_looked_at_less_and_less_often(world, shop, names):
    pass_by(world, HOUR, 60)
    first_hour = names.asked
    assert world.status(shop)["tls"] == "waiting"
    assert 3 <= first_hour <= 8
    pass_by(world, 5 * DAY, HOUR)
    assert names.asked - first_hour <= 5 * 4 + 4
    assert children(world, shop) == [] and asked(world) == 1


def test_a_certificate_that_is_served_at_once_is_followed_within_seconds(world, led, secure):
    pass_by(world, 4, 1)
    assert children(world, led) == [("https_on", "dropped")]


def test_a_domain_that_leads_elsewhere_when_its_shop_is_finished_is_looked_at_a_minute_later(world, shop, names):
    seen = names.asked
    pass_by(world, 59, 1)
    assert names.asked == seen
    names.lead_here()
    pass_by(world, 2, 1)
    assert names.asked == seen + 1
    assert world.status(shop)["tls"] == "asked" and asked(world) == 2


def test_a_certificate_that_comes_later_is_looked_for_early_and_ever_less_often(
    world, led, secure, tls_authority, monkeypatch
):
    began, looks, look = world.clock(), [], tls.probe

    def looking(*about):
        looks.append(world.clock() - began)
        return look(*about)

    monkeypatch.setattr(tls, "probe", looking)
    secure.use(tls_authority.issue("other.example.com"))
    pass_by(world, 65, 1)
    pass_by(world, HOUR - 65, 60)
    assert len(looks) <= 12 and sum(at < 61 for at in looks) >= 5
    pauses = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert looks[0] <= 4 and max(pauses[:2]) <= 9
    # Ever longer, and never much longer than it took so far
    assert all(pause <= 2 * at + 60 for pause, at in zip(pauses, looks, strict=False)), looks
    secure.use(tls_authority.issue(DOMAIN))
    for _ in range(60):
        if not children(world, led):
            pass_by(world, 60, 60)
    assert children(world, led) == [("https_on", "dropped")]


def test_it_is_given_up_in_the_end(world, shop, names):
    pass_by(world, 70 * DAY, DAY / 2)
    looks = names.asked
    assert world.job(shop).wake_at is None
    pass_by(world, 10 * DAY, DAY)
    assert names.asked == looks


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("wrong", ["nobody", "expired", "of tomorrow", "another name", "unknown authority"])
def test_a_certificate_no_visitor_would_accept_changes_nothing(world, shop, names, secure, tls_authority, wrong):
    names.lead_here()
    if wrong == "nobody":
        secure.close()
        secure.close = lambda: None
    elif wrong == "expired":
        secure.use(tls_authority.issue(DOMAIN, days=(-10, -1)))
    elif wrong == "of tomorrow":
        secure.use(tls_authority.issue(DOMAIN, days=(1, 10)))
    elif wrong == "another name":
        secure.use(tls_authority.issue("other.example.com"))
    else:
        object.__setattr__(world.config, "tls_ca", None)
    pass_by(world, HOUR, 300)
    assert world.status(shop)["tls"] == "asked"
    assert world.job(shop).facts["tls_reason"]
    assert children(world, shop) == []
    assert world.status(shop)["shop_url"].startswith("http://")


@pytest.mark.sampled(of=3, rests=True)
def test_a_certificate_that_does_not_come_is_asked_for_once_a_day_in_the_end(world, shop, names):
    names.lead_here()
    pass_by(world, DAY, 600)
    first_day = asked(world)
    # At the beginning, when the domain came, after one hour and six
    assert first_day == 4
    pass_by(world, 10 * DAY, HOUR)
    assert 9 <= asked(world) - first_day <= 11
    assert world.status(shop)["tls"] == "asked" and world.job(shop).facts["tls_reason"]


def test_a_panel_that_will_not_have_it_is_asked_no_more_often(world, shop, names):
    names.lead_here()
    world.panel.fail("request_tls", *["feature_missing"] * 9)
    pass_by(world, DAY, 600)
    assert asked(world) == 4
    assert world.status(shop)["tls"] == "waiting"
    assert "request_tls" in world.job(shop).facts["tls_reason"]


def test_a_panel_that_is_away_is_asked_again_at_the_next_look(world, shop, names):
    names.lead_here()
    world.panel.fail("request_tls", "panel_unreachable", "panel_unreachable")
    pass_by(world, 600, 60)
    assert asked(world) == 4
    assert world.status(shop)["tls"] == "asked"


def test_days_later_the_domain_leads_here_and_https_follows_by_itself(world, shop, names, secure):
    pass_by(world, 3 * DAY, HOUR)
    assert children(world, shop) == []
    names.lead_here()
    for _ in range(7 * 60):
        if not world.service.jobs.follow_ups(shop.id):
            pass_by(world, 60, 60)
    # Asked once more: nobody could prove the domain before
    assert asked(world) == 2
    assert DOMAIN in secure.names
    (job,) = world.service.jobs.follow_ups(shop.id)
    assert (job.kind, job.state, job.parent) == ("https_on", "dropped", shop.id)
    assert world.status(shop)["tls"] == "served"
    leads_to_https(world, secure)
    finish(Agent(world, job))
    world.work()
    assert world.status(job)["state"] == "live", world.status(job)
    assert world.status(shop)["tls"] == "on"
    assert world.job(shop).wake_at is None
    # And never again
    pass_by(world, 2 * DAY, HOUR)
    assert children(world, shop) == [("https_on", "live")]


def test_https_that_was_rolled_back_is_not_started_again_automatically(world, shop, names, secure):
    names.lead_here()
    pass_by(world, 120, 60)
    (job,) = world.service.jobs.follow_ups(shop.id)
    # http does not lead to https
    finish(Agent(world, job))
    world.work_later(30)
    finish(Agent(world, job))
    world.work()
    assert world.status(job)["state"] == "failed"
    assert [news.job for news in world.mail.alarms] == [job.id]
    pass_by(world, 3 * DAY, HOUR)
    assert len(world.service.jobs.follow_ups(shop.id)) == 1
    assert world.status(shop)["tls"] == "served"


def test_a_shop_whose_bundle_does_not_describe_https_stays_on_http(world, names, secure):
    world.panel.issues_certificates = True
    job = world.live()
    names.lead_here()
    pass_by(world, HOUR, 60)
    assert world.status(job)["tls"] == "served"
    assert "kind_unsupported" in world.job(job).facts["tls_reason"]
    assert world.job(job).wake_at is None


def test_another_follow_up_job_comes_first(world, shop, names, secure):
    other = world.service.jobs.start_follow_up(shop.id, "remove", {})
    names.lead_here()
    pass_by(world, 120, 60)
    assert [job.id for job in world.service.jobs.follow_ups(shop.id)] == [other.id]
    assert world.status(shop)["tls"] == "asked"
    world.service.jobs.cancel(other.id)
    Agent(world, other).clean()
    world.work()
    pass_by(world, 2 * HOUR, 600)
    assert children(world, shop)[0][0] == "https_on"


def test_a_shop_whose_service_ended_is_left_alone(world, shop, names, secure):
    from controller.jobs.lifecycle import changes

    changes.change(world.engine, shop.id, world.clock(), lambda _c, _job: {"ended_at": world.clock()})
    names.lead_here()
    looks = names.asked
    pass_by(world, DAY, HOUR)
    assert names.asked == looks
    assert children(world, shop) == []
