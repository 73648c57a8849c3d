"""Which of a page's faults the corpus's walk takes for the shop's own, and which for the template's or others'."""

from types import SimpleNamespace

import pytest

from tests.corpus.walks import browsing, walk, walk_prestashop, walker


def test_a_picture_the_template_lacks_too_is_no_fault_of_the_shop(tmp_path):
    (tmp_path / "admin12" / "filemanager").mkdir(parents=True)
    (tmp_path / "admin12" / "logo.png").write_text("")
    (tmp_path / "img" / "p" / "1" / "7").mkdir(parents=True)
    (tmp_path / "img" / "p" / "1" / "7" / "17-home_default.jpg").write_text("")
    lacking = walk.lacks(tmp_path, {"admin_url": "http://tea.example/boutique/backoffice9/"})
    there = ["17-home_default/tea.jpg", "backoffice9/logo.png", "img/p/1/7/17-home_default.jpg", "index.php/page"]
    assert [lacking(path) for path in there] == [False] * 4
    assert [lacking(path) for path in ("18-home_default/tea.jpg", "backoffice9/none.png", "img/none.png")] == [True] * 3


class Opened:
    """A visitor to whom every page shows what `shown` selects."""

    def __init__(self, *shown):
        self._shown = shown

    def open(self, path):
        return browsing.Page(path)

    def all(self, selector):
        return [selector] if selector in self._shown else []


class Office(walker.Walker):
    NAME, PASSWORD, INSIDE = "#email", "#passwd", "#menu"


@pytest.mark.parametrize(
    "shown, faults",
    [(["#email", "#passwd"], ["asks to sign in again"]), (["#email", "#passwd", "#menu"], []), (["#menu"], [])],
)
def test_only_a_form_without_the_menu_asks_to_sign_in_again_that_of_an_employee_has_the_same_fields(shown, faults):
    one = SimpleNamespace(visitor=Opened(*shown), query=None)
    assert Office(one)._office(["index.php"], 0)["faults"] == faults


class Tables:
    """A shop's tables: no settings, and one category with products."""

    tables = ("ps_shop_url",)

    def __call__(self, sql):
        return [] if "configuration" in sql else [("3", "7")]


UNANSWERED = (
    'request.CRITICAL: Uncaught PHP Exception RuntimeException: "cURL error (6): Could not resolve host: api.example"'
)


@pytest.mark.parametrize(
    ("before", "said", "faults", "is_excused"),
    [
        ("", UNANSWERED, ["status 500"], True),
        (UNANSWERED, "", ["status 500"], False),
        ("", UNANSWERED.replace("CRITICAL", "WARNING"), ["status 500"], False),
        ("", 'request.CRITICAL: Uncaught PHP Exception TypeError: "it is null"', ["status 500"], False),
        ("", UNANSWERED, ["status 404"], False),
        ("", UNANSWERED, ["status 500", "2 broken pictures"], False),
    ],
)
def test_only_a_page_whose_log_says_that_nobody_outside_answered_is_excused(tmp_path, before, said, faults, is_excused):
    file, page = tmp_path / "prod-2026-12-01.log", browsing.Page("index.php?controller=AdminFacebook")
    file.write_text(f"{before}\n")
    one = walk.Walk(None, Tables(), {}, "", True, walk.Log([tmp_path, tmp_path / "none"]))
    page.faults = faults

    def step():
        file.write_text(f"{before}\n{said}\n")
        return walk_prestashop.PrestaShop(one).excused(page) or page.row("page")

    one.do("page", step)
    (row,) = one.steps
    assert (row["state"] == browsing.ABSENT) is is_excused
    assert ("api.example" in row.get("why", "")) is is_excused


@pytest.mark.parametrize(
    "pictures, lacking, faults, state",
    [
        ([], [], [], "failed"), ([], ["img/p/1/1.jpg"], [], "absent"),
        (["/17-home/a.jpg"], ["img/p/1/1.jpg"], [], "passed"), ([], ["img/p/1/1.jpg"], ["status 500"], "failed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", ["category", "product"])
def test_a_page_whose_pictures_are_not_in_the_templates_tree_is_absent_unless_it_fails(
    step, pictures, lacking, faults, state
):
    page = browsing.Page(step)
    page.pictures, page.lacking, page.faults = pictures, lacking, list(faults)
    one = SimpleNamespace(visitor=SimpleNamespace(open=lambda path: page), query=Tables())
    row = getattr(walk_prestashop.PrestaShop(one), step)()
    assert (browsing.ABSENT if isinstance(row, str) else row["state"]) == state
