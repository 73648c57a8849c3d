"""Tables: what is copied is broken nowhere, nothing is lost, and where there is no terminal a row is a line."""

import ast
import random
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from controller import cli
from controller.cli.terminal import tables
from tests.support.users.command_tree import commands_of

LONG = "https://a-domain-of-sixty-and-more-characters-that-nobody-types.shops.example.com/shop/"
ID = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
DATE = "2025-11-29T10:00:00+00:00"
PERSIAN = "فروشگاه زیبای من با نامی بسیار طولانی در شهر تهران"
HEADINGS = ["Job", "Domain", "State", "Changed", "Advice"]
SENTENCE = "Correct what the message names, then run the command again; check with `shoplaunch doctor`. " * 3
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def plain(lines):
    return [STYLE.sub("", line) for line in lines]


def words_of(lines):
    return [word for line in plain(lines) for word in line.split()]


ROWS = {
    "short": [ID, "shop.example", "live", DATE, "–"],
    "long domain": [ID, LONG, "live", DATE, "–"],
    "text": [ID, "shop.example", "failed", DATE, SENTENCE],
    "Persian": [ID, "xn--mgbaa.example", "failed", DATE, PERSIAN * 3],
    "all": [ID, LONG, "failed", DATE, SENTENCE + PERSIAN],
}


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("case", ROWS)
def test_no_word_of_a_table_is_broken_or_lost(case, width):
    lines = tables.table(HEADINGS, [ROWS[case]], width)
    found = words_of(lines)
    assert {word for cell in ROWS[case] for word in cell.split()} - {tables.NOTHING} <= set(found)
    longer = [line for line in plain(lines) if cell_len(line) > width]
    # A line is too long only for a word that has it for itself
    assert all(len(line.split()) == 1 for line in longer)


@pytest.mark.parametrize("case", ROWS)
def test_without_a_terminal_a_row_is_a_line(case):
    lines = tables.table(HEADINGS, [ROWS[case], ROWS["short"]], None)
    assert len(lines) == 3
    assert all(" ".join(cell.split()) in " ".join(lines[1].split()) for cell in ROWS[case])


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_broken_or_lost_whatever_the_cells_and_the_width(seed):
    chance = random.Random(seed)
    alphabet = "abcxyz0123-./:سلام\u200c"
    for _ in range(50):
        columns, width = chance.randint(1, 9), chance.randint(20, 160)

        def cell():
            words = ("".join(chance.choices(alphabet, k=chance.randint(1, 70))) for _ in range(chance.randint(0, 12)))
            return " ".join(words) or tables.NOTHING

        rows = [[cell() for _ in range(columns)] for _ in range(chance.randint(1, 4))]
        headings = [f"H{number}" for number in range(columns)]
        wanted = sorted(word for row in rows for one in row for word in one.split() if word != tables.NOTHING)
        for lines in (tables.table(headings, rows, width), tables.labelled([(row[0], row[-1]) for row in rows], width)):
            assert all(cell_len(line) <= width or len(line.split()) == 1 for line in plain(lines))
        found = words_of(tables.table(headings, rows, width))
        skipped = {*headings, *(f"{one}:" for one in headings), tables.NOTHING}
        assert sorted(word for word in found if word not in skipped) == wanted


@pytest.mark.parametrize("width", [40, 60, 80])
def test_labels_and_values_are_broken_nowhere(width):
    rows = [("id", ID), ("shop url", LONG), ("updated at", DATE), ("advice", SENTENCE), (LONG, "found")]
    assert {word for row in rows for cell in row for word in cell.split()} <= set(
        words_of(tables.labelled(rows, width))
    )


def test_what_only_begins_ends_between_words():
    assert tables.shortened("one two three", 30) == "one two three"
    assert tables.shortened("one two three", 10) == "one two …"
    assert tables.shortened(LONG, 20) == "…"


def test_a_newline_in_a_value_makes_no_row():
    assert len(tables.table(["A", "B"], [["one\nroot  yes", "x"]], None)) == 2


def test_tables_are_made_in_one_module():
    """Whatever prints a table goes by the same rule: no command draws one of its own."""
    folder = Path(next(iter(cli.__path__)))
    for path in folder.parent.rglob("*.py"):
        imported = {
            name
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom | ast.Import)
            for name in ([node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
        }
        assert not any(name and name.startswith(("rich.table", "rich.columns", "rich.panel")) for name in imported), (
            path
        )


def test_every_listing_has_json_too():
    for group, command in commands_of(cli.main).items():
        for name, one in commands_of(command).items():
            if name in ("list", "check", "status", "trail"):
                assert any("--json" in option.opts for option in one.params), (group, name)
