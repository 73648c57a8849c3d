"""Each change is delivered twice, and the second answer, mostly a refusal, is heard: there is one of each, or none."""

import pytest

from controller.agent_archive.build import build_agent
from tests.integration.cpanel_jobs.world import prepared
from tests.support.worlds.agent_box import Keys

pytestmark = pytest.mark.root
OWN_LINE = "7 7 * * * own"


@pytest.fixture
def world(world_of, whm, tmp_path):
    """A controller with a real launcher and agent, on a server that gets every call twice."""
    path = tmp_path / "agent.pyz"
    build_agent(path, [Keys().public])
    made = world_of()
    made.give_agent(path.read_bytes())
    whm.quirks.change_twice = True
    return made


def test_there_is_one_of_each_in_an_account_made_for_it(whm, world):
    user = whm.new_user()
    job = world.order(account=user, domain=f"{user}.test", server="cp1", create_account=True)
    world.work()
    hosting = world.quiet(whm.account(user))
    prepared(world, hosting, job)
    panel = world.server_panel()
    lines = panel.cron_lines(panel.find_account(user))
    assert [len(found) for found in (lines, hosting.databases, hosting.database_users)] == [1, 1, 1]
    assert world.job(job).facts["made_account"] == "made"


def test_an_account_that_stays_loses_nothing_of_its_own(whm, world):
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    whm.engine.write_crontab(hosting.user, f"{whm.engine.crontab(hosting.user)}{OWN_LINE}\n")
    panel = world.server_panel()
    account = panel.find_account(hosting.user)
    panel.remove_cron(account, f"shoplaunch:{job.id}")
    panel.remove_agent(account)
    world.service.jobs.cancel(job.id)
    world.work()
    assert (world.job(job).facts["undo"], world.job(job).error) == ("done", None)
    assert not (hosting.databases or hosting.database_users)
    assert whm.engine.crontab(hosting.user).splitlines()[-1:] == [OWN_LINE]
