"""The words of the WHMCS driver: in whose language, to which address, and what never stands in them."""

import pytest

from controller.billing.base import Alarm
from controller.billing.mail import Mail
from controller.settings.sections import MailConfig
from shared.errors import ShoplaunchError
from tests.integration.billing.orders import about, handover
from tests.integration.billing.whmcs_news import TROUBLE, everything, subjects
from tests.support.error_codes import error_code


@pytest.mark.parametrize(
    ("known", "ordered", "wanted"),
    [("farsi", "en", "fa"), ("persian", "en", "fa"), ("english", "fa", "en"), ("", "fa", "fa"), ("german", "fa", "fa"),
     ("", "de", "en")],
)  # fmt: skip
def test_the_client_is_written_to_in_the_language_the_client_has_in_whmcs(driver, whmcs, known, ordered, wanted):
    whmcs.books.add_client("5", language=known)
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
    assert error_code(driver().announce, about(client_id="", service_id="9")) == "whmcs_error"


def test_tickets_of_other_orders_of_the_client_are_not_taken_for_this_one(driver, whmcs):
    driver().announce(about(job="another1", status_url="https://control.example.com/status/OTHER"))
    driver().announce(about())
    assert len(whmcs.books.tickets) == 2 and len(whmcs.books.mails) == 2


def test_among_many_mails_the_one_that_was_sent_is_still_found(driver, whmcs):
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
def test_what_whmcs_refuses_is_named_and_reveals_no_secret(driver, whmcs, spoil, code):
    spoil(whmcs)
    with pytest.raises(ShoplaunchError) as caught:
        driver(access_key_file="").hand_over(handover())
    assert caught.value.code == code
    assert "s3cr3t" not in str(caught.value)


def test_after_a_refusal_it_is_tried_at_once_and_the_ticket_not_answered_twice(driver, whmcs):
    whmcs.books.templates["Shoplaunch: shop ready"].disabled = True
    news = about()
    assert error_code(driver().hand_over, handover(news)) == "whmcs_template"
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


def test_the_operator_is_notified_by_mail_though_whmcs_is_away_and_only_once(driver, whmcs, tmp_path):
    folder = tmp_path / "mail"
    operator = Mail(MailConfig(folder=str(folder), operator="op@example.com"))
    whmcs.moods = {"*": ["html", "html"]}
    made, news = driver(operator), about()
    alarm = Alarm(**TROUBLE, about=news)
    assert error_code(made.alarm, alarm) == "whmcs_unreachable"
    assert error_code(made.alarm, alarm) == "whmcs_unreachable"
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


def test_without_a_note_and_without_an_operator_nobody_was_notified(driver, whmcs):
    made = driver(Mail(MailConfig()))
    whmcs.moods = {"*": ["html"]}
    assert error_code(made.alarm, Alarm(**TROUBLE, about=about())) == "operator_missing"
    assert error_code(made.alarm, Alarm(**TROUBLE, about=about(service_id=None))) == "operator_missing"


@pytest.mark.parametrize("secret", ["password_link", "password"])
def test_the_mail_about_an_earlier_shop_of_the_same_domain_is_not_taken_for_this_one(driver, whmcs, secret):
    ways = {"password": {"password": "Kq7mVd3xTb9p", "password_link": "", "way": "mail"}, "password_link": {}}
    driver().hand_over(handover(admin_url="https://shop.example.com/wp-admin/"))
    news = about(job="another1", status_url="https://control.example.com/status/OTHER")
    link = "https://control.example.com/credentials/T9"
    known = {"admin_url": "https://shop.example.com/wp-admin/", "password_link": link}
    driver().hand_over(handover(news, **{**known, **ways[secret]}))
    ready = [mail["message"] for mail in whmcs.books.mails if mail["subject"].startswith("Ready")]
    assert len(ready) == 2 and {**known, **ways[secret]}[secret] in ready[1]
