"""The WHMCS driver against the double: what it sends, in whose language, and once whatever happens to the answers."""

import pytest

from controller.billing.base import Alarm, Unsettled
from controller.billing.whmcs.api import WhmcsApi
from controller.billing.whmcs.changes import SETTLE_SECONDS, SLOW_SECONDS
from controller.billing.whmcs.mails import MAX_MAILS, PAGE, READY, RECEIVED
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.fakes.whmcs.actions import ACTIONS, get_emails
from tests.integration.billing.orders import about, handover
from tests.integration.billing.whmcs_news import CHANGES, TROUBLE, assert_notified_once, everything, subjects
from tests.support.error_codes import error_code


def patience(mood):
    """Return the setting that gives up a slow WHMCS before it is done; every other is waited for on any machine."""
    return {"timeout_seconds": 3} if mood == "slow" else {}


def settling(mood):
    """Return how long WHMCS may go on with a call that ended so: only what it has answered is over soon."""
    return SLOW_SECONDS if mood == "broken" else SETTLE_SECONDS


def test_one_order_is_one_ticket_with_an_answer_a_note_for_staff_and_three_mails(driver, whmcs):
    everything(driver(), about())
    assert_notified_once(whmcs)
    [ticket] = whmcs.books.tickets
    assert ticket["service"] == "S1042" and ticket["userid"] == "5" and ticket["deptid"] == "2"
    assert "https://control.example.com/status/TOKEN" in ticket["replies"][0]["message"]
    ready = ticket["replies"][1]
    assert ready["admin"] == "support"
    for wanted in ("http://shop.example.com/admin7/", "nora@example.com", "credentials/T2", "1 June 2026, 10:00 UTC"):
        assert wanted in ready["message"], ready["message"]
    assert (
        "panel_refused: no such PHP" in ticket["notes"][0]["message"]
        and "Install one." in ticket["notes"][0]["message"]
    )


def test_a_repeated_notification_sends_nothing_again(driver, whmcs):
    news = about()
    everything(driver(), news)
    everything(driver(), news)
    assert_notified_once(whmcs)


def test_a_controller_without_its_notification_log_checks_whmcs_before_it_notifies(driver, whmcs):
    everything(driver(), about())
    everything(driver(), about())
    assert_notified_once(whmcs)


@pytest.mark.sampled(of=2, each=("mood",))
@pytest.mark.parametrize("shape", ["normal", "flat", "lists", "numbers"])
@pytest.mark.parametrize("mood", ["cut", "slow", "broken", "html", "http500"])
def test_a_lost_answer_makes_no_second_ticket_mail_or_note(driver, whmcs, clock, mood, shape):
    whmcs.shape, whmcs.slow_seconds = shape, 120
    whmcs.moods = {action: [mood] for action in CHANGES}
    made, news = driver(**patience(mood)), about()
    for call in (
        lambda: made.announce(news),
        lambda: made.alarm(Alarm(**TROUBLE, about=news)),
        lambda: made.delayed(news),
        lambda: made.hand_over(handover(news)),
    ):
        for _ in range(4):
            try:
                call()
                break
            except ShoplaunchError as error:
                assert (error.code, error.retryable) == ("whmcs_unreachable", True)
                clock.pass_by(settling(mood))
                whmcs.rest()
        else:
            raise AssertionError("never reported")
    assert whmcs.moods == {action: [] for action in CHANGES}
    assert_notified_once(whmcs)


def test_what_was_done_although_its_answer_was_lost_is_found_at_once(driver, whmcs):
    whmcs.moods = {"OpenTicket": ["cut"], "SendEmail": ["cut"]}
    made, news = driver(), about()
    assert error_code(made.announce, news) == "whmcs_unreachable"
    made.announce(news)
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("mood", ["slow", "broken", "html", "http500"])
@pytest.mark.parametrize("action", ["OpenTicket", "SendEmail"])
def test_what_is_not_found_is_asked_for_again_only_when_the_first_call_can_no_longer_be_under_way(
    driver, whmcs, clock, action, mood
):
    whmcs.slow_seconds, whmcs.moods = 120, {action: [mood]}
    made, news = driver(**patience(mood)), about()
    assert error_code(made.announce, news) == "whmcs_unreachable"
    clock.pass_by(5)
    with pytest.raises(Unsettled) as caught:
        made.announce(news)
    assert caught.value.seconds == (SETTLE_SECONDS if mood in ("slow", "broken") else SETTLE_SECONDS - 5)
    assert len(whmcs.named(action)) == (mood == "slow")
    whmcs.rest()
    clock.pass_by(settling(mood) - 5)
    made.announce(news)
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1


