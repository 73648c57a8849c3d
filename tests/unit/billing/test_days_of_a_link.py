"""For how many days a link to a password is valid is said once; clients read that number in every language."""

import re
from pathlib import Path

import pytest

from controller.billing import texts
from controller.jobs.shop import credentials
from controller.wording.languages import LANGUAGES, number

LANG = Path(__file__).resolve().parents[3] / "packaging/whmcs/modules/addons/shoplaunch/lang"
#: Language -> how its mails say a number of days.
DAYS = {"en": r"(\w+) days", "fa": r"(\w+) روز\b"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", ["link", "set"])
def test_the_line_about_the_password_says_the_number_it_is_given(way, language):
    values = {"days": number(23, language), "password_link": "LINK"}
    line = texts.filled(texts.PASSWORD_LINES[way], language, values)
    assert re.findall(DAYS[language], line) == [number(23, language)]


@pytest.mark.parametrize(("language", "name"), [(code, one.billing_names[0]) for code, one in LANGUAGES.items()])
def test_the_mails_of_the_addon_say_the_same_number(language, name):
    mails = (LANG / f"mails.{name}.php").read_text("utf-8")
    assert re.findall(DAYS[language], mails) == [number(credentials.DAYS, language)] * 2


def test_a_number_is_written_in_the_digits_of_its_language():
    assert number(120, "fa") == "۱۲۰"
    assert number(120, "en") == number(120, "xx") == "120"
