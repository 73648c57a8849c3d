"""One registry of languages: what has to be said in each of them is held to it here, and it is said where."""

import re

import flask
import pytest

from controller.billing import alarm_texts, texts
from controller.billing.whmcs import mails
from controller.jobs.agent_link import holding_page
from controller.product_kind import SHOP, SITE, word
from controller.web.support import i18n
from controller.wording import direction, error_messages, languages
from controller.wording.languages import ENGLISH, LANGUAGES, Language
from shared import errors, installed
from shared.schema import load_schema
from tests.pages import PROJECT, TRANSLATIONS

ADDON = PROJECT / "packaging/whmcs/modules/addons/shoplaunch"
#: Hebrew, as if it had been there from the start, by a code that no language has.
DUMMY = Language("עברית", "Hebrew", ("hebrew",), separators="'·؟", digits="אבגדהוזחטי", is_right_to_left=True)


@pytest.fixture
def dummy(monkeypatch):
    monkeypatch.setitem(LANGUAGES, "xx", DUMMY)


def chosen(code):
    """Return the language of a request that asks for `code`."""
    with flask.Flask(__name__).test_request_context(f"/?lang={code}"):
        return i18n.select_language()


def test_a_language_of_one_entry_is_chosen_and_written_in_its_direction_and_with_its_numbers(dummy):
    assert texts.client_language("Hebrew", "en") == "xx" == texts.client_language("", "xx")
    assert chosen("xx") == "xx"
    assert direction.isolated("x", "xx") == "\u2068x\u2069"
    assert languages.amount("1,023.5%", "xx") == "ב'אגד·ו؟"
    assert languages.choices() == "`en`, `fa` (Persian), or `xx` (Hebrew)"


def test_a_language_that_is_not_registered_is_not_chosen():
    assert texts.client_language("Hebrew", "xx") == ENGLISH == chosen("xx")
    assert direction.isolated("x", "xx") == "x"
    assert languages.amount("1,023.5%", "xx") == "1,023.5%"


def tables(value):
    """Return the tables, a text for each language, in `value`, however deep within others."""
    if not isinstance(value, (dict, tuple)):
        return []
    if isinstance(value, dict) and ENGLISH in value:
        return [value]
    return [table for one in (value.values() if isinstance(value, dict) else value) for table in tables(one)]


def in_all(found):
    """Return the languages that each of the tables has."""
    assert found
    return set.intersection(*({code for code, text in table.items() if text is not None} for table in found))


def in_module(module):
    """Return the languages that each table of the module has."""
    return in_all([table for one in vars(module).values() for table in tables(one)])


def in_words():
    """Return the languages that have words of their own for what is sold."""
    own = {code for code in LANGUAGES if all(word(noun, code) != word(noun, ENGLISH) for noun in (SHOP, SITE))}
    return own | {ENGLISH}


def in_messages():
    """Return the languages that have every sentence that one of them has, and say what stands between two."""
    sentences = set().union(*error_messages.TABLES.values())
    return {ENGLISH} | {
        code for code, table in error_messages.TABLES.items()
        if set(table) == sentences and code in error_messages.BETWEEN
    }  # fmt: skip


def in_schema_of_errors():
    """Return the languages that the schema of the catalogue of errors asks for."""
    entry = load_schema("error-codes")["properties"]["codes"]["additionalProperties"]["properties"]
    return in_all([dict.fromkeys(entry[part]["required"], part) for part in ("title", "advice")])


def in_addon(*parts):
    """Return the languages for which the addon has each of the files, called by a name that WHMCS knows, with the
    texts that its English one has."""
    return {
        code for code, one in LANGUAGES.items()
        if any(all(names_of(part, name) == names_of(part, "english") for part in parts) for name in one.billing_names)
    }  # fmt: skip


def names_of(part, name):
    """Return what the texts in the addon's file of a language are called, nothing where there is none."""
    file = ADDON / "lang" / f"{part}{name}.php"
    text = file.read_text("utf-8") if file.exists() else ""
    return set(re.findall(r"^\$_ADDONLANG\['(\w+)'\]|^    '([^']+)' => \[", text, re.M))


def in_addons_code(file, said):
    """Return the languages of which the addon's file says what `said` gives for them; English needs none."""
    text = (ADDON / file).read_text("utf-8")
    return {code for code, one in LANGUAGES.items() if code == ENGLISH or said(code, one) in text}


