"""Alarms and notes to staff in the operator's language."""

import pytest

from controller.billing import alarm_texts
from controller.billing.base import DONE_AGAIN, FAILING, MANY_REFUSED, NOT_DONE, REFUSED, STOPPED, Alarm
from shared.errors import advice, title

MARKS = {0x2068: "[", 0x2066: "<", 0x2069: "]"}


def news(**changes):
    known = {
        "job": "job00001", "domain": "shop.example.com", "server": "web1", "state": "failed", "step": "check",
        "code": "agent_silent", "message": "the agent is silent, last in stage import",
        "advice": advice("agent_silent"), "admin_url": "https://control.example.com/admin/jobs/job00001",
        "language": "fa", "step_label": "Visit the shop",
    }  # fmt: skip
    return Alarm(**{**known, **changes})


def shown(text):
    return text.translate(MARKS)


def test_a_persian_operator_reads_what_happened_and_what_to_do_in_persian():
    text = shown(alarm_texts.text(news()))
    assert text.startswith("فروشگاه [shop.example.com] روی سرور [web1] به رسیدگی شما نیاز دارد. وضعیت: ناموفق، در گام")
    assert "«بازدید از فروشگاه»" in text and title("agent_silent", "fa") in text
    assert "عامل خاموش است، آخرین بار در مرحلهٔ [import]" in text and "کد: [agent_silent]" in text
    assert advice("agent_silent", "fa") in text.replace("<`", "`").replace("`]", "`")
    assert shown(alarm_texts.subject(news())) == "هشدار Shoplaunch: [shop.example.com] – ناموفق ([agent_silent])"


def test_commands_keep_their_dashes_where_they_are_and_addresses_stand_alone():
    text = shown(alarm_texts.text(news(code="db_missing")))
    assert "<`shoplaunch retry ID --step database`]" in text
    assert "https://control.example.com/admin/jobs/job00001" in text.splitlines()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (REFUSED, "سفارش رد شد"),
        (MANY_REFUSED, "سفارش رد شد"),
        (FAILING, "پاسخ نمی‌دهد"),
        (STOPPED, "عرضه متوقف شد"),
        (NOT_DONE, "انجام نشده است"),
        (DONE_AGAIN, "دوباره انجام می‌شود"),
    ],
)
def test_alarms_that_are_of_no_job_have_their_own_words(state, words):
    found = news(state=state, step=None, step_label="")
    assert words in alarm_texts.subject(found)
    assert "$" not in alarm_texts.text(found) and "فروشگاه [" not in shown(alarm_texts.text(found))


def test_a_message_that_begins_with_a_name_is_a_line_from_right_to_left():
    text = shown(alarm_texts.text(news(message="/home/alice/x is a link")))
    assert "\n\u200f[/home/alice/x] پیوند است\n" in text


def test_an_unknown_message_stays_english_in_its_own_direction():
    assert "\n[no such PHP: 8.4]\n" in shown(alarm_texts.text(news(code="panel_refused", message="no such PHP: 8.4")))


def test_a_note_to_staff_is_found_by_its_reference_in_every_language():
    assert "#job00001-abc" in alarm_texts.note(news(), "#job00001-abc")
    assert "#job00001-abc" in alarm_texts.note(news(language="en"), "#job00001-abc")


def test_an_english_operator_reads_the_words_of_commands():
    found = news(language="en", advice="Do this.")
    assert alarm_texts.subject(found) == "Shoplaunch: shop.example.com is failed (agent_silent)"
    text = alarm_texts.text(found)
    assert 'it is failed at step "check"' in text and "What to do: Do this." in text and text.isascii()
