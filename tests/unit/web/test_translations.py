"""The catalogue of each language: complete, compiled from the committed text, its placeholders those of the English."""

import io
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import controller.web
from controller.follow_up_kinds import KINDS
from controller.jobs.lifecycle.plan import FOLLOW_UP_PLAN, PLAN
from shared.errors import CODES
from tests.pages import CATALOGUES, COMMAND, PROJECT, compiled

WEB = Path(controller.web.__file__).parent
PLACEHOLDER = re.compile(r"%\(\w+\)s")
every_language = pytest.mark.parametrize("language", CATALOGUES)


def text_of(language):
    """Return the file of the language's catalogue that people write."""
    return (PROJECT / CATALOGUES[language]).with_suffix(".po")


def catalogue(language):
    with text_of(language).open("rb") as stream:
        return read_po(stream, locale=language)


def texts_of_the_pages():
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    keywords = {"gettext": None, "lazy_gettext": None, "_": None}
    found = {text for _file, _line, text, _comments, _context in extract_from_dir(WEB, methods, keywords=keywords)}
    return found | texts_of_registries()


def texts_of_registries():
    """Return what pages show of things that are registered elsewhere."""
    found = {step.label for steps in (PLAN, FOLLOW_UP_PLAN) for step in steps.values()}
    for kind in KINDS.values():
        found |= {kind.label, kind.begun, kind.question, *kind.consequences, kind.button} - {""}
    return found


@every_language
def test_every_text_of_the_pages_is_translated(language):
    known = {message.id: message.string for message in catalogue(language) if message.id}
    missing = {text for text in texts_of_the_pages() if not known.get(text)}
    assert missing == set(), f"write them into {text_of(language)}, then `{COMMAND}`"


@every_language
def test_no_translation_is_left_of_a_text_that_is_gone(language):
    assert {message.id for message in catalogue(language) if message.id} - texts_of_the_pages() == set()


#: Spellings of which the other one is used everywhere: file, database, and a button that asks first.
OTHER_SPELLINGS = ("پرونده", "پایگاه داده", " …")


def test_persian_texts_have_one_spelling_for_one_thing():
    texts = [message.string for message in catalogue("fa") if message.id]
    texts += [entry[part]["fa"] for entry in CODES.values() for part in ("title", "advice")]
    texts = [re.sub(r"`[^`]*`", "", text) for text in texts]
    assert [text for text in texts if any(spelling in text for spelling in OTHER_SPELLINGS)] == []


@every_language
def test_translations_use_the_placeholders_of_the_english_text(language):
    different = [
        message.id
        for message in catalogue(language)
        if message.id and sorted(PLACEHOLDER.findall(message.id)) != sorted(PLACEHOLDER.findall(message.string))
    ]
    assert different == []


@every_language
def test_the_compiled_catalogue_is_that_of_the_text(language):
    with (PROJECT / CATALOGUES[language]).open("rb") as stream:
        committed = {message.id: message.string for message in read_mo(stream) if message.id}
    made = {message.id: message.string for message in read_mo(io.BytesIO(compiled(language))) if message.id}
    assert committed == made, f"messages.mo is stale: write it anew with `{COMMAND}`"
