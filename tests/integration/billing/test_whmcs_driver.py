"""The WHMCS driver against the double: what is told, in whose language, and once whatever happens to the answers."""

import pytest

from controller.billing.base import Alarm, Unsettled
from controller.billing.mail import Mail
from controller.billing.whmcs import READY, RECEIVED, SETTLE_SECONDS, SLOW_SECONDS, Whmcs
from controller.billing.whmcs_api import WhmcsApi
from controller.billing.whmcs_settings import WhmcsSettings
from controller.config import MailConfig
from shared.errors import ShoplaunchError
from tests.integration.billing.orders import about, handover
from tests.support.clock import Clock

CHANGES = ("OpenTicket", "AddTicketReply", "SendEmail", "AddTicketNote")
TROUBLE = {
    "job": "j7k2m9q4x8", "domain": "shop.example.com", "server": "web1", "state": "failed", "step": "php",
    "code": "panel_refused", "message": "no such PHP", "advice": "Install one.", "admin_url": "https://c.example/admin/1",
}  # fmt: skip


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def driver(settings, clock):
    """Return a function: changes of the section -> driver."""
    return lambda operator=None, **changes: Whmcs(WhmcsSettings.from_dict(settings(**changes)), operator, clock)


def patience(mood):
    """Return the setting that gives up a slow WHMCS before it is done; every other is waited for on any machine."""
    return {"timeout_seconds": 3} if mood == "slow" else {}


def code_of(call, *arguments):
    with pytest.raises(ShoplaunchError) as caught:
        call(*arguments)
    return caught.value.code


def everything(driver, news):
    """Tell all there is to tell of one shop."""
    driver.announce(news)
    driver.alarm(Alarm(**TROUBLE, about=news))
    driver.delayed(news)
    driver.hand_over(handover(news))


def subjects(whmcs):
    return [mail["subject"] for mail in whmcs.books.mails]


def assert_told_once(whmcs):
    [ticket] = whmcs.books.tickets
    assert len(ticket["replies"]) == 2 and len(ticket["notes"]) == 1
    assert subjects(whmcs) == ["Received: shop.example.com", "Delayed: shop.example.com", "Ready: shop.example.com"]


def test_one_order_is_one_ticket_with_an_answer_a_note_for_staff_and_three_mails(driver, whmcs):
    everything(driver(), about())
    assert_told_once(whmcs)
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


def test_told_again_nothing_is_told_again(driver, whmcs):
    news = about()
    everything(driver(), news)
    everything(driver(), news)
    assert_told_once(whmcs)


def test_a_controller_that_forgot_what_it_told_looks_before_it_tells(driver, whmcs):
    everything(driver(), about())
    everything(driver(), about())
    assert_told_once(whmcs)


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
                clock.pass_by(SETTLE_SECONDS)
                whmcs.rest()
        else:
            raise AssertionError("never told")
    assert whmcs.moods == {action: [] for action in CHANGES}
    assert_told_once(whmcs)


def test_what_was_done_although_its_answer_was_lost_is_found_at_once(driver, whmcs):
    whmcs.moods = {"OpenTicket": ["cut"], "SendEmail": ["cut"]}
    made, news = driver(), about()
    assert code_of(made.announce, news) == "whmcs_unreachable"
    made.announce(news)
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1


@pytest.mark.parametrize("mood", ["slow", "broken", "html", "http500"])
@pytest.mark.parametrize("action", ["OpenTicket", "SendEmail"])
def test_what_is_not_found_is_asked_for_again_only_when_the_first_call_can_no_longer_be_under_way(
    driver, whmcs, clock, action, mood
):
    whmcs.slow_seconds, whmcs.moods = 120, {action: [mood]}
    made, news = driver(**patience(mood)), about()
    assert code_of(made.announce, news) == "whmcs_unreachable"
    clock.pass_by(5)
    with pytest.raises(Unsettled) as caught:
        made.announce(news)
    assert caught.value.seconds == (SETTLE_SECONDS if mood == "slow" else SETTLE_SECONDS - 5)
    assert len(whmcs.named(action)) == (mood == "slow")
    whmcs.rest()
    clock.pass_by(caught.value.seconds)
    made.announce(news)
    assert subjects(whmcs) == ["Received: shop.example.com"] and len(whmcs.books.tickets) == 1


