"""When a roll-out stops: as a rule that fits into a sentence, at figures on both sides of it."""

from dataclasses import replace

import pytest

from controller.db.machines.channels import Channel, Outcomes, bucket
from controller.jobs.agent_judgement.roll_out import why_stopped
from controller.setup.agent_channels import advanced
from shared.errors import ShoplaunchError

JOBS = [f"j{number:04}" for number in range(4000)]


@pytest.mark.parametrize(
    ("new", "before", "stops"),
    [
        ((0, 0), (0, 0), False),
        ((1, 1), (1000, 0), False),
        ((2, 2), (1000, 0), True),
        ((100, 2), (1000, 0), True),
        ((2, 2), (0, 0), True),
        # 3 % fail anyhow: of a hundred 3 are to be expected, and 3.5 more may be chance
        ((100, 6), (1000, 30), False),
        ((100, 7), (1000, 30), True),
        ((3, 2), (1000, 30), True),
        ((50, 50), (50, 50), False),
        ((1000, 20), (1000, 30), False),
    ],
)
def test_it_stops_when_more_fail_than_before_and_than_chance_explains(new, before, stops):
    assert bool(why_stopped(Outcomes(*new), Outcomes(*before))) == stops


def test_the_share_of_jobs_is_the_one_said_and_grows_without_changing_a_job():
    chosen = {
        share: {job for job in JOBS if Channel("stable", "old", "new", share).agent_for(job) == "new"}
        for share in (0, 1, 10, 100)
    }
    assert chosen[0] == set() < chosen[1] < chosen[10] < chosen[100] == set(JOBS)
    assert 10 <= len(chosen[1]) <= 90
    assert 300 <= len(chosen[10]) <= 500


def test_the_choice_depends_on_nothing_but_the_jobs_id():
    # As other versions and machines see it
    assert [bucket(job) for job in ("j0", "j1", "abc")] == [44, 50, 19]


def test_a_stopped_roll_out_gives_its_jobs_the_agent_from_before():
    stopped = Channel("stable", "old", "new", 100, 1.0, stopped_at=2.0)
    assert {stopped.agent_for(job) for job in JOBS} == {"old"}


def test_a_roll_out_goes_from_one_percent_to_ten_to_all():
    channel = Channel("stable", current="old")
    shares = []
    for now in (5.0, 6.0):
        channel = advanced(channel, "new", None, now)
        shares.append((channel.next, channel.share, channel.began_at))
    assert shares == [("new", 1, 5.0), ("new", 10, 5.0)]
    everywhere = advanced(channel, "new", None, 7.0)
    assert everywhere == Channel("stable", "old", "new", 100, 5.0)
    assert advanced(everywhere, "new", None, 8.0) == Channel("stable", current="new")


def test_an_agent_that_all_jobs_get_is_the_one_the_next_is_compared_with():
    everywhere = Channel("stable", "old", "new", 100, 5.0)
    assert advanced(everywhere, "newer", None, 8.0) == Channel("stable", "new", "newer", 1, 8.0)
    stopped = replace(everywhere, stopped_at=6.0)
    assert advanced(stopped, "newer", None, 8.0) == Channel("stable", "old", "newer", 1, 8.0)


def test_another_agent_and_a_stopped_one_begin_at_one_percent():
    channel = Channel("stable", "old", "new", 10, 1.0)
    assert advanced(channel, "newer", None, 9.0) == Channel("stable", "old", "newer", 1, 9.0)
    stopped = Channel("stable", "old", "new", 10, 1.0, 2.0, "why", "told")
    assert advanced(stopped, "new", None, 9.0) == Channel("stable", "old", "new", 1, 9.0)


@pytest.mark.parametrize("current", ["", "new"])
def test_without_another_agent_there_is_nothing_to_roll_out(current):
    with pytest.raises(ShoplaunchError, match="roll_out_impossible"):
        advanced(Channel("stable", current), "new", None, 1.0)
