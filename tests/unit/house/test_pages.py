"""The pages for people: those that are made are fresh, links lead somewhere, the first one is short."""

import re
import subprocess

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


def test_every_place_a_change_is_made_in_is_there():
    text = (PROJECT / FIRST).read_text("utf-8")
    named = re.findall(r"`([\w./]+/[\w./]*)`", text[text.index("## Where do I change") :])
    assert len(named) > 10
    assert [name for name in named if not (PROJECT / name.partition("NAME")[0]).exists()] == []
