"""Every command that a page shows is run: in one session, in the page's order, or begun where it would not end."""

import ast
import re
import shutil

import pytest

from controller.cli import main
from tests.pages import PROJECT
from tests.support.users.command_tree import commands_of
from tests.system.pages.followed import FOLLOWED
from tests.system.pages.page_commands import blocks_of, in_blocks, in_sentences, is_of_commands, pages
from tests.system.pages.session import Session
from tests.system.pages.table import BEGUN, HELP, PICTURES, SESSION

pytestmark = pytest.mark.root
STEPS = {step.text for step in SESSION}
KNOWN = STEPS | set(BEGUN) | set(HELP) | set(FOLLOWED)
#: What is installed where it can be, and what needs it is skipped without.
NOT_EVERYWHERE = ("podman", "rsync")
#: What succeeds whatever a page says: nothing, what may fail, the look for a program, a program's help alone.
SURE = re.compile(r"true|.*\|\| true|command -v \S+|(?!shoplaunch |python )\S+ --help")


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
    assert len(KNOWN) == len(STEPS) + len(BEGUN) + len(HELP) + len(FOLLOWED)


@pytest.mark.parametrize(
    ("line", "sure"),
    [
        ("true", True), ("command -v podman || true", True), ("command -v dpkg", True), ("install --help", True),
        ("shoplaunch migrate --help", False), ("command -v dpkg && dpkg --no-act -i x", False),
        ("make -n lint", False), ("dpkg --help | grep -e --no-act", False),
        ("python -m tests.corpus.run --help", False),
    ],
)  # fmt: skip
def test_what_succeeds_whatever_a_page_says_is_seen(line, sure):
    assert bool(SURE.fullmatch(line)) is sure


def test_no_command_is_begun_by_what_cannot_fail():
    assert [text for text, (line, _why) in BEGUN.items() if SURE.fullmatch(line)] == []


def has_test(identity):
    """Return whether the module of a test's id has the class and the function that it names."""
    module, *names = identity.split("::")
    if not (PROJECT / module).is_file():
        return False
    body = ast.parse((PROJECT / module).read_text("utf-8")).body
    for name in names:
        found = [one for one in body if getattr(one, "name", None) == name]
        if not found:
            return False
        body = found[0].body
    return names[-1].startswith("test_")


def firsts_of(identity):
    """Return how the lines begin from which on the module of a test, or what it shares, follows a block of the page."""
    shared = PROJECT / "tests" / "system" / "packages" / "machines" / "operating.py"
    texts = [path.read_text("utf-8") for path in (PROJECT / identity.split("::")[0], shared)]
    return [first for text in texts for first in re.findall(r'block_from\("([^"]+)"\)', text)]


def is_followed(text, firsts):
    """Return whether `text` comes, in some block, at or behind a line that begins with one of `firsts`."""
    for page in pages():
        for block in blocks_of(page):
            lines = [" ".join(line.split()) for line in block]
            at = [number for number, line in enumerate(lines) if line.startswith(tuple(firsts))]
            if at and text in lines[at[0] :]:
                return True
    return False


def test_the_test_that_runs_a_command_of_a_page_is_there():
    assert [text for text, identity in FOLLOWED.items() if not has_test(identity)] == []
    assert not has_test("tests/system/packages/artefacts/test_image.py::TestImage::test_of_nothing")
    assert not has_test("tests/system/packages/test_nothing.py::test_the_page")


IN_BLOCKS_ALONE = {one.text for one in in_blocks()} - {one.text for one in in_sentences()}


@pytest.mark.parametrize("text", sorted(FOLLOWED.keys() & IN_BLOCKS_ALONE))
def test_the_module_that_runs_a_command_follows_the_block_in_which_it_stands(text):
    assert is_followed(text, firsts_of(FOLLOWED[text]))
    assert not is_followed(text, ["a line of no page"])


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
    missing = [name for name in NOT_EVERYWHERE if name in line.split() and shutil.which(name) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not installed")
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
