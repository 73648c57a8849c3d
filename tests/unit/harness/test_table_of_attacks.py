"""The table of attacks keeps up with the marks of tests/attacks; each attack has its mutant or a reason for none."""

import pytest

from tests.attacks import catalogue
from tests.attacks.catalogue import COMMAND, NotPlain, attacks_of, modules, mutants_by_test, reasons

ATTACKS = [attack for path in modules() for attack in attacks_of(path)]


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


def test_a_cell_of_the_table_ends_where_it_is_meant_to(tmp_path, monkeypatch):
    (tmp_path / "test_odd.py").write_text('"""Odd."""\n\n\n@attack("a | b", "c")\ndef test_it():\n    pass\n')
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    assert "| a \\| b | c | `test_it` |  |" in catalogue.page()
