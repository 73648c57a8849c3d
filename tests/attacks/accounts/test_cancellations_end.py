"""A cancelled job gives domain and account back before long, whatever the account's owner keeps us from doing there."""

import pytest

from controller.jobs.engine.operations import cancellation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

#: What an account's owner makes of what is asked of a panel: a closed home, a folder on a file system of the owner's
#: own, a crontab without end, no room left.
TRICKS = {
    "closed home": {"read_file": "home_closed"},
    "own file system": {"remove_agent": "file_error", "put_file": "file_error"},
    "endless crontab": {"cron_lines": "panel_answer_too_large", "remove_cron": "panel_answer_too_large"},
    "refilled crontab": {"remove_cron": "cron_edit_failed", "put_file": "file_error"},
    "no room": {"put_file": "quota_reached", "remove_agent": "file_error"},
    "what nobody foresaw": {"list_folder": None},
}


def refuse(monkeypatch, panel, codes):
    for name, code in codes.items():

        def refused(*_arguments, name=name, code=code, **_more):
            raise ShoplaunchError(code, f"{name} is kept from us") if code else PermissionError(13, "closed")

        monkeypatch.setattr(panel, name, refused)


@pytest.mark.sampled(of=2)
@attack("An account's owner keeps the panel from reading or removing what a cancelled job left there, for good",
        "domain and account are free again after a day at most, and what may be left is named")  # fmt: skip
@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("was_heard", [False, True])
def test_an_account_that_lets_nobody_in_keeps_no_domain(world, monkeypatch, trick, was_heard):
    job, agent = world.dropped()
    if was_heard:
        agent.send("started")
    with monkeypatch.context() as refused:
        refuse(refused, world.panel, TRICKS[trick])
        world.service.jobs.cancel(job.id)
        world.work()
        assert world.job(job).domain_key is not None
        wait = cancellation.RAN_SECONDS if was_heard else cancellation.NEVER_RAN_SECONDS
        world.work_later(wait + 600, stride=wait / 12)
        found = world.job(job)
        assert (found.facts["undo"], found.domain_key, found.error["code"]) == ("done", None, "cancelled_kept")
    again = world.order()
    world.work()
    assert world.job(again).state == "dropped"


@attack("A server is away, locked or refuses all its calls while a job is taken back there",
        "that is no reason to leave anything in the account: it goes on once the server answers")  # fmt: skip
@pytest.mark.parametrize("code", ["panel_unreachable", "panel_auth_failed", "privilege_missing", "account_suspended"])
def test_a_server_that_is_away_is_waited_for(world, monkeypatch, code):
    job, _agent = world.dropped()
    with monkeypatch.context() as away:
        refuse(away, world.panel, {"read_file": code})
        world.service.jobs.cancel(job.id)
        world.work_later(2 * cancellation.RAN_SECONDS, stride=6 * 3600)
        assert world.job(job).domain_key is not None
    world.work_later(2 * cancellation.NEVER_RAN_SECONDS, stride=600)
    assert world.job(job).domain_key is None
    assert not (world.panel.base / "alice" / ".shoplaunch").exists()