@pytest.mark.parametrize("action", ["OpenTicket", "SendEmail"])
def test_a_whmcs_that_takes_minutes_opens_one_ticket_and_sends_one_mail(driver, whmcs, clock, action):
    whmcs.slow_seconds, whmcs.moods = 120, {action: ["slow"]}
    made, news = driver(**patience("slow")), about()
    assert code_of(made.announce, news) == "whmcs_unreachable"
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
    assert code_of(made.announce, news) == "whmcs_unreachable"
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
    assert code_of(driver().hand_over, handover(news)) == code
    assert code_of(driver().hand_over, handover(news)) == code
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]


def test_the_beginning_is_mailed_although_the_ticket_cannot_be_opened(driver, whmcs):
    whmcs.books.departments.clear()
    assert code_of(driver().announce, about()) == "whmcs_error"
    assert subjects(whmcs) == ["Received: shop.example.com"]


@pytest.mark.parametrize("template", [RECEIVED, READY])
def test_a_mail_that_cannot_be_sent_keeps_nothing_else_from_the_client(driver, whmcs, template):
    whmcs.books.aborted.add(template)
    news = about()
    sent = "Ready: shop.example.com" if template == RECEIVED else "Received: shop.example.com"
    if template == RECEIVED:
        driver().hand_over(handover(news))
    else:
        assert code_of(driver().hand_over, handover(news)) == "whmcs_mail_failed"
    assert subjects(whmcs) == [sent]
    assert len(whmcs.books.tickets[0]["replies"]) == 2


def test_a_failure_that_may_pass_is_told_before_one_that_stays(driver, whmcs):
    whmcs.books.admins = ()
    whmcs.books.aborted.add(READY)
    assert code_of(driver().hand_over, handover()) == "whmcs_mail_failed"


def test_the_end_tells_the_beginning_first_when_nobody_did(driver, whmcs):
    driver().hand_over(handover())
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]
    assert len(whmcs.books.tickets[0]["replies"]) == 2


@pytest.mark.parametrize("mood", ["cut", "slow", "broken", "html", "http500"])
def test_the_end_waits_while_nobody_knows_whether_the_beginning_was_told(driver, whmcs, clock, mood):
    whmcs.slow_seconds, whmcs.moods = 120, {"SendEmail": [mood]}
    made, news = driver(**patience(mood)), about()
    assert code_of(made.hand_over, handover(news)) == "whmcs_unreachable"
    assert "Ready: shop.example.com" not in subjects(whmcs)
    whmcs.rest()
    clock.pass_by(SETTLE_SECONDS)
    made.hand_over(handover(news))
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]


def test_the_end_does_not_wait_for_ever_for_the_beginning(driver, whmcs, clock):
    whmcs.moods = {"SendEmail": ["html", "html"]}
    made, news = driver(), about()
    assert code_of(made.hand_over, handover(news)) == "whmcs_unreachable"
    clock.pass_by(SETTLE_SECONDS)
    made.hand_over(handover(news))
    assert subjects(whmcs) == ["Ready: shop.example.com"]


@pytest.mark.parametrize("largest_page", [1, 25])
def test_a_mail_is_found_although_whmcs_lists_fewer_at_once_than_it_is_asked_for(driver, whmcs, largest_page):
    whmcs.largest_page, whmcs.moods = largest_page, {"SendEmail": ["cut"]}
    made, news = driver(), about()
    assert code_of(made.announce, news) == "whmcs_unreachable"
    for number in range(30):
        whmcs.books.mail(whmcs.books.clients["5"], f"Invoice {number}", "")
    made.announce(news)
    assert subjects(whmcs).count("Received: shop.example.com") == 1


