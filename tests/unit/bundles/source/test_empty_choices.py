"""The columns of choices that do not list the empty value are found in a definition, whatever their choices are."""

import pytest

from controller.bundles.source.database import empty_choices


def definition(*columns):
    """Return a CREATE text as servers write it."""
    return "CREATE TABLE `t` (\n  " + ",\n  ".join(columns) + "\n) ENGINE=InnoDB COMMENT='`x` enum(''a'')'"


@pytest.mark.parametrize(
    ("column", "wider"),
    [
        ("`a` enum('x') NOT NULL", "`a` enum('x','') NOT NULL"),
        ("`a` enum('a,'',b') DEFAULT NULL", "`a` enum('a,'',b','') DEFAULT NULL"),
        ("`a` enum(''',','x') DEFAULT 'x'", "`a` enum(''',','x','') DEFAULT 'x'"),
        (r"`a` enum('\\','it''s')", r"`a` enum('\\','it''s','')"),
        ("`a``b` enum('x)') CHARACTER SET latin1", "`a``b` enum('x)','') CHARACTER SET latin1"),
        ("`a` enum('x') COMMENT 'y,'", "`a` enum('x','') COMMENT 'y,'"),
    ],
)  # fmt: skip
def test_the_empty_value_becomes_the_last_choice(column, wider):
    create = definition("`id` int(11) NOT NULL", column, "`z` int(11) COMMENT 'enum(''x'')'")
    assert len(empty_choices.of(create)) == 1
    assert empty_choices.listed(create, empty_choices.of(create)) == create.replace(column, wider)


@pytest.mark.parametrize("column", ["`a` enum('','x')", "`a` enum('x','')", "`a` enum('')", "`a` set('x')"])
def test_what_lists_it_or_is_no_choice_stays(column):
    assert empty_choices.of(definition(column)) == []


def test_a_definition_that_does_not_end_is_looked_through_once():
    assert empty_choices.of("  `a` enum(" + "'a''b'" * 100_000) == []
