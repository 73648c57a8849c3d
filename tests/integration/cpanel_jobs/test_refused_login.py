"""A token that is not accepted (any more): one try, one alarm, nothing else goes out until `server check` succeeds."""

import pytest

from controller.doctor.registry import examine
from controller.panels.cpanel.account_cache import side_by_side
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.api.whm import Login
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.settings import CpanelSettings
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root
CODE = "panel_auth_failed"


def waits(world, job):
    """The job waits for the server to let us in again; it has not failed."""
    found = world.status(job)
    return (found["state"], (found["error"] or {}).get("code")) == ("preparing", CODE)


@pytest.fixture
def panel(whm):
    """A panel with a token nobody has used yet, on a server that is asked two things at once."""
    token = whm.token()
    made = CpanelPanel(
        Login("cp1", whm.url, "root", token, whm.ca_file), CpanelSettings(calls_in_flight=2), ProcessBreaker()
    )
    whm.state.find_token("whm", "root", token).everything = True
    return made


def ask_a_lot(panel):
    """Ask many things at once; return the codes of what was refused."""

    def ask():
        try:
            panel.whm.call("myprivs", read_only=True)
        except ShoplaunchError as error:
            return error.code
        return None

    return side_by_side([ask] * 12)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("form", ["401", "403", "200"])
def test_three_jobs_cost_one_failed_login_and_one_alarm_and_go_on_after_a_check(whm, world_of, form):
    world = world_of()
    jobs = [world.sell(world.hosting()) for _ in range(3)]
    whm.quirks.refuse_token, whm.quirks.auth_forms = True, (form,)
    whm.calls.clear()
    world.worker.start()
    try:
        wait_until(lambda: all(waits(world, job) for job in jobs))
    finally:
        world.worker.stop()
    assert (whm.door.failures, len(whm.calls.all)) == (1, 1)
    world.work_later(600, stride=20)
    assert [alarm.code for alarm in world.mail.alarms] == [CODE]
    assert all(waits(world, job) for job in jobs)
    assert len(whm.calls.all) == 1, "nothing more went out"

    login, *more = world.server_panel().check()
    assert (login.name, login.ok, more) == ("login", False, [])
    assert whm.door.failures == 2, "a check is a try"
    world.work_later(120, stride=20)
    assert len(whm.calls.all) == 2

    whm.quirks.refuse_token = False
    assert world.server_panel().check()[0].ok
    world.work_later(40, stride=20)
    assert [world.job(job).state for job in jobs] == ["dropped"] * 3, [world.status(job) for job in jobs]
    assert len(world.mail.alarms) == 1


@attack(
    "`doctor` is run while a server refuses our login, which would lock this address out for longer with each try",
    "it reports the server as locked and does not sign in; `server check` is named for the time it is mended",
)
def test_doctor_reports_a_locked_server_and_does_not_sign_in(whm, world_of):
    world = world_of()
    whm.quirks.refuse_token = True
    world.sell(world.hosting())
    world.work()
    asked = len(whm.calls.all)
    [row] = [row for row in examine(world.config) if row.name.startswith("cp1")]
    assert (row.name, row.ok, row.optional) == ("cp1: login", False, False)
    assert "locked" in row.message and "`shoplaunch server check cp1`" in row.advice
    assert len(whm.calls.all) == asked, "nothing goes out"


def test_of_many_calls_with_an_unproven_token_one_is_made(whm, panel):
    whm.quirks.refuse_token = True
    assert ask_a_lot(panel) == [CODE] * 12
    assert whm.door.failures == 1


def test_calls_that_wait_for_their_turn_are_not_made_any_more_after_a_refusal(whm, panel):
    assert ask_a_lot(panel) == [None] * 12
    whm.quirks.refuse_token = True
    assert ask_a_lot(panel) == [CODE] * 12
    assert whm.door.failures <= 2, "no more than were in flight"


def test_where_the_first_call_gets_no_answer_the_others_go_on(whm, panel):
    whm.quirks.cut_before("myprivs", 1)
    assert ask_a_lot(panel) == [None] * 12


def test_a_token_that_worked_until_just_now_costs_one_failed_login(whm, world_of):
    world = world_of()
    job = world.sell(world.hosting())
    world.work()
    assert world.job(job).state == "dropped"
    whm.revoke(world.token)
    jobs = [world.sell(world.hosting()) for _ in range(2)]
    world.work()
    assert all(waits(world, job) for job in jobs)
    assert whm.door.failures == 1