@pytest.mark.parametrize(
    ("told", "ordered", "wanted"),
    [("farsi", "en", "fa"), ("persian", "en", "fa"), ("english", "fa", "en"), ("", "fa", "fa"), ("german", "fa", "fa"),
     ("", "de", "en")],
)  # fmt: skip
def test_the_client_is_written_to_in_the_language_the_client_has_in_whmcs(driver, whmcs, told, ordered, wanted):
    whmcs.books.add_client("5", language=told)
    news = about(language=ordered)
    driver().announce(news)
    driver().hand_over(handover(news))
    [ticket] = whmcs.books.tickets
    assert ("در حال ساخت" in ticket["subject"]) == (wanted == "fa")
    ready = ticket["replies"][1]["message"]
    assert ("۱۱ خرداد ۱۴۰۵، ۱۰:۰۰ (UTC)" in ready) == (wanted == "fa"), ready


def test_persian_names_and_emoji_arrive_byte_by_byte(driver, whmcs):
    whmcs.books.templates["Shoplaunch: shop ready"].message = "{$shop_login}|{$shop_name_servers}|{$shop_password}"
    news = handover(
        login="نورا🎉'\"@example.com", name_servers=("ns1.example.net", "ns2.example.net"), password="a\"b'ج"
    )
    driver(credentials="mail").hand_over(news)
    assert whmcs.books.mails[-1]["message"] == "نورا🎉'\"@example.com|ns1.example.net, ns2.example.net|a\"b'ج"
    assert "ns1.example.net, ns2.example.net" in whmcs.books.tickets[0]["replies"][1]["message"]


def test_a_password_that_is_mailed_is_not_in_the_ticket(driver, whmcs):
    driver(credentials="mail").hand_over(handover(password="Pa$$w0rd", password_link="", way="mail"))
    assert "Pa$$w0rd" in whmcs.books.mails[-1]["message"]
    assert all("Pa$$w0rd" not in reply["message"] for reply in whmcs.books.tickets[0]["replies"])


def test_a_client_who_wants_no_mail_about_products_gets_the_ticket_and_its_mail(driver, whmcs):
    whmcs.books.add_client("5", email_preferences={"product": "0"})
    news = about()
    assert "wants no mail" in driver().announce(news)
    driver().hand_over(handover(news))
    assert whmcs.named("SendEmail") == []
    [ticket] = whmcs.books.tickets
    assert "credentials/T2" in ticket["replies"][1]["message"]
    assert [subject[:11] for subject in subjects(whmcs)] == ["[Ticket ID:", "[Ticket ID:"]


def test_a_client_who_wants_no_mail_is_given_a_link_even_where_passwords_are_mailed(driver, whmcs):
    assert driver(credentials="mail").credentials_for(about()) == "mail"
    whmcs.books.add_client("5", email_preferences={"product": "0"})
    assert driver(credentials="mail").credentials_for(about()) == "link"


def test_a_ticket_that_staff_deleted_is_opened_anew(driver, whmcs):
    news = about()
    driver().announce(news)
    whmcs.books.tickets.clear()
    driver().alarm(Alarm(**TROUBLE, about=news))
    driver().hand_over(handover(news))
    [ticket] = whmcs.books.tickets
    assert len(ticket["notes"]) == 1 and len(ticket["replies"]) == 2


def test_whose_service_it_is_can_be_looked_up(driver, whmcs):
    driver().announce(about(client_id=""))
    assert whmcs.books.tickets[0]["userid"] == "5"
    assert code_of(driver().announce, about(client_id="", service_id="9")) == "whmcs_error"


def test_tickets_of_other_orders_of_the_client_are_not_taken_for_this_one(driver, whmcs):
    driver().announce(about(job="another1", status_url="https://control.example.com/status/OTHER"))
    driver().announce(about())
    assert len(whmcs.books.tickets) == 2 and len(whmcs.books.mails) == 2


