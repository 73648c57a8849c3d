"""Every command that a page shows is run: in one session, in the page's order, or begun where it would not end."""

import pytest

from controller.cli import main
from tests.support.command_tree import commands_of
from tests.system.pages.page_commands import blocks_of, in_blocks, in_sentences, is_of_commands, pages
from tests.system.pages.session import Session
from tests.system.pages.table import BEGUN, HELP, PICTURES, SESSION

pytestmark = pytest.mark.root
STEPS = {step.text for step in SESSION}
KNOWN = STEPS | set(BEGUN) | set(HELP)


@pytest.fixture(scope="module")
def session():
    with Session() as made:
        yield made


def named_in(text):
    """Return (the words of the command that `text` names, the command)."""
    words, command = [], main
    for word in text.removeprefix("shoplaunch ").split():
        if word not in commands_of(command):
            break
        command = commands_of(command)[word]
        words.append(word)
    return words, command


def is_only_named(text):
    """Return whether `text` names a command without what it needs to be run."""
    words, command = named_in(text)
    return words == text.removeprefix("shoplaunch ").split() and any(param.required for param in command.params)


def in_order(part, whole):
    """Return whether every entry of `part` comes in `whole`, in this order."""
    rest = iter(whole)
    return all(one in rest for one in part)


def test_every_command_of_the_pages_is_in_the_table():
    written = {one.text for one in [*in_blocks(), *in_sentences()]}
    unknown = {text for text in written - KNOWN if not is_only_named(text)}
    assert not unknown, "add these to tests/system/pages/table.py"
    assert len(written) > 100


def test_nothing_is_in_the_table_that_no_page_tells():
    written = {one.text for one in [*in_blocks(), *in_sentences()]}
    assert written >= KNOWN
    assert len(KNOWN) == len(STEPS) + len(BEGUN) + len(HELP)


def test_a_block_of_commands_is_known_as_one():
    others = [block[0].strip() for page in pages() for block in blocks_of(page) if not is_of_commands(block)]
    assert [first for first in others if not first.startswith(PICTURES)] == []


@pytest.mark.parametrize("page", sorted({one.page for one in in_blocks()}))
def test_a_pages_blocks_are_run_in_their_order(page):
    written = [one.text for one in in_blocks() if one.page == page and one.text in STEPS]
    assert in_order(written, [step.text for step in SESSION])


def test_the_session_that_the_pages_describe_is_what_happens(session):
    for step in SESSION:
        line = step.run or (step.text if step.text.startswith("shoplaunch ") else f"shoplaunch {step.text}")
        code, said = session.run(line, step.answer)
        assert code in step.codes and "Traceback" not in said, (step.text, code, said[-3000:])


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("text", BEGUN)
def test_a_command_that_would_not_end_begins(session, text):
    line, why = BEGUN[text]
    code, said = session.run(line)
    assert code == 0, (why, said[-2000:])


@pytest.mark.parametrize("text", HELP)
def test_the_help_names_every_option_of_the_pages(session, text):
    option, why = HELP[text]
    code, said = session.run(f"shoplaunch {' '.join(named_in(text)[0])} --help")
    assert code == 0 and option in said, why


@pytest.mark.parametrize("text", sorted({one.text for one in in_sentences() if is_only_named(one.text)} - KNOWN))
def test_a_command_that_is_only_named_says_how_it_is_called(session, text):
    code, said = session.run(f"shoplaunch {' '.join(named_in(text)[0])} --help")
    assert code == 0 and "Usage:" in said