@attack(
    "WHMCS takes minutes for a call that opens a ticket or sends a mail, so that nobody hears its answer",
    "what came of it is looked for before any repetition: the client gets one ticket and one mail",
)
@pytest.mark.parametrize("mood", ["slow", "late"])
@pytest.mark.parametrize("action", ["OpenTicket", "SendEmail"])
def test_a_whmcs_that_takes_minutes_opens_one_ticket_and_sends_one_mail(driver, whmcs, clock, action, mood):
    whmcs.slow_seconds, whmcs.moods = 120, {action: [mood]}
    made, news = driver(**patience(mood)), about()
    assert error_code(made.announce, news) == "whmcs_unreachable"
    for _ in range(12):
        clock.pass_by(SETTLE_SECONDS)
        with pytest.raises(Unsettled):
            made.announce(news)
    # It is done only now
    whmcs.rest()
    made.announce(news)
    assert len(whmcs.named(action)) == 1
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1


@pytest.mark.parametrize("look", ["GetTickets", "GetEmails"])
def test_what_never_reached_whmcs_is_asked_for_again_without_a_pause(driver, whmcs, look):
    made, news = driver(), about()
    whmcs.moods = {look: ["last"]}
    assert error_code(made.announce, news) == "whmcs_unreachable"
    whmcs.open()
    made.announce(news)
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1


def test_a_controller_that_died_while_it_asked_gives_whmcs_the_time_of_a_whole_call(driver, whmcs, clock, monkeypatch):
    news = about()
    with monkeypatch.context() as death:
        death.setattr(WhmcsApi, "call", _dying_at("SendEmail"))
        with pytest.raises(KeyboardInterrupt):
            driver().announce(news)
    with pytest.raises(Unsettled) as caught:
        driver().announce(news)
    # It looks in between, as what was begun may be there long before
    assert caught.value.seconds == SETTLE_SECONDS
    clock.pass_by(SLOW_SECONDS - 1)
    with pytest.raises(Unsettled):
        driver().announce(news)
    clock.pass_by(1)
    driver().announce(news)
    assert subjects(whmcs) == ["Received: shop.example.com"]


def _dying_at(last):
    call = WhmcsApi.call

    def dying(self, action, **values):
        if action == last:
            raise KeyboardInterrupt
        return call(self, action, **values)

    return dying


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda books: setattr(books, "admins", ()), "whmcs_error"),
        (lambda books: books.departments.clear(), "whmcs_error"),
    ],
    ids=["no such administrator", "no such department"],
)
def test_a_ticket_that_cannot_be_written_keeps_no_mail_from_the_client(driver, whmcs, spoil, code):
    spoil(whmcs.books)
    news = about()
    assert error_code(driver().hand_over, handover(news)) == code
    assert error_code(driver().hand_over, handover(news)) == code
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]


def test_the_beginning_is_mailed_although_the_ticket_cannot_be_opened(driver, whmcs):
    whmcs.books.departments.clear()
    assert error_code(driver().announce, about()) == "whmcs_error"
    assert subjects(whmcs) == ["Received: shop.example.com"]


@pytest.mark.parametrize("template", [RECEIVED, READY])
def test_a_mail_that_cannot_be_sent_keeps_nothing_else_from_the_client(driver, whmcs, template):
    whmcs.books.aborted.add(template)
    news = about()
    sent = "Ready: shop.example.com" if template == RECEIVED else "Received: shop.example.com"
    if template == RECEIVED:
        driver().hand_over(handover(news))
    else:
        assert error_code(driver().hand_over, handover(news)) == "whmcs_mail_failed"
    assert subjects(whmcs) == [sent]
    assert len(whmcs.books.tickets[0]["replies"]) == 2


def test_a_failure_that_may_pass_is_reported_before_one_that_stays(driver, whmcs):
    whmcs.books.admins = ()
    whmcs.books.aborted.add(READY)
    assert error_code(driver().hand_over, handover()) == "whmcs_mail_failed"


