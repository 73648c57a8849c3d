"""Commands that people are told to run exist: those of the pages and those in the advice to error codes."""

import re
import shlex
from pathlib import Path

import pytest

from controller.cli import main
from shared.errors import CODES
from tests.support.command_tree import commands_of

PROJECT = Path(__file__).resolve().parents[3]
#: Written for people; the changelog and the generated ones tell of commands elsewhere, or as they were.
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
TOLD = "\n".join((PROJECT / page).read_text("utf-8") for page in PAGES)


def command_of(words):
    """Return (command, words left) of the longest command path `words` begin with."""
    command, left = main, list(words)
    while left and left[0] in commands_of(command):
        command = commands_of(command)[left.pop(0)]
    return command, left


def options_of(command):
    """Return the command's option names."""
    return {name for one in command.params for name in one.opts}


def check(text):
    """Fail unless `text`, a command line with or without `shoplaunch`, names a command and options it has."""
    words = shlex.split(text.split("#")[0])
    words = [word for word in words if not re.match(r"SHOPLAUNCH_[A-Z_]+=", word)]
    words = words[1:] if words[0] == "shoplaunch" else words
    command, left = command_of(words)
    assert command is not main, text
    wanted = {word for word in left if word.startswith("-")}
    assert wanted <= options_of(command), text


def all_options(command=main):
    """Return the option names of every command below `command`."""
    return options_of(command).union(*map(all_options, commands_of(command).values()))


def in_backticks(text):
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("code", CODES)
def test_advice_names_commands_and_options_that_exist(code):
    advice = CODES[code]["advice"]
    for told in in_backticks(advice["en"]):
        if told.startswith("--"):
            assert told.split()[0] in all_options()
        else:
            check(told)


@pytest.mark.parametrize("code", CODES)
def test_persian_advice_names_the_options_the_english_does(code):
    advice = CODES[code]["advice"]
    told = set(re.findall(r"--[a-z-]+", " ".join(in_backticks(advice["en"]))))
    assert told <= set(re.findall(r"--[a-z-]+", advice["fa"]))


@pytest.mark.parametrize("code", CODES)
def test_persian_advice_marks_options_whose_dashes_would_else_stand_at_their_other_end(code):
    unmarked = CODES[code]["advice"]["fa"].split("`")[::2]
    assert [text for text in unmarked if re.search(r"(?<![A-Za-z0-9] )(?<![A-Za-z0-9-])--[a-z]", text)] == []


@pytest.mark.parametrize("code", CODES)
def test_persian_advice_marks_the_commands_the_english_does(code):
    advice = CODES[code]["advice"]
    unmarked = " ".join(advice["fa"].split("`")[::2])
    commands = [re.escape(told) for told in in_backticks(advice["en"])]
    found = [told for told in commands if re.search(rf"(?<![\w-]){told}(?![\w-])", unmarked)]
    assert found == [] and not re.search(r"shoplaunch [a-z]", unmarked), unmarked


def told_commands():
    """Return every command line of the pages that begins with `shoplaunch`, continued lines joined."""
    blocks = re.findall(r"^```\n(.*?)^```", TOLD, re.S | re.M)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines = [line for line in lines if re.match(r"(SHOPLAUNCH_\S+ )?shoplaunch ", line)]
    told = in_backticks(re.sub(r"^```.*?^```", "", TOLD, flags=re.S | re.M))
    lines += [text for text in told if text.startswith("shoplaunch ")]
    return lines + re.findall(r"`((?:skeleton|bundle|key|server) [a-z]+[^`|]*)`", TOLD)


def test_the_pages_tell_some_commands():
    assert len(told_commands()) > 15


@pytest.mark.parametrize("line", told_commands())
def test_commands_of_the_pages_exist(line):
    check(line)


def told_targets():
    """Return every target of `make` that the pages tell, in its text or its blocks."""
    told = in_backticks(re.sub(r"^```.*?^```", "", TOLD, flags=re.S | re.M))
    told += re.findall(r"^```\n(.*?)^```", TOLD, re.S | re.M)
    return sorted({target for text in told for target in re.findall(r"(?:^|\s)make ([a-z-]+)", text)})


def test_the_pages_tell_how_to_see_and_how_to_test_it():
    assert {"demo", "test", "clean", "bench"} <= set(told_targets())


@pytest.mark.parametrize("target", told_targets())
def test_make_targets_of_the_pages_exist(target):
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{target}:", makefile, re.M)
