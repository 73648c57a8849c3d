"""Errors' messages in Persian: each that programs say has its sentence, with its values in place and readable."""

import ast
import re
from pathlib import Path

import pytest

import controller
from controller.bundles import manifest_limits
from controller.wording.error_messages import TABLES, in_language
from shared.errors import ShoplaunchError
from shared.schema import validate
from tests.unit.wording.said import said_in

ROOT = Path(controller.__file__).parents[1]
#: Whose messages stand on the page of a job and in alarms.
ROOMS = ("agent", "shared", "controller/network", "controller/jobs", "controller/panels", "controller/billing")
LONG = "x" * 300
GAPS = re.compile(r"\{\d?\}")


def read(message):
    """Return the Persian of the message, its marks shown as brackets."""
    return in_language(message, "fa").translate({0x2068: "[", 0x2066: "<", 0x2069: "]"})


def test_every_message_that_a_job_can_show_has_a_persian_sentence():
    files = {path for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    # What `server check` finds is read at a terminal
    said = {text for path in files if path.name != "check.py" for text in said_in(path)}
    assert len(said) > 250
    assert sorted(text for text in said if not in_language(text.replace("{}", "x1"), "fa")) == []


def test_a_sentence_and_its_translation_have_the_same_gaps():
    different = [
        english
        for english, persian in TABLES["fa"].items()
        if len(GAPS.findall(english)) != len(set(enumerate(GAPS.findall(persian))))
    ]
    assert different == []


def test_names_keep_their_order_and_direction_within_a_sentence():
    assert read("cron did not start the agent within 3 ticks of 60 seconds") == (
        "کرون در [3] نوبت [60] ثانیه‌ای عامل را اجرا نکرد"
    )
    assert read("the name shop_1 does not begin with alice_, as the panel asks of alice") == (
        "نام [shop_1] چنان‌که پنل از [alice] می‌خواهد با [alice_] آغاز نمی‌شود"
    )


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("front: no answer to /: no whole answer in time", "[front]: پاسخی به [/] نرسید: پاسخ کامل به‌موقع نرسید"),
        (
            "front: / answered 502, expected [200] (PHP did not answer: see the account's error_log)",
            "[front: /] پاسخ [502] داد؛ انتظار: [[200]] (PHP پاسخ نداد: error_log حساب را ببینید)",
        ),
        ("17 visits; signed in as ever", "[17] بازدید؛ [signed in as ever]"),
        (
            "the job was not finished in time; before that, db_busy: the import was stopped",
            "کار به‌موقع تمام نشد؛ پیش از آن، [db_busy]: وارد کردن پایگاه‌داده متوقف شد",
        ),
        ("/home/alice: no reason given", "[/home/alice]: دلیلی گفته نشد"),
    ],
)
def test_reasons_within_reasons_are_translated_as_well(message, wanted):
    assert read(message) == wanted


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("manifest", {}), ("manifest", []), ("order", {"server": 5}), ("order", {"other": 1}),
        ("event", {"job": "x" * 99}),
        ("billing-event", {"event": "none"}), ("job", {"format": 99}), ("state", {}), ("ack", {}),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_document_is_said_behind_its_name(name, document):
    with pytest.raises(ShoplaunchError) as failure:
        validate(name, document, "order_invalid")
    assert read(failure.value.message).startswith(f"<{name}]: "), failure.value.message


@pytest.mark.parametrize("message", ["", "something else went wrong", "a: b", "x (y)", "one; two; three", "; " * 2000])
def test_what_no_table_has_stays_as_it_is(message):
    assert in_language(message, "fa") == ""


def test_what_a_manifest_asks_too_much_is_said_behind_its_name():
    manifest = {
        "secrets": [{"name": f"secret.{LONG}", "format": "rsa_private", "length": 5000}] * 501, "jobs": {},
        "requirements": {"php": {"min": "newest", "extensions": []}}, "checks": [{"name": LONG, "x": "x" * 9000}] * 201,
        "application": {"name": LONG, "version": "1"}, "variants": [], "report": {"languages": ["en"] * 1001},
    }  # fmt: skip
    problems = [problem for problem, is_one in manifest_limits._problems(manifest) if is_one]
    assert len(problems) > 8
    assert [one for one in problems if not read(f"manifest: {one}").startswith("<manifest]: ")] == []


def test_english_is_what_programs_say():
    assert in_language("the import was stopped", "en") == ""


def test_a_value_cannot_end_the_marks_around_it():
    assert read("there is no file a\u2069b\u2068") == "فایل [a\ufffdb\ufffd] نیست"


def test_what_is_said_is_found_in_the_code():
    tree = ast.parse('raise ShoplaunchError("x_y", f"{a} is no {b!r} file")\nmessage = "one " + "two"')
    assert set(said_in(tree)) == {"{} is no {} file", "one two"}
