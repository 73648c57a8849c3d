"""Agents started at once by the account's own site: the shop lives without a tick of cron, and nothing stays behind."""

import stat
import subprocess
import threading
from pathlib import Path

import pytest

from controller.jobs.agent_link import ring
from controller.panels.cpanel.start import at_once, web_start
from controller.panels.cpanel.start.starter import Starter, starter_key

pytestmark = pytest.mark.root
TICKS = 60
#: So long something hangs unless it is let go.
PATIENCE = 120


def starters(world, job):
    return sorted(world.root(job).glob("shoplaunch-start-*"))


def until_over(world, job):
    """Cron never ticks; whatever runs was started at once."""
    for _ in range(TICKS):
        world.work()
        if world.job(job).state in ("live", "failed", "stalled", "cancelled"):
            return
        world.wait_for_agent(job)
        world.clock.pass_by(1)
    raise AssertionError(world.trouble(job))


def start_of(world, job):
    return world.job(job).facts["start"]


def left_unasked(patch):
    """From now on controllers are killed between writing a starter and asking for it, as far as the starter sees."""
    patch.setattr(web_start, "ask", lambda *_: web_start.Outcome())
    patch.setattr(at_once.Ring, "take_away", lambda *_: None)


def key_of(world):
    return starter_key(world.keys.fingerprint_salt)


@pytest.fixture
def rung(world, monkeypatch):
    # A busy machine, too, has time to look why a starter was of no use
    monkeypatch.setattr(ring, "WITHIN_SECONDS", ring.WITHIN_SECONDS + 8.0)
    monkeypatch.setattr(at_once, "LOOK_SECONDS", at_once.LOOK_SECONDS + 8.0)
    world.rings()
    return world


@pytest.mark.sampled(of=2, rests=True)
def test_the_shop_lives_without_a_tick_of_cron(rung):
    job = rung.sold()
    assert (start_of(rung, job)["way"], start_of(rung, job)["reason"]) == ("web", "")
    until_over(rung, job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == []
    assert not rung.agent_folder(job).exists()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "left"])
def test_a_follow_up_job_starts_through_the_living_shop_and_leaves_no_starter_in_it(rung, monkeypatch, asked):
    shop = rung.sold()
    until_over(rung, shop)
    if not asked:
        left_unasked(monkeypatch)
    later = rung.service.jobs.start_follow_up(shop.id, "set_admin_password", {"admin.password": "a new and long one"})
    rung.work()
    assert start_of(rung, later)["way"] == ("web" if asked else "")
    assert asked or len(starters(rung, shop)) == 1
    until_over(rung, later) if asked else rung.until(later)
    assert rung.job(later).state == "live", rung.trouble(later)
    assert starters(rung, shop) == []
    assert rung.visit(shop).status_code == 200


def test_nothing_is_put_there_where_the_operator_has_not_said_so(world, whm):
    whm.calls.clear()
    job = world.sold()
    assert start_of(world, job)["reason"] == "switched_off"
    assert starters(world, job) == []
    world.until(job)
    assert world.job(job).state == "live"


def test_what_an_agent_could_not_take_away_the_controller_does(rung, monkeypatch):
    left_unasked(monkeypatch)
    job = rung.sold()
    (left,) = starters(rung, job)
    text = left.read_bytes()
    rung.run_agent(job)
    left.write_bytes(text)
    mine = left.with_name(Starter(key_of(rung), job.id, 1).name + ".tmp")
    mine.write_bytes(b"<?php // the client's own")
    other = left.with_name(Starter(b"another key", job.id, 1).name)
    other.write_bytes(text)
    for path in (left, mine, other):
        subprocess.run(["chown", f"{job.account}:", str(path)], check=True)
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)
    assert starters(rung, job) == sorted([mine, other])


def test_a_starter_that_was_of_no_use_is_taken_away_when_its_start_is_over(rung, monkeypatch):
    monkeypatch.setattr(web_start, "ask", lambda *_: web_start.Outcome())
    job = rung.sold()
    assert (start_of(rung, job)["reason"], starters(rung, job)) == ("no_answer", [])
    rung.until(job)
    assert rung.job(job).state == "live", rung.trouble(job)


def test_a_panel_that_does_not_take_it_away_holds_nobody_up(rung, monkeypatch):
    monkeypatch.setattr(web_start, "ask", lambda *_: web_start.Outcome())
    over = threading.Event()
    monkeypatch.setattr(at_once.Ring, "end", lambda _ring: over.wait(PATIENCE))
    try:
        job = rung.sold()
        assert (start_of(rung, job)["reason"], over.is_set()) == ("no_answer", False)
    finally:
        over.set()


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("end", ["stalled", "failed"])
def test_a_starter_of_a_job_that_stops_is_taken_away(rung, monkeypatch, end):
    left_unasked(monkeypatch)
    job = rung.sold()
    assert starters(rung, job)
    if end == "failed":
        # An agent that refuses its job file trusts no name in it
        (rung.agent_folder(job) / "job").write_bytes(b"damaged")
        rung.run_agent(job)
        assert starters(rung, job)
    rung.clock.pass_by(400)
    rung.work()
    assert rung.job(job).state == end, rung.trouble(job)
    assert starters(rung, job) == []


def test_an_occupied_document_root_is_refused_as_ever_and_keeps_what_it_held(rung):
    hosting = rung.new_account()
    kept = Path(hosting.document_root_path) / "mine.html"
    kept.write_text("mine")
    job = rung.sold(hosting)
    assert start_of(rung, job)["way"] == "web"
    until_over(rung, job)
    assert rung.status(job)["error"]["code"] == "docroot_occupied"
    assert kept.read_text() == "mine" and starters(rung, job) == []


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize(("rules", "reason"), [
    ("Require all denied\n", "refused_by_site"),
    ("RewriteEngine On\nRewriteRule ^ https://elsewhere.example/ [R=302,L]\n", "redirected"),
])  # fmt: skip
def test_rules_of_the_accounts_own_leave_the_start_to_cron_and_teach_nothing_about_the_server(rung, rules, reason):
    hosting = rung.new_account()
    (Path(hosting.document_root_path) / ".htaccess").write_text(rules)
    job = rung.sold(hosting)
    assert start_of(rung, job)["reason"] == reason
    other = rung.sold()
    assert start_of(rung, other)["way"] == "web"
    until_over(rung, other)


def test_a_cancelled_jobs_starter_goes_as_well(rung, monkeypatch):
    left_unasked(monkeypatch)
    job = rung.sold()
    assert starters(rung, job)
    rung.service.jobs.cancel(job.id)
    rung.until(job)
    assert rung.job(job).state == "cancelled", rung.trouble(job)
    assert starters(rung, job) == []


def test_the_starter_is_no_more_open_than_any_page_and_holds_no_secret(rung, monkeypatch):
    left_unasked(monkeypatch)
    job = rung.sold()
    (left,) = starters(rung, job)
    assert stat.S_IMODE(left.stat().st_mode) & 0o022 == 0
    job_file = (rung.agent_folder(job) / "job").read_text()
    text = left.read_text()
    assert job.id not in text and not any(part in text for part in job_file.split(".") if len(part) > 20)
    rung.until(job)
