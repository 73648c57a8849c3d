"""Definitions in PHP files: found where a person would find them, and in one reading whatever the file holds."""

import pytest

from controller.recipes.php.definitions import definitions


def found(source):
    """Return {name: what the file says} of the source."""
    return {one.name: one.written for one in definitions(b"<?php " + source, "x.php")}


def test_a_value_ends_at_its_own_bracket_comma_or_semicolon():
    source = b"define('A', 'x'); const B = 2; $table_prefix = 'wp_'; define('D', true, false);"
    assert found(source) == {"A": b"x", "B": 2, "$table_prefix": b"wp_", "D": True}


def test_a_definition_without_its_bracket_does_not_take_the_next_one_s_end():
    assert found(b"define('A', ['x'; define('B', 'y');") == {"B": b"y"}


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("unclosed", [b"define('A', ", b"const A = ", b"define('A', [", b"const A = ("])
def test_a_file_of_definitions_without_an_end_is_read_once(unclosed):
    assert found(unclosed * 30_000) == {}
