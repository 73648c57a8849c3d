"""The mutants of tests/mutants keep up with the code: each still takes its protection away, and its tests exist."""

import ast

import pytest

from tests.mutants.catalogue import FOLDER, PROJECT, mutants, mutated

MUTANTS = mutants()


def named_in(file):
    return {node.name for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutants_patch_applies_and_what_it_makes_is_python(mutant):
    for path, text in mutated(mutant).items():
        assert text != (PROJECT / path).read_text("utf-8")
        if path.endswith(".py"):
            compile(text, path, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_tests_that_have_to_notice_a_mutant_exist(mutant):
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in named_in(PROJECT / file), test


def test_every_patch_is_in_the_list():
    assert {path.stem for path in FOLDER.glob("*.patch")} == {mutant.name for mutant in MUTANTS}
