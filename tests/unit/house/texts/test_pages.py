"""The pages for people: those that are made are fresh, links lead somewhere, the first one is short."""

import re
import subprocess
import sys

import pytest

from tests.pages import COMMAND, PAGES, PARTS, PROJECT

FIRST = "README.md"
FIRST_BYTES = 12_000
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def pages():
    """Return the path of every page of the project."""
    done = subprocess.run(["git", "ls-files", "*.md"], cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


def links_of(page):
    text = (PROJECT / page).read_text("utf-8")
    return LINK.findall(re.sub(r"^```.*?^```|`[^`]*`", "", text, flags=re.S | re.M))


def anchors_of(path):
    """Return what a link may name behind `#`: headings as a forge makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *PARTS])
def test_a_page_that_is_made_is_fresh(page):
    made = {**PAGES, **PARTS}[page]()
    assert (PROJECT / page).read_text("utf-8") == made, f"{page} is stale: write it anew with `{COMMAND}`"


@pytest.mark.parametrize("page", pages())
def test_every_link_of_a_page_leads_somewhere(page):
    for link in links_of(page):
        path, _, anchor = link.partition("#")
        target = (PROJECT / page).parent / path if path else PROJECT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


def test_the_first_page_is_short_and_begins_with_a_picture_of_a_real_page():
    text = (PROJECT / FIRST).read_text("utf-8")
    assert len(text.encode()) <= FIRST_BYTES
    pictures = re.findall(r"!\[[^\]]{20,}\]\((\S+\.png)\)", text)
    assert pictures
    assert (PROJECT / pictures[0]).read_bytes().startswith(b"\x89PNG")


def test_every_page_can_be_reached_from_the_first_one():
    reached, new = set(), {FIRST}
    while new:
        reached |= new
        folders = {page: (PROJECT / page).parent for page in new}
        targets = {(folders[page] / link.partition("#")[0]).resolve() for page in new for link in links_of(page)}
        new = {page for page in pages() if (PROJECT / page).resolve() in targets} - reached
    assert set(pages()) == reached


def test_every_folder_the_map_names_is_there():
    rows = re.findall(r"^\| `([a-z/]+/)` \|", (PROJECT / FIRST).read_text("utf-8"), re.M)
    assert rows
    assert [row for row in rows if not (PROJECT / row).is_dir()] == []


def changes():
    """Return the rows of "Where do I change …?": [what is to be changed, where]."""
    text = (PROJECT / FIRST).read_text("utf-8")
    text = text[text.index("## Where do I change") :]
    return re.findall(r"^\| (?!to change|-)(.+?) \| (.+) \|$", text, re.M)


def test_every_place_a_change_is_made_in_is_there():
    named = [name for _what, where in changes() for name in re.findall(r"`([\w./]+/[\w./]*)`", where)]
    assert len(named) > 10
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_a_change_is_one_of_few_and_leads_to_one_place():
    assert 10 < len(changes()) <= 15
    pages_of_places = {
        what: {*re.findall(r"`([\w./]+/[\w./]*)`", where)} or {link.partition("#")[0] for link in LINK.findall(where)}
        for what, where in changes()
    }
    assert {what: places for what, places in pages_of_places.items() if len(places) != 1} == {}


def missing_numbers(text, folder):
    """Return what the table below "Numbers" of the page in `folder` names and is not there: (constant, module)."""
    table = text[text.index("## Numbers") :].split("\n## ")[0]
    missing = []
    for constants, module in re.findall(r"((?:`[A-Z_]+`(?:, )?)+) in `([\w./]+)`", table):
        code = (folder / module).read_text("utf-8") if (folder / module).is_file() else ""
        names = re.findall(r"\w+", constants)
        missing += [(name, module) for name in names if not re.search(rf"^{name}\b.* = ", code, re.M)]
    return missing


def test_the_controllers_numbers_and_other_places_are_where_its_page_says():
    folder = PROJECT / "controller"
    text = (folder / "README.md").read_text("utf-8")
    assert missing_numbers(text, folder) == []
    named = re.findall(r"`([\w./]+/[\w./]*)`", text[text.index("## Numbers") :])
    assert len(named) > 30
    assert [name for name in named if not (folder / name).exists()] == []


def test_a_number_that_has_moved_is_seen():
    page = "## Numbers\n| a | `DAYS`, `WEEKS` in `jobs/shop/credentials.py`; `A` in `gone.py` |\n## More\n`B` in `b.py`"
    assert missing_numbers(page, PROJECT / "controller") == [("WEEKS", "jobs/shop/credentials.py"), ("A", "gone.py")]


#: A small project whose pages are right.
RIGHT = {
    "README.md": "# A\n![a picture of a real page](a.png) [b](b.md#two-words) `[no](link.md)`\n\n| `rooms/` | all |\n\n"
    "## Where do I change …?\n| to change | where |\n|---|---|\n"
    + "".join(f"| thing {number} | `rooms/{number}` |\n" for number in range(12)),
    "b.md": "# B\n## Two words!\n[up](README.md) [here](#b)\n",
    "a.png": "\x89PNG",
    **{f"rooms/{number}": "" for number in range(12)},
}
LINKS, REACHED, SHORT = (
    test_every_link_of_a_page_leads_somewhere, test_every_page_can_be_reached_from_the_first_one,
    test_the_first_page_is_short_and_begins_with_a_picture_of_a_real_page,
)  # fmt: skip
FOLDERS, PLACES, ONE = (
    test_every_folder_the_map_names_is_there, test_every_place_a_change_is_made_in_is_there,
    test_a_change_is_one_of_few_and_leads_to_one_place,
)  # fmt: skip


@pytest.fixture
def project(monkeypatch, tmp_path):
    """Return a function that makes the small project anew, on one page a text in the place of another."""
    monkeypatch.setattr(sys.modules[__name__], "PROJECT", tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "pages", lambda: ["README.md", "b.md"])

    def make(page="b.md", old="", new=""):
        for name, text in RIGHT.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            changed = text.replace(old, new) if old and name == page else text
            (tmp_path / name).write_bytes(changed.encode("latin-1" if name == "a.png" else "utf-8"))

    return make


def run(check):
    """Run a test of this module as pytest does."""
    for arguments in [(page,) for page in pages()] if check is LINKS else [()]:
        check(*arguments)


@pytest.mark.parametrize("check", [LINKS, REACHED, SHORT, FOLDERS, PLACES, ONE])
def test_pages_that_are_right_pass(project, check):
    project()
    run(check)


@pytest.mark.parametrize(
    ("check", "page", "old", "new"),
    [
        (LINKS, "README.md", "b.md#two-words", "c.md"),
        (LINKS, "README.md", "#two-words", "#three-words"),
        (LINKS, "b.md", "#b", "#c"),
        (REACHED, "README.md", "[b](b.md#two-words)", ""),
        (SHORT, "README.md", "# A", "# A" + "x" * FIRST_BYTES),
        (SHORT, "README.md", "![a picture of a real page](a.png)", ""),
        (SHORT, "a.png", "PNG", "GIF"),
        (FOLDERS, "README.md", "| `rooms/` |", "| `cellars/` |"),
        (PLACES, "README.md", "`rooms/3`", "`rooms/none`"),
        (ONE, "README.md", "`rooms/3`", "`rooms/3` and `rooms/4`"),
        (ONE, "README.md", "| thing 3 |", "".join(f"| more {one} | `rooms/1` |\n" for one in range(4)) + "| thing 3 |"),
    ],
    ids=["no page", "no heading", "no heading on the page itself", "out of reach", "long", "no picture", "no PNG",
         "no folder", "no place", "two places", "many changes"],
)  # fmt: skip
def test_a_page_that_is_wrong_is_seen(project, check, page, old, new):
    project(page, old, new)
    with pytest.raises(AssertionError):
        run(check)


def test_a_page_that_is_made_and_stale_is_seen(project, monkeypatch):
    project()
    monkeypatch.setitem(PAGES, "b.md", lambda: RIGHT["b.md"])
    test_a_page_that_is_made_is_fresh("b.md")
    monkeypatch.setitem(PAGES, "b.md", lambda: RIGHT["b.md"] + "more")
    with pytest.raises(AssertionError, match="stale"):
        test_a_page_that_is_made_is_fresh("b.md")
