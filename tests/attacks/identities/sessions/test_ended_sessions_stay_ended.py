"""What ends an operator's sessions ends those, too, that begin at the same instant: nobody slips through with what was
right a moment ago."""

import pytest

from controller.access import operators, second_factor
from controller.access.door import Access
from tests.attacks.table import attack

#: What an administrator does against somebody who has an operator's password.
MEASURES = {
    "a new password": lambda actor: operators.set_password(actor, "omid", "another horse battery"),
    "a second factor": lambda actor: second_factor.begin(actor, "omid"),
    "sessions end": lambda actor: operators.end_sessions(actor, "omid"),
}


@attack(
    "somebody who has an operator's password signs in again and again, so that one of the times meets a new password, "
    "a second factor or the end of the sessions",
    "that session is over before it shows a page",
)
@pytest.mark.parametrize("measure", MEASURES)
def test_a_login_that_was_under_way_opens_nothing(people, monkeypatch, measure):
    check = Access.check_login

    def checked(service, *given):
        accepted = check(service, *given)
        MEASURES[measure](people.actor)
        return accepted

    monkeypatch.setattr(Access, "check_login", checked)
    _status, browser = people.try_in("omid")
    assert browser.get("/admin/jobs").status_code == 302


@attack(
    "somebody in an operator's session sets up, or ends, a second factor while an administrator ends that session",
    "the session is over, and no new one begins",
)
@pytest.mark.parametrize("change", ["confirm", "end"])
def test_a_change_that_was_under_way_goes_on_in_no_new_session(people, monkeypatch, change):
    _secret, codes = second_factor.begin(people.actor, "omid")
    status, browser = people.try_in("omid", code=codes[0])
    assert status == 303
    work = getattr(second_factor, change)

    def done(actor, *given):
        found = work(actor, *given)
        operators.end_sessions(people.actor, "omid")
        return found

    monkeypatch.setattr(second_factor, change, done)
    if change == "confirm":
        monkeypatch.setattr(second_factor, "offered", lambda *_given: "JBSWY3DPEHPK3PXP")
        monkeypatch.setattr("controller.access.totp.step_of", lambda *_given: 1)
        answer = people.post(browser, "/admin/account/second-factor/code", sealed="x", code="123456")
    else:
        answer = people.post(browser, "/admin/account/second-factor/end")
    assert answer.status_code in (200, 303)
    assert browser.get("/admin/jobs").status_code == 302
