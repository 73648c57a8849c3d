"""Starting at once where sites are served in other ways: what is learned of the server, and cron goes on."""

import contextlib
import stat
from pathlib import Path

import pytest

from controller.network.http_client import Origin
from controller.panels.cpanel.start import at_once, web_start
from tests.integration.cpanel_shops.test_start_at_once import rung, start_of, starters  # noqa: F401
from tests.support.php_hosts import PhpHost

pytestmark = pytest.mark.root
REFUSING = '<LocationMatch "^/shoplaunch-start">\n    {}\n</LocationMatch>'
EVERYTHING = (
    "DocumentRoot /usr/share/doc/apache2\n<Location />\n    Require all granted\n    Redirect 200 /\n</Location>"
)


@contextlib.contextmanager
def served(world, hosting, kind, **more):
    """Until the end starters are asked for at another web server, which serves the account's site by this PHP."""
    account = world.open_panel().find_account(hosting.user)
    places = [Path(account.home), Path(account.document_root)]
    modes = [stat.S_IMODE(place.stat().st_mode) for place in places]
    for place in places:
        # These servers come as a user of their own
        place.chmod(0o755)
    with PhpHost(kind, account=account, **more) as host, pytest.MonkeyPatch.context() as patch:
        origin = Origin("127.0.0.1", host.port)

        def place_of(ring):
            return web_start.Place(ring.account.domain, origin, lambda: origin, 443, ring.account.domain, "")

        patch.setattr(at_once.Ring, "_place", place_of)
        try:
            yield host
        finally:
            for place, mode in zip(places, modes, strict=True):
                place.chmod(mode)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("kind", ["fpm", "suexec"])
def test_sites_whose_php_is_the_account_start_the_agent(rung, kind):  # noqa: F811
    hosting = rung.new_account()
    with served(rung, hosting, kind) as host:
        job = rung.sold(hosting)
        assert start_of(rung, job)["way"] == "web", (start_of(rung, job), host.log())
        rung.wait_for_agent(job)
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("kind", "more", "reason"), [
    ("mod_php", {}, "php_not_the_account"),
    ("fpm", {"ini": {"disable_functions": "proc_open,popen,exec,shell_exec,system,passthru"}}, "functions_disabled"),
])  # fmt: skip
def test_what_holds_for_the_server_is_learned_and_cron_starts_the_agents(rung, kind, more, reason):  # noqa: F811
    hosting, other = rung.new_account(), rung.new_account()
    with served(rung, hosting, kind, **more) as host:
        job = rung.sold(hosting)
        assert start_of(rung, job)["reason"] == reason, (start_of(rung, job), host.log())
    second = rung.sold(other)
    assert start_of(rung, second)["reason"] == reason
    assert starters(rung, second) == []
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("answer", ["Require all denied", "Redirect 406"])
def test_a_firewall_is_believed_once_two_accounts_have_met_it(rung, answer):  # noqa: F811
    hostings = [rung.new_account() for _ in range(3)]
    jobs = []
    for hosting in hostings[:2]:
        with served(rung, hosting, "fpm", rules=(REFUSING.format(answer), "Redirect 404 /")) as host:
            jobs.append(rung.sold(hosting))
            assert start_of(rung, jobs[-1])["reason"] == "refused_by_firewall", (start_of(rung, jobs[-1]), host.log())
            # It was asked for, and is taken away
            assert rung.job(jobs[-1]).facts["start_prepared"] == "" and starters(rung, jobs[-1]) == []
    # Nobody asks for this one
    third = rung.sold(hostings[2])
    assert start_of(rung, third)["reason"] == "refused_by_firewall" and starters(rung, third) == []
    rung.until(jobs[0])
    assert rung.job(jobs[0]).state == "live", rung.trouble(jobs[0])
    assert starters(rung, jobs[0]) == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("closed", ["folder", "home", "rules above"])
def test_one_accounts_closed_folder_teaches_nothing_about_the_server(rung, closed):  # noqa: F811
    hosting, other = rung.new_account(), rung.new_account()
    home, root = Path(hosting.home), Path(hosting.document_root_path)
    rules = f"<Directory {root}>\n    Require all denied\n</Directory>" if closed == "rules above" else ""
    with served(rung, hosting, "fpm", rules=(rules, "Redirect 404 /")) as host:
        if closed != "rules above":
            (root if closed == "folder" else home).chmod(0o700)
        job = rung.sold(hosting)
        assert start_of(rung, job)["reason"] == "refused_by_site", (start_of(rung, job), host.log())
    second = rung.sold(other)
    assert start_of(rung, second)["way"] == "web"
    rung.wait_for_agent(second)
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []


def test_a_default_site_that_answers_200_to_everything_starts_nothing_and_teaches_nothing(rung):  # noqa: F811
    hosting, other = rung.new_account(), rung.new_account()
    with served(rung, hosting, "fpm", rules=("", EVERYTHING)) as host:
        job = rung.sold(other)
        assert start_of(rung, job)["reason"] == "wrong_answer", (start_of(rung, job), host.log())
    second = rung.sold(hosting)
    assert start_of(rung, second)["way"] == "web"
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