def test_the_end_announces_the_beginning_first_when_nobody_did(driver, whmcs):
    driver().hand_over(handover())
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]
    assert len(whmcs.books.tickets[0]["replies"]) == 2


@pytest.mark.parametrize("mood", ["cut", "slow", "broken", "html", "http500"])
def test_the_end_waits_while_nobody_knows_whether_the_beginning_was_announced(driver, whmcs, clock, mood):
    whmcs.slow_seconds, whmcs.moods = 120, {"SendEmail": [mood]}
    made, news = driver(**patience(mood)), about()
    assert error_code(made.hand_over, handover(news)) == "whmcs_unreachable"
    assert "Ready: shop.example.com" not in subjects(whmcs)
    whmcs.rest()
    clock.pass_by(settling(mood))
    made.hand_over(handover(news))
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]


def test_the_end_does_not_wait_for_ever_for_the_beginning(driver, whmcs, clock):
    whmcs.moods = {"SendEmail": ["html", "html"]}
    made, news = driver(), about()
    assert error_code(made.hand_over, handover(news)) == "whmcs_unreachable"
    clock.pass_by(SETTLE_SECONDS)
    made.hand_over(handover(news))
    assert subjects(whmcs) == ["Ready: shop.example.com"]


@pytest.mark.parametrize("largest_page", [1, 25])
def test_a_mail_is_found_although_whmcs_lists_fewer_at_once_than_it_is_asked_for(driver, whmcs, largest_page):
    whmcs.largest_page, whmcs.moods = largest_page, {"SendEmail": ["cut"]}
    made, news = driver(), about()
    assert error_code(made.announce, news) == "whmcs_unreachable"
    for number in range(30):
        whmcs.books.mail(whmcs.books.clients["5"], f"Invoice {number}", "")
    made.announce(news)
    assert subjects(whmcs).count("Received: shop.example.com") == 1


@attack(
    "A client has thousands of mails, in whichever order WHMCS lists them, and the answer to ours was lost",
    "the list is read from both of its ends: the client gets one mail",
)
@pytest.mark.parametrize("others", [1001, 5000])
@pytest.mark.parametrize("are_newer", [False, True], ids=["older", "newer"])
@pytest.mark.parametrize("oldest_first", [False, True], ids=["newest first", "oldest first"])
def test_a_mail_is_found_among_thousands(driver, whmcs, oldest_first, are_newer, others):
    made, news = driver(), about()
    whmcs.moods, whmcs.books.lists_oldest_first = {"SendEmail": ["cut"]}, oldest_first

    def send_others():
        for number in range(others):
            whmcs.books.mail(whmcs.books.clients["5"], f"Invoice {number}", "")

    if not are_newer:
        send_others()
    assert error_code(made.announce, news) == "whmcs_unreachable"
    if are_newer:
        send_others()
    looked = len(whmcs.named("GetEmails"))
    made.announce(news)
    assert subjects(whmcs).count("Received: shop.example.com") == 1
    assert len(whmcs.named("GetEmails")) - looked <= 2 * MAX_MAILS / PAGE


@pytest.mark.parametrize("said", ["", "many", "9" * 5000, "\u00b2", -1, None, 10**8])
def test_a_list_that_says_a_wrong_length_is_read_as_far_as_it_goes(driver, whmcs, clock, monkeypatch, said):
    monkeypatch.setitem(ACTIONS, "GetEmails", lambda books, form: {**get_emails(books, form), "totalresults": said})
    for number in range(MAX_MAILS + 1):
        whmcs.books.mail(whmcs.books.clients["5"], f"Invoice {number}", "")
    made, news = driver(), about()
    whmcs.moods = {"SendEmail": ["html"]}
    assert error_code(made.announce, news) == "whmcs_unreachable"
    clock.pass_by(SETTLE_SECONDS)
    made.announce(news)
    assert subjects(whmcs).count("Received: shop.example.com") == 1


@pytest.mark.parametrize("action", ["OpenTicket", "SendEmail"])
def test_what_took_hours_is_looked_for_before_it_is_asked_for_again(driver, whmcs, clock, action):
    whmcs.slow_seconds, whmcs.moods = 120, {action: ["late"]}
    made, news = driver(), about()
    assert error_code(made.announce, news) == "whmcs_unreachable"
    clock.pass_by(6 * 3600)
    whmcs.rest()
    made.announce(news)
    assert len(whmcs.named(action)) == 1
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1
