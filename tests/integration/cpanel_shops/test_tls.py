"""A shop on a cPanel server lives on http; AutoSSL is asked for, https follows once a certificate is really served."""

import shutil
from pathlib import Path

import pytest

from controller.panels.cpanel.settings import CpanelSettings
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.worlds.cpanel_world import CLOCK_BEHIND

pytestmark = pytest.mark.root
START = "SSL::start_autossl_check"


@pytest.fixture
def hosting(world, whm):
    """An account whose domain leads nowhere yet."""
    whm.calls.clear()
    # Job files are valid for a day, by the agents' own clock
    world.clock.pass_by(-CLOCK_BEHIND)
    return world.new_account()


def lead_here(whm, hosting):
    """The world finds the domain at the server."""
    for name in (hosting.domain, f"www.{hosting.domain}"):
        whm.dns[name] = whm.ip


def asked(whm):
    """Return how often AutoSSL was asked for."""
    return sum(call.function == START for call in whm.calls.all)


def autossl_is_over(whm):
    for thread in whm.background:
        thread.join()


def wait(world, job, seconds, stride=60):
    """Let time pass; whenever anything may have changed, a visitor who types the domain gets to the shop."""
    for _ in range(int(seconds // stride)):
        world.clock.pass_by(stride)
        world.work()
        autossl_is_over(world.whm)
        for later in world.service.jobs.follow_ups(job.id):
            if (world.agent_folder(later) / "run").exists():
                world.run_agent(later)
                world.arrives(job)
        world.work()
        world.arrives(job)
        if world.status(job)["tls"] == "on":
            return


def below(job):
    return f"/{job.folder}/" if job.folder else "/"


def is_on_http(world, job):
    assert world.arrives(job) == [f"http://{job.domain}{below(job)}"]
    assert world.service.jobs.follow_ups(job.id) == []
    assert world.status(job)["shop_url"].startswith("http://")


def is_on_https(world, job):
    port = "" if world.whm.https_port == 443 else f":{world.whm.https_port}"
    secure = f"https://{job.domain}{port}{below(job)}"
    way = world.arrives(job)
    assert len(way) == 2 and way[1] == secure
    assert world.status(job)["tls"] == "on", world.trouble(job)
    assert world.status(job)["shop_url"] == secure
    ((kind, state),) = [(later.kind, later.state) for later in world.service.jobs.follow_ups(job.id)]
    assert (kind, state) == ("https_on", "live")
    # What proves the domain is served as it is, over http
    folder = world.root(job) / ".well-known" / "acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "proof").write_text("proof")
    answer = world.visit(job, "/.well-known/acme-challenge/proof")
    assert (answer.status_code, answer.text) == (200, "proof")


@pytest.mark.sampled(of=2, rests=True)
def test_https_follows_by_itself_when_the_domain_comes_to_lead_here(world, whm, hosting):
    job = world.opened(hosting)
    assert world.status(job)["tls"] == "asked"
    assert world.steps(job)["tls"].state == "done"
    assert asked(whm) == 1
    is_on_http(world, job)
    wait(world, job, 600)
    assert world.status(job)["tls"] == "waiting"
    assert asked(whm) == 1
    is_on_http(world, job)
    lead_here(whm, hosting)
    wait(world, job, 3600)
    is_on_https(world, job)
    assert asked(whm) == 2
    # Once and for all
    wait(world, job, 3600, stride=600)
    assert len(world.service.jobs.follow_ups(job.id)) == 1


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("is_configured", [True, False], ids=["public_ip set", "public_ip not set"])
def test_behind_nat_https_follows_where_the_address_visitors_use_is_configured(world, whm, hosting, is_configured):
    outside = "203.0.113.80"
    world.settings["http_ip"] = whm.ip
    if is_configured:
        world.settings["public_ip"] = outside
    whm.engine.tls.serve(hosting.user, whm.authority.issue(hosting.domain, f"www.{hosting.domain}"))
    job = world.opened(hosting)
    for name in (hosting.domain, f"www.{hosting.domain}"):
        whm.dns[name] = outside
    wait(world, job, 3600)
    if is_configured:
        is_on_https(world, job)
    else:
        assert world.status(job)["tls"] == "waiting"
        assert world.status(job)["tls_reason"] == "the domain does not lead to the server"


@pytest.mark.sampled(of=2, rests=True)
def test_a_domain_that_leads_here_from_the_beginning_is_asked_for_once(world, whm, hosting):
    lead_here(whm, hosting)
    job = world.opened(hosting)
    wait(world, job, 1800)
    is_on_https(world, job)
    assert asked(whm) == 1


@pytest.mark.sampled(of=3, rests=True)
def test_what_keeps_autossl_is_shown_and_it_is_asked_again_with_growing_pauses(world, whm, hosting):
    whm.quirks.autossl = False
    lead_here(whm, hosting)
    job = world.opened(hosting)
    wait(world, job, 3000)
    assert "No AutoSSL provider is configured" in world.status(job)["tls_reason"]
    assert asked(whm) == 1
    wait(world, job, 4200, stride=600)
    assert asked(whm) == 2
    wait(world, job, 7 * 3600, stride=1800)
    assert asked(whm) == 3
    is_on_http(world, job)
    # It is looked at all the while, and not asked for when somebody else has seen to it
    whm.quirks.autossl = True
    whm.engine.tls.serve(hosting.user, whm.authority.issue(hosting.domain, f"www.{hosting.domain}"))
    wait(world, job, 7 * 3600, stride=1800)
    is_on_https(world, job)
    assert asked(whm) == 3


@pytest.mark.sampled(of=3, rests=True)
def test_without_the_feature_a_certificate_its_owner_brings_is_watched_for(world, whm, hosting):
    hosting.features_off.add("autossl")
    job = world.opened(hosting)
    step = world.steps(job)["tls"]
    assert step.state == "done" and "AutoSSL" in step.note and "watched" in step.note
    is_on_http(world, job)
    lead_here(whm, hosting)
    wait(world, job, 1800)
    assert "AutoSSL" in world.status(job)["tls_reason"]
    assert world.status(job)["tls"] == "waiting"
    # Once more when the domain came, and not at every look
    assert asked(whm) == 2
    is_on_http(world, job)
    whm.engine.tls.serve(hosting.user, whm.authority.issue(hosting.domain, f"www.{hosting.domain}"))
    wait(world, job, 7200, stride=300)
    is_on_https(world, job)


@attack(
    "an operator switches a living shop to https by hand before its domain has a certificate",
    "a certificate is looked for before anything else: the shop stays on http, and the job says what is missing",
)
def test_https_by_hand_without_a_certificate_never_takes_the_shop_away(world, whm, hosting):
    job = world.opened(hosting)
    later = world.service.jobs.start_follow_up(job.id, "https_on", {})
    world.work_later(300, stride=20)
    found = world.status(later)
    assert (found["state"], found["error"]["code"]) == ("failed", "tls_missing"), found
    assert not (world.agent_folder(later) / "job").exists() and later.id not in whm.engine.crontab(hosting.user)
    assert world.arrives(job) == [f"http://{job.domain}/"]
    # Once there is one, the same job goes on
    whm.engine.tls.serve(hosting.user, whm.authority.issue(hosting.domain, f"www.{hosting.domain}"))
    world.service.jobs.retry(later.id)
    wait(world, job, 600)
    is_on_https(world, job)


def test_a_check_that_is_under_way_is_not_begun_again(world, whm, hosting):
    panel = world.open_panel()
    account = panel.find_account(hosting.user)
    hosting.autossl_running = True
    assert panel.request_tls(account) is True
    assert asked(whm) == 0
    hosting.autossl_running = False
    assert panel.request_tls(account) is True
    assert asked(whm) == 1
    autossl_is_over(whm)
    assert "does not resolve" in " ".join(panel.tls_problems(account))


@pytest.mark.sampled(of=2, rests=True)
def test_a_lost_answer_asks_for_nothing_twice_at_once(world, whm, hosting):
    whm.quirks.cut_after(START)
    lead_here(whm, hosting)
    job = world.opened(hosting)
    wait(world, job, 3000)
    is_on_https(world, job)


@pytest.mark.parametrize("value", ["203.0.113", "shop.example.com", "203.0.113.80/32", "203.0.113.80,203.0.113.81"])
def test_a_public_ip_that_is_none_is_refused(value):
    with pytest.raises(ShoplaunchError) as failure:
        CpanelSettings.from_dict({"public_ip": value})
    assert failure.value.code == "config_invalid" and "public_ip" in failure.value.message


def test_a_public_ip_is_compared_as_name_servers_return_it(world):
    world.settings["public_ip"] = "2001:DB8:0::80"
    assert world.open_panel().site_address(world.account(world.sold())).public_ip == "2001:db8::80"


@pytest.mark.sampled(of=2, rests=True)
def test_another_port_for_https_is_where_certificates_are_looked_for(world, whm):
    address = world.open_panel().site_address(world.account(world.sold()))
    assert (address.ip, address.tls_port) == (whm.ip, whm.https_port)
    world.settings["https_port"] = 8443
    assert world.open_panel().site_address(world.account(world.sold())).tls_port == 8443


@pytest.mark.sampled(of=3, rests=True)
def test_a_shop_in_a_folder_goes_to_https_within_it_and_the_site_around_stays_on_http(world, whm, hosting):
    page = Path(hosting.document_root_path) / "index.html"
    page.write_text("around")
    shutil.chown(page, hosting.user, hosting.user)
    lead_here(whm, hosting)
    job = world.opened(hosting, folder="tea/shop")
    wait(world, job, 3600)
    is_on_https(world, job)
    answer = world.visit(job, "/index.html")
    assert (answer.status_code, answer.text) == (200, "around")
