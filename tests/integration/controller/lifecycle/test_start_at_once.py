"""The panel is asked to start the agent at once: after the cron line, for so long, and whatever becomes of it."""

import threading
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from controller.db import jobs as job_rows
from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.jobs.agent_link import ring
from controller.panels.registry import starts
from controller.panels.start import Started
from tests.integration.controller.follow_ups import JOBS, begin
from tests.support.worlds.world import Agent


def noted(world, job):
    return {name: value for name, value in world.job(job).facts["start"].items() if name not in ("seconds", "at")}


def test_the_panel_is_asked_once_the_cron_line_is_there_and_its_answer_is_noted(world):
    lines = []
    world.panel.started = Started("account")
    world.panel.before["start_now"] = lambda: lines.append(list(world.panel.crontabs["alice"]))
    job, _agent = world.dropped()
    assert [line.endswith(job.id) for line in lines[0]] == [False, False, True]
    assert noted(world, job) == {"way": "account", "reason": ""}
    assert world.job(job).facts["start"]["at"] <= world.clock.now
    assert [call for call in world.panel.calls if call[0] == "start_now"] == [("start_now", "alice", job.id, 1)]


def test_the_panel_is_asked_after_it_has_read_back_what_lies_there(world):
    seen = []
    world.panel.verify_prepared = lambda _account, _prepared: seen.append("read back")
    world.panel.before["start_now"] = lambda: seen.append("asked")
    world.dropped()
    assert seen == ["read back", "asked"]


def test_a_panel_without_a_way_says_so_and_cron_has_the_job(world):
    job, _agent = world.dropped()
    assert noted(world, job) == {"way": "", "reason": "not_offered"}


@pytest.mark.parametrize("code", ["panel_unreachable", "panel_refused", "account_missing"])
def test_a_start_that_fails_fails_no_step(world, code):
    world.panel.fail("start_now", code)
    job, _agent = world.dropped()
    assert (world.job(job).state, noted(world, job)) == ("dropped", {"way": "", "reason": "failed"})
    row = world.steps(job)["cron"]
    assert (row.state, row.attempts, row.failures, row.error) == ("done", 1, 0, None)


def test_a_start_that_meets_what_nobody_foresaw_fails_no_step(world):
    def explode():
        raise ZeroDivisionError

    world.panel.before["start_now"] = explode
    job, _agent = world.dropped()
    assert (world.job(job).state, noted(world, job)) == ("dropped", {"way": "", "reason": "failed"})


def test_a_start_that_hangs_is_left_to_itself(world, monkeypatch):
    monkeypatch.setattr(ring, "WITHIN_SECONDS", 0.2)
    hanging = threading.Event()
    world.panel.before["start_now"] = lambda: hanging.wait(20)
    try:
        job, _agent = world.dropped()
        assert (world.job(job).state, noted(world, job)) == ("dropped", {"way": "", "reason": "took_too_long"})
    finally:
        hanging.set()


def test_a_machine_without_a_thread_left_leaves_the_start_to_cron(world, monkeypatch):
    class NoThread:
        def __init__(self, **_given):
            pass

        def start(self):
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ring, "threading", SimpleNamespace(Thread=NoThread))
    job, _agent = world.dropped()
    assert (world.job(job).state, noted(world, job)) == ("dropped", {"way": "", "reason": "failed"})


def test_what_a_panel_answers_outside_its_words_is_a_failure(world):
    world.panel.started = Started("magic", "no such reason")
    job, _agent = world.dropped()
    assert noted(world, job) == {"way": "", "reason": "failed"}


def test_each_attempt_is_started_anew_and_nothing_is_noted_of_the_last_one(world):
    world.panel.started = Started("account")
    job, _agent = world.dropped()
    Agent(world, job).fail("disk_space")
    world.panel.fail("ensure_cron", "cron_edit_failed")
    world.service.jobs.retry(job.id)
    world.work()
    assert "start" not in world.job(job).facts
    world.work_later(10)
    assert world.job(job).facts["start"]["way"] == "account"
    assert [call[3] for call in world.panel.calls if call[0] == "start_now"] == [1, 2]


def test_what_the_panel_wants_for_the_start_lies_there_with_the_job_file(world, monkeypatch):
    wanted = {"public_html/start.php": (b"<?php", 0o644)}
    monkeypatch.setattr(world.panel, "start_files", lambda *_about: wanted, raising=False)
    _job, agent = world.dropped()
    assert (agent.folder.parent / "public_html/start.php").read_bytes() == b"<?php"
    assert (agent.folder / "job").is_file()


def test_follow_up_jobs_are_started_the_same_way(world):
    world.add_bundle("later", jobs=JOBS)
    shop = world.live(bundle="later")
    world.panel.started = Started("account")
    job, _agent = begin(world, shop, "set_admin_password", **{"admin.password": "correct horse"})
    assert noted(world, job) == {"way": "account", "reason": ""}
    assert world.panel.calls[-1][0] == "start_now"


def server_of(world):
    with reading(world.engine) as connection:
        return servers.get(connection, "web1")


def choose(world, start):
    transact(world.engine, lambda connection: servers.choose_start(connection, "web1", start))


def asked(world):
    return sum(call[0] == "start_now" for call in world.panel.calls)


