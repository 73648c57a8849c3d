"""What needs an operator and is of no job and no order is on the page of what needs attention."""

import time
from dataclasses import replace

import pytest
import requests

from controller.db.connection.engine import reading, transact
from controller.db.machines import channels, duties
from controller.db.machines.channels import Channel
from tests.integration.web.test_pages import TIMEOUT, sign_in
from tests.support.waiting import wait_until

STOPPED = Channel("stable", "1", "2", 1, 0.0, 1.0, "more jobs fail", "wanted")


@pytest.fixture
def failing(site):
    """The backup is not made, a roll-out has stopped, and no mail says so."""
    engine = site.service.installation.engine
    now = time.time()
    transact(engine, lambda made: duties.note_failure(made, "backup", "backup_failed", "full", now))
    transact(engine, lambda made: channels.write(made, STOPPED))
    yield
    with reading(engine) as connection:
        (noted,) = duties.listed(connection)
    transact(engine, lambda made: duties.forget(made, noted))
    transact(engine, lambda made: channels.write(made, replace(STOPPED, alarm="")))


@pytest.mark.parametrize(
    ("language", "words", "nothing"),
    [
        ("en", ("Duties that are not done", "Roll-outs that have stopped", "shoplaunch doctor"), "Nothing needs"),
        ("fa", ("وظیفه‌هایی که انجام نمی‌شوند", "عرضه‌هایی که متوقف شده‌اند", "shoplaunch doctor"), "چیزی نیازمند رسیدگی"),
    ],
)
def test_alarms_of_duties_and_roll_outs_that_were_not_delivered_are_shown(site, failing, language, words, nothing):
    browser = requests.Session()
    sign_in(site, browser)

    def page():
        return browser.get(site.url + f"/admin/attention?lang={language}", timeout=TIMEOUT).text

    wait_until(lambda: 'id="other-alarms"' in page())
    shown = page().partition('id="other-alarms"')[2].partition("</section>")[0]
    assert all(word in shown for word in words) and "Servers that fail" not in shown
    assert nothing not in page()