#: What has to be there in every language -> the languages that it is there in.
PLACES = {
    "LANGUAGES in shared/errors.py": lambda: set(errors.LANGUAGES),
    "title and advice of each code in shared/error_codes.json": lambda: in_all(
        [entry[part] for entry in errors.CODES.values() for part in ("title", "advice")]
    ),
    "title and advice in shared/schemas/error-codes.json": in_schema_of_errors,
    "PHRASES in shared/installed.py": lambda: in_all(tables(installed.PHRASES)),
    "language in shared/schemas/job.json": lambda: set(load_schema("job")["properties"]["language"]["enum"]),
    "TABLES and BETWEEN in controller/wording/error_messages.py": in_messages,
    "controller/product_kind.py": in_words,
    "controller/jobs/agent_link/holding_page.py": lambda: in_module(holding_page),
    "controller/billing/texts.py": lambda: in_module(texts),
    "the tables of controller/billing/alarm_texts.py": lambda: in_module(alarm_texts),
    "_KINDS in controller/billing/alarm_texts.py": lambda: in_all(
        [{ENGLISH: name, **kind.state} for name, kind in alarm_texts._KINDS.items()]
    ),
    "a catalogue of the pages in controller/web/translations": lambda: {
        ENGLISH, *(file.parts[-3] for file in (PROJECT / TRANSLATIONS).glob("*/LC_MESSAGES/messages.po"))
    },
    "LANGUAGE_FLAGS in controller/billing/whmcs/mails.py": lambda: {
        ENGLISH, *(code for code, name in mails.LANGUAGE_FLAGS.items() if name in mails.VARIABLES)
    },
    "lang/ of the addon for WHMCS": lambda: in_addon("", "mails."),
    "lib/MailTemplates.php of the addon": lambda: in_addons_code(
        "lib/MailTemplates.php", lambda code, _one: f"'{{if ${mails.LANGUAGE_FLAGS.get(code)}}}'"
    ),
    "lib/Texts.php of the addon": lambda: in_addons_code(
        "lib/Texts.php", lambda code, one: f"=== '{code}' ? self::file('{one.billing_names[0]}')"
    ),
    "the digits in lib/Texts.php of the addon": lambda: in_addons_code(
        "lib/Texts.php", lambda _code, one: ", ".join(f"'{digit}'" for digit in one.digits)
    ),
    "the percent sign in lib/Texts.php of the addon": lambda: in_addons_code(
        "lib/Texts.php", lambda _code, one: f"'{one.separators[2]}'"
    ),
    "lib/Settings.php of the addon": lambda: in_addons_code("lib/Settings.php", lambda code, _one: f"? '{code}'"),
    "the setting default_language in shoplaunch.php of the addon": lambda: in_addons_code(
        "shoplaunch.php", lambda _code, one: f",{one.billing_names[0]}"
    ),
}  # fmt: skip


def lacking():
    """Return place -> the languages that it lacks, or has although the registry does not."""
    return {place: odd for place, found in PLACES.items() if (odd := found() ^ set(LANGUAGES))}


def test_everything_is_said_in_every_language():
    found = [f"{place}: {', '.join(sorted(odd))}" for place, odd in lacking().items()]
    assert found == [], "say in each language what is said in English, in\n" + "\n".join(found)


def test_each_place_that_lacks_a_language_is_named(dummy):
    assert lacking() == {place: {"xx"} for place in PLACES}


def test_a_table_that_lacks_a_language_is_seen_however_deep(monkeypatch):
    monkeypatch.setitem(texts.PASSWORD_LINES["link"], "fa", None)
    monkeypatch.delitem(installed.PHRASES["restart"][installed.CLONE], "fa")
    monkeypatch.setitem(error_messages.TABLES, "fa", {})
    monkeypatch.delitem(error_messages.BETWEEN, "fa")
    assert {place for place, odd in lacking().items() if "fa" in odd} == {
        "controller/billing/texts.py",
        "PHRASES in shared/installed.py",
        "TABLES and BETWEEN in controller/wording/error_messages.py",
    }


def test_a_sentence_that_one_language_lacks_is_seen(dummy, monkeypatch):
    persian = error_messages.TABLES["fa"]
    monkeypatch.setitem(error_messages.TABLES, "xx", dict(list(persian.items())[1:]))
    monkeypatch.setitem(error_messages.BETWEEN, "xx", ("; ", "; "))
    place = "TABLES and BETWEEN in controller/wording/error_messages.py"
    assert lacking()[place] == {"xx"}
    monkeypatch.setitem(error_messages.TABLES, "xx", persian)
    assert place not in lacking()
