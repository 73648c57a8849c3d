"""The report of a packing at narrow terminals: what is printed whole is broken nowhere, what only begins ends in …."""

import pytest

from controller.bundles import summary
from controller.bundles.summary import Section
from controller.cli.packing import report
from controller.cli.terminal import tables

PATH = "modules/a-module-of-somebody/views/templates/front/a-page-with-a-very-long-name-of-its-own.tpl"
ADDRESS = "https://a-template-with-a-long-name.shops.example.com/admin123/index.php"
ROWS = [(PATH, f"holds {ADDRESS} and more words than fit beside it"), ("short", "of no use"), (ADDRESS, PATH)]
PERSIAN = ("نام فروشگاه", "فروشگاه زیبای من " * 8)
HEADLINE = [("Application", "PrestaShop 8.2.1"), ("Attention", f"{ADDRESS} is named in {PATH}"), PERSIAN]


@pytest.fixture(params=[60, 80, None])
def width(request, monkeypatch):
    """How wide the terminal is, None without one."""
    for module in (tables, report):
        monkeypatch.setattr(module, "terminal_width", lambda: request.param)
    return request.param


def words(text):
    return set(text.split())


def test_what_matters_is_whole(width, capsys):
    report.print_headline(HEADLINE)
    said = capsys.readouterr().out
    assert words(" ".join(f"{what} {text}" for what, text in HEADLINE)) <= words(said)
    if width is None:
        assert len(said.rstrip().splitlines()) == len(HEADLINE)


def test_all_rows_of_a_section_are_whole(width, capsys):
    report.print_sections([Section("Findings", ROWS), Section("Names", [PERSIAN])])
    said = capsys.readouterr().out
    for row in (*ROWS, PERSIAN):
        assert words(" ".join(row)) <= words(said)
    assert all(line.count("/") < 20 for line in said.splitlines())


def test_how_a_section_begins_is_one_line_cut_between_words(width, capsys):
    sections = [Section("Findings", ROWS), Section("A title that is longer than any that is shown whole", [PERSIAN])]
    report.print_folded(sections)
    lines = capsys.readouterr().out.splitlines()
    known = words(" ".join(f"{what} {text};" for section in sections for what, text in section.rows))
    for line, section in zip(lines, sections, strict=False):
        assert len(line) <= (width or 120)
        shown = line.split(f" {len(section.rows)} ")[1].split()
        assert {word.rstrip(";") for word in shown} - {"…"} <= {word.rstrip(";") for word in known}


def test_lines_of_a_file_that_a_note_lists_have_a_row_each():
    rules = ["RewriteRule ^a$ /b [R=301,L]", "RewriteRule ^c$ /d;e [L]"]
    notes = [{"place": ".htaccess", "what": "\n".join(["left out:", *rules])}, {"place": "x.php", "what": "kept"}]
    (section,) = [one for one in summary._rewriting({"notes": notes}) if one.title == "Notes on files"]
    assert section.rows == [(".htaccess", "left out:"), ("", rules[0]), ("", rules[1]), ("x.php", "kept")]