def test_a_server_set_to_cron_is_not_asked_and_gets_no_files_for_it(world, monkeypatch):
    monkeypatch.setattr(world.panel, "start_files", lambda *_about: {"public_html/start.php": (b"<?php", 0o644)})
    choose(world, "cron")
    job, agent = world.dropped()
    assert (asked(world), noted(world, job)) == (0, {"way": "", "reason": "switched_off"})
    assert not (agent.folder.parent / "public_html/start.php").exists()
    assert server_of(world).start_learned is None


def test_what_is_no_local_panel_is_left_to_cron_until_somebody_chooses(world):
    for panel, expected in (("local", "auto"), ("cpanel", "cron")):
        assert starts(servers.Server("x", panel)) == expected
        assert {starts(servers.Server("x", panel, start=one)) for one in ("auto", "cron")} == {"auto", "cron"}


def test_what_was_learned_of_a_server_stops_the_asking_for_a_month(world):
    world.panel.started = Started(reason="functions_disabled")
    first, _agent = world.dropped()
    began = world.clock.now
    assert (noted(world, first)["reason"], asked(world)) == ("functions_disabled", 1)
    learned = server_of(world).start_learned
    assert (learned.way, learned.reason) == ("", "functions_disabled")
    world.panel.started = Started("account")
    second, _agent = world.dropped(account="bob", domain="bob.example.com")
    assert (noted(world, second)["reason"], asked(world)) == ("functions_disabled", 1)
    assert server_of(world).start_learned == learned, "what was not tried tells nothing"
    world.clock.now = began + 31 * 24 * 3600
    third, _agent = world.dropped(account="carol", domain="carol.example.com")
    assert (noted(world, third)["way"], asked(world)) == ("account", 2)
    assert server_of(world).start_learned.reason == ""


def test_a_firewall_has_to_refuse_two_accounts_in_a_row_before_nobody_asks_again(world):
    world.panel.started = Started(reason="refused_by_firewall")
    world.dropped()
    world.dropped(account="bob", domain="bob.example.com")
    assert asked(world) == 2 and server_of(world).start_learned.accounts == 2
    third, _agent = world.dropped(account="carol", domain="carol.example.com")
    assert (noted(world, third)["reason"], asked(world)) == ("refused_by_firewall", 2)


def test_one_start_between_two_refusals_begins_the_count_anew(world):
    world.panel.started = Started(reason="refused_by_firewall")
    world.dropped()
    world.panel.started = Started("account")
    world.dropped(account="bob", domain="bob.example.com")
    world.panel.started = Started(reason="refused_by_firewall")
    world.dropped(account="carol", domain="carol.example.com")
    assert server_of(world).start_learned.accounts == 1
    world.dropped(account="dave", domain="dave.example.com")
    assert asked(world) == 4


def test_one_account_that_is_refused_again_and_again_counts_once(world):
    world.panel.started = Started(reason="refused_by_firewall")
    job, agent = world.dropped()
    for _ in range(2):
        agent.fail("disk_space")
        world.service.jobs.retry(job.id)
        world.work()
        agent = Agent(world, job)
    assert asked(world) == 3 and server_of(world).start_learned.accounts == 1


def test_what_an_earlier_version_learned_is_read_as_of_one_account(world):
    old = '{"at": 1.0, "reason": "refused_by_firewall", "since": 1.0, "way": ""}'
    transact(world.engine, lambda c: c.execute(sa.text("UPDATE servers SET start_learned = :old"), {"old": old}))
    assert (server_of(world).start_learned.accounts, server_of(world).start_learned.account) == (1, "")


def test_what_is_learned_stops_no_panel_that_has_another_way(world):
    world.panel.started = Started(reason="functions_disabled")
    world.dropped()
    world.panel.has_other_start = lambda: True
    world.dropped(account="bob", domain="bob.example.com")
    assert asked(world) == 2


def test_the_operators_word_ends_what_was_learned(world):
    world.panel.started = Started(reason="php_not_the_account")
    world.dropped()
    choose(world, "auto")
    assert server_of(world).start_learned is None
    world.dropped(account="bob", domain="bob.example.com")
    assert asked(world) == 2


def test_what_one_account_refused_says_nothing_of_the_next(world):
    world.panel.started = Started(reason="limits")
    world.dropped()
    world.dropped(account="bob", domain="bob.example.com")
    assert asked(world) == 2
    learned = server_of(world).start_learned
    assert learned.reason == "limits" and learned.since <= learned.at


def test_a_job_file_put_there_by_an_earlier_version_finds_no_files_for_a_start(world, monkeypatch):
    monkeypatch.setattr(world.panel, "start_files", lambda *_about: {"public_html/start.php": (b"<?php", 0o644)})
    world.panel.fail("ensure_cron", "cron_edit_failed")
    job = world.order()
    world.work()
    row = world.job(job)
    facts = {name: value for name, value in row.facts.items() if name != "start_prepared"}
    transact(world.engine, lambda connection: job_rows.update(connection, row, world.clock(), facts=facts))
    world.work_later(10)
    assert (asked(world), noted(world, job)) == (0, {"way": "", "reason": "not_offered"})


def test_a_cancelled_jobs_agent_is_started_at_once_too(world):
    world.panel.started = Started("account")
    job, _agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.work()
    assert asked(world) == 2
    calls = [call[0] for call in world.panel.calls]
    assert calls[-calls[::-1].index("start_now") - 1 :].count("ensure_cron") == 0, "after its line"