def test_among_many_mails_ours_is_still_found(driver, whmcs):
    driver().announce(about())
    for number in range(250):
        whmcs.books.mail(whmcs.books.clients["5"], f"Invoice {number}", "shop.example.com")
    driver().announce(about())
    assert len(whmcs.named("SendEmail")) == 1


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda w: setattr(w, "allowed", {"192.0.2.1"}), "whmcs_refused"),
        (lambda w: w.role.discard("OpenTicket"), "whmcs_refused"),
        (lambda w: w.role.discard("GetEmails"), "whmcs_refused"),
        (lambda w: w.role.discard("SendEmail"), "whmcs_refused"),
        (lambda w: w.books.departments.clear(), "whmcs_error"),
        (lambda w: w.books.clients.clear(), "whmcs_error"),
        (lambda w: w.books.templates.clear(), "whmcs_template"),
        (lambda w: setattr(w.books.templates["Shoplaunch: shop ready"], "disabled", True), "whmcs_template"),
        (lambda w: w.books.aborted.add("Shoplaunch: shop ready"), "whmcs_mail_failed"),
        (lambda w: w.moods.update({"*": ["html"] * 9}), "whmcs_unreachable"),
        (lambda w: w.close(), "whmcs_unreachable"),
    ],
)
def test_what_whmcs_refuses_is_named_and_tells_no_secret(driver, whmcs, spoil, code):
    spoil(whmcs)
    with pytest.raises(ShoplaunchError) as caught:
        driver(access_key_file="").hand_over(handover())
    assert caught.value.code == code
    assert "s3cr3t" not in str(caught.value)


def test_after_a_refusal_it_is_tried_at_once_and_the_ticket_not_answered_twice(driver, whmcs):
    whmcs.books.templates["Shoplaunch: shop ready"].disabled = True
    news = about()
    assert code_of(driver().hand_over, handover(news)) == "whmcs_template"
    whmcs.books.templates["Shoplaunch: shop ready"].disabled = False
    driver().hand_over(handover(news))
    assert len(whmcs.books.tickets[0]["replies"]) == 2
    assert subjects(whmcs) == ["Received: shop.example.com", "Ready: shop.example.com"]


def test_an_access_key_opens_the_address_list(driver, whmcs, tmp_path):
    whmcs.allowed, whmcs.access_key = {"192.0.2.1"}, "key!@#$%.()*[]-_7"
    (tmp_path / "key").write_text("key!@#$%.()*[]-_7\n")
    driver(access_key_file=str(tmp_path / "key")).announce(about())
    assert len(whmcs.books.tickets) == 1


def test_nothing_secret_is_in_an_address(driver, whmcs):
    everything(driver(), about())
    assert {path for path, _body in whmcs.raw} == {"/billing/includes/api.php"}


def test_the_operator_is_told_by_mail_though_whmcs_is_away_and_only_once(driver, whmcs, tmp_path):
    folder = tmp_path / "mail"
    operator = Mail(MailConfig(folder=str(folder), operator="op@example.com"))
    whmcs.moods = {"*": ["html", "html"]}
    made, news = driver(operator), about()
    alarm = Alarm(**TROUBLE, about=news)
    assert code_of(made.alarm, alarm) == "whmcs_unreachable"
    assert code_of(made.alarm, alarm) == "whmcs_unreachable"
    made.alarm(alarm)
    assert len(list(folder.glob("*.eml"))) == 1 and len(whmcs.books.tickets[0]["notes"]) == 1
    made.alarm(Alarm(**{**TROUBLE, "message": "another"}, about=news))
    assert len(list(folder.glob("*.eml"))) == 2 and len(whmcs.books.tickets[0]["notes"]) == 2


def test_a_note_that_stands_is_enough_where_no_operator_is_named_and_whmcs_is_asked_nothing_more(driver, whmcs):
    made, news = driver(Mail(MailConfig())), about()
    alarm = Alarm(**TROUBLE, about=news)
    made.alarm(alarm)
    assert len(whmcs.books.tickets[0]["notes"]) == 1
    asked = len(whmcs.calls)
    made.alarm(alarm)
    assert len(whmcs.calls) == asked
    made.alarm(Alarm(**{**TROUBLE, "message": "another"}, about=news))
    assert len(whmcs.books.tickets[0]["notes"]) == 2


def test_without_a_note_and_without_an_operator_nobody_was_told(driver, whmcs):
    made = driver(Mail(MailConfig()))
    whmcs.moods = {"*": ["html"]}
    assert code_of(made.alarm, Alarm(**TROUBLE, about=about())) == "operator_missing"
    assert code_of(made.alarm, Alarm(**TROUBLE, about=about(service_id=None))) == "operator_missing"
