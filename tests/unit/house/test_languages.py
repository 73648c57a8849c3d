"""One registry of languages: what has to be said in each of them is held to it here, and it is said where."""

import flask
import pytest

from controller.billing import alarm_texts, texts
from controller.jobs.agent_link import holding_page
from controller.product_kind import SHOP, SITE, word
from controller.web.support import i18n
from controller.wording import direction, error_messages
from controller.wording.languages import ENGLISH, LANGUAGES, Language
from shared import errors
from shared.schema import load_schema

#: Hebrew, as if it had been there from the start.
DUMMY = Language("עברית", is_right_to_left=True, billing_names=("hebrew",))


@pytest.fixture
def dummy(monkeypatch):
    monkeypatch.setitem(LANGUAGES, "he", DUMMY)


def chosen(code):
    """Return the language of a request that asks for `code`."""
    with flask.Flask(__name__).test_request_context(f"/?lang={code}"):
        return i18n.select_language()


def test_a_language_of_one_entry_is_chosen_and_written_in_its_direction(dummy):
    assert texts.client_language("Hebrew", "en") == "he" == texts.client_language("", "he")
    assert chosen("he") == "he"
    assert direction.isolated("x", "he") == "\u2068x\u2069"


def test_a_language_that_is_not_registered_is_not_chosen():
    assert texts.client_language("Hebrew", "he") == ENGLISH == chosen("he")
    assert direction.isolated("x", "he") == "x"


def test_everything_is_said_in_every_language():
    codes = list(LANGUAGES)
    assert list(errors.LANGUAGES) == codes, "write it to LANGUAGES in shared/errors.py, and shared/error_codes.json"
    assert load_schema("job")["properties"]["language"]["enum"] == codes, "write it to shared/schemas/job.json"
    assert [ENGLISH, *error_messages.TABLES] == codes, "write its sentences to TABLES in wording/error_messages.py"
    assert list(holding_page._TEXTS) == codes, "write its texts to controller/jobs/agent_link/holding_page.py"
    for module in (texts, alarm_texts):
        tables = {name: one for name, one in vars(module).items() if isinstance(one, dict) and ENGLISH in one}
        assert tables
        assert {name for name, one in tables.items() if list(one) != codes} == set(), f"write them in {module.__name__}"
    for code in set(codes) - {ENGLISH}:
        assert all(word(noun, code) != word(noun, ENGLISH) for noun in (SHOP, SITE)), "see controller/product_kind.py"
