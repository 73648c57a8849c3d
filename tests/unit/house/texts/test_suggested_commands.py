"""Commands that people are advised to run exist: those of the pages and those in the advice to error codes."""

import re
import shlex
from pathlib import Path

import pytest

from controller.cli import main
from shared.errors import CODES, LANGUAGES
from tests.support.users.command_tree import commands_of

PROJECT = Path(__file__).resolve().parents[4]
#: Written for people; the changelog and the generated ones name commands elsewhere, or as they were.
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "agent/README.md",
    "controller/OPERATING.md",
    "controller/README.md",
    "controller/bundles/README.md",
    "controller/panels/README.md",
    "controller/recipes/README.md",
    "packaging/README.md",
    "packaging/whmcs/README.md",
    "shared/README.md",
    "tests/README.md",
    "tests/bench/README.md",
    "tests/corpus/README.md",
)
#: Programs that the advice names: their commands are marked as a whole.
PROGRAMS = ("shoplaunch", "install", "mysqldump", "ssh", "systemctl")
#: Options of these other programs that the advice names.
OPTIONS_OF_OTHERS = {"--databases", "--all-databases"}
TEXT = "\n".join((PROJECT / page).read_text("utf-8") for page in PAGES)


def command_of(words):
    """Return (command, words left) of the longest command path `words` begin with."""
    command, left = main, list(words)
    while left and left[0] in commands_of(command):
        command = commands_of(command)[left.pop(0)]
    return command, left


def options_of(command):
    """Return the command's option names."""
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


def check(text):
    """Fail unless `text`, a command line with or without `shoplaunch`, names a command and options it has."""
    words = shlex.split(text.split("#")[0])
    words = [word for word in words if not re.match(r"SHOPLAUNCH_[A-Z_]+=", word)]
    words = words[1:] if words[0] == "shoplaunch" else words
    command, left = command_of(words)
    assert command is not main or left[:1] == ["--version"], text
    wanted = {word for word in left if word.startswith("-")}
    assert wanted <= options_of(command), text


def all_options(command=main):
    """Return the option names of every command below `command`."""
    return options_of(command).union(*map(all_options, commands_of(command).values()))


def in_backticks(text):
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_advice_marks_every_command_as_a_whole(code, language):
    text = CODES[code]["advice"][language]
    partial = [one for one in in_backticks(text) if one.split()[0] not in PROGRAMS and not one.startswith("--")]
    unmarked = " ".join(text.split("`")[::2])
    assert partial == []
    assert re.findall(r"(?<![\w.])shoplaunch [a-z]+|\bretry\b|(?<![\w-])--[a-z-]+|mysqldump --", unmarked) == []


@pytest.mark.parametrize("code", CODES)
def test_advice_names_commands_and_options_that_exist(code):
    for one in in_backticks(CODES[code]["advice"]["en"]):
        if one.startswith("--"):
            assert one.split()[0] in all_options() | OPTIONS_OF_OTHERS
        elif one.startswith("shoplaunch "):
            check(one)


@pytest.mark.parametrize("code", CODES)
def test_advice_names_the_same_commands_in_every_language(code):
    english, *others = (sorted(in_backticks(CODES[code]["advice"][language])) for language in LANGUAGES)
    assert others == [english] * len(others)


def suggested_commands():
    """Return every command line of the pages that begins with `shoplaunch`, continued lines joined."""
    blocks = re.findall(r"^```\n(.*?)^```", TEXT, re.S | re.M)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines = [line for line in lines if re.match(r"(SHOPLAUNCH_\S+ )?shoplaunch ", line)]
    found = in_backticks(re.sub(r"^```.*?^```", "", TEXT, flags=re.S | re.M))
    lines += [text for text in found if text.startswith("shoplaunch ")]
    return lines + re.findall(r"`((?:skeleton|bundle|key|server) [a-z]+[^`|]*)`", TEXT)


def test_the_pages_show_some_commands():
    assert len(suggested_commands()) > 15


@pytest.mark.parametrize("line", suggested_commands())
def test_commands_of_the_pages_exist(line):
    check(line)


def suggested_targets():
    """Return every target of `make` that the pages name, in its text or its blocks."""
    found = in_backticks(re.sub(r"^```.*?^```", "", TEXT, flags=re.S | re.M))
    found += re.findall(r"^```\n(.*?)^```", TEXT, re.S | re.M)
    return sorted({target for text in found for target in re.findall(r"(?:^|\s)make ([a-z-]+)", text)})


def test_the_pages_show_how_to_see_and_how_to_test_it():
    assert {"demo", "test", "clean", "bench"} <= set(suggested_targets())


@pytest.mark.parametrize("target", suggested_targets())
def test_make_targets_of_the_pages_exist(target):
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{target}:", makefile, re.M)
