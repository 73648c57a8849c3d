"""The table of attacks keeps up with the marks of the tests; each attack has its mutant or a reason for none."""

import pytest

from tests.attacks import catalogue
from tests.attacks.catalogue import COMMAND, NotPlain, all_attacks, attacks_of, modules, mutants_by_test, reasons

ATTACKS = all_attacks()


def test_the_table_of_attacks_is_as_the_marks_say():
    fresh = catalogue.PAGE.read_text("utf-8") == catalogue.page()
    assert fresh, f"{catalogue.PAGE.name} is stale: write it anew with `{COMMAND}`"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_every_module_of_attacks_marks_its_tests(path):
    assert attacks_of(path), f"{path.name} has no test marked with @attack"


def test_every_attack_has_its_mutant_or_a_reason():
    known = {*mutants_by_test(), *reasons()}
    missing = [attack.name for attack in ATTACKS if attack.name not in known]
    assert not missing, f"add a mutant to tests/mutants/mutants.toml or a reason to {catalogue.REASONS.name}"


def test_no_reason_is_left_of_an_attack_that_is_gone_or_has_its_mutant():
    names = {attack.name for attack in ATTACKS}
    assert set(reasons()) <= names - set(mutants_by_test())
    assert all(len(why) > 20 for why in reasons().values())


def test_a_mark_that_only_running_the_module_would_reveal_is_refused(tmp_path):
    module = tmp_path / "test_odd.py"
    module.write_text('WHAT = "x"\n\n\n@attack(WHAT, "nothing")\ndef test_it():\n    pass\n')
    with pytest.raises(NotPlain, match=r"test_odd\.py"):
        attacks_of(module)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of attacks in a folder of tests, both empty."""
    made = tmp_path / "tests" / "attacks"
    made.mkdir(parents=True)
    for name, path in {"FOLDER": made, "TESTS": made.parent, "PROJECT": tmp_path}.items():
        monkeypatch.setattr(catalogue, name, path)
    return made


def test_a_cell_of_the_table_ends_where_it_is_meant_to(folder):
    (folder / "test_odd.py").write_text('"""Odd."""\n\n\n@attack("a | b", "c")\ndef test_it():\n    pass\n')
    assert "| a \\| b | c | `test_it` |  |" in catalogue.page()


def test_a_mark_beside_other_tests_is_in_the_table_with_its_place(folder):
    (folder / "test_odd.py").write_text('"""Odd."""\n\n\n@attack("a", "b")\ndef test_it():\n    pass\n')
    elsewhere = folder.parent / "unit"
    elsewhere.mkdir()
    (elsewhere / "test_even.py").write_text('"""Even."""\n\n\n@attack("c", "d")\ndef test_that():\n    pass\n')
    (elsewhere / "test_none.py").write_text('"""None."""\n\n\ndef test_nothing():\n    pass\n')
    shown = catalogue.page()
    assert shown.index("`test_odd.py`") < shown.index("`tests/unit/test_even.py`")
    assert "| c | d | `test_that` |  |" in shown and "test_none" not in shown
    assert [one.name for one in all_attacks()] == [
        "tests/attacks/test_odd.py::test_it",
        "tests/unit/test_even.py::test_that",
    ]


#: Marks of a test -> what the table says behind it.
DAYS = {
    "": "",
    "@pytest.mark.root\n": "",
    "@pytest.mark.nightly\n": " (nightly)",
    "@pytest.mark.sampled(of=3, each=('n',))\n": " (1/3 a day)",
    "@pytest.mark.sampled(of=4, rests=True)\n": " (every 4 days)",
    "@pytest.mark.parametrize('n', [1, pytest.param(2, marks=pytest.mark.nightly)])\n": " (some cases nightly)",
    "@pytest.mark.parametrize('n', LARGE)\n": " (some cases nightly, some cases 1/2 a day)",
}


@pytest.mark.parametrize("marks", DAYS)
def test_what_does_not_run_every_day_is_said_behind_the_test(folder, marks):
    cases = "pytest.param(1, marks=pytest.mark.nightly), pytest.param(2, marks=pytest.mark.sampled(of=2))"
    text = f'"""Odd."""\n\nLARGE = [0, {cases}]\n\n\n@attack("a", "b")\n{marks}def test_it():\n    pass\n'
    (folder / "test_odd.py").write_text(text)
    assert f"| a | b | `test_it`{DAYS[marks]} |  |" in catalogue.page()
