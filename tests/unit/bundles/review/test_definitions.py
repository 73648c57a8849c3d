"""Keys in what a database is made of are noticed wherever they stand there, once, and named by table and column."""

import base64

import pytest

from controller.bundles.review.definitions import in_definitions
from controller.bundles.source.database.schema import Definition
from controller.bundles.source.database.snapshot import Routine

KEY = "sk_" + "live_Q8w3Er7Ty2Ui9Op4As6"
TABLE = "CREATE TABLE `t` (\n  `id` int(11) NOT NULL,\n  `a``b` varchar(90) DEFAULT %s\n) ENGINE=InnoDB COMMENT=%s"


def parts(tables=(), routines=(), known=()):
    found = in_definitions({one.table: one for one in tables}, routines, known)
    assert all(one.proven and KEY not in one.sentence() for one in found)
    return [one.place.part for one in found]


@pytest.mark.parametrize("spelled", [KEY, base64.b64encode(KEY.encode()).decode(), KEY.encode().hex()])
def test_a_default_is_named_by_its_column_and_a_comment_by_its_table(spelled):
    assert parts([Definition("t", TABLE % (f"'{spelled}'", "''"))]) == ["the definition of the table t, column a`b"]
    assert parts([Definition("t", TABLE % ("NULL", f"'{spelled}'"))]) == ["the definition of the table t"]
    assert parts([Definition("t", TABLE % ("NULL", "''"))]) == []


@pytest.mark.parametrize("kind", ["view", "trigger", "procedure", "function"])
def test_whatever_a_database_runs_is_looked_through(kind):
    assert parts(routines=[Routine(kind, "x", f"CREATE {kind} x: '{KEY}'")]) == [f"the definition of the {kind} x"]


def test_what_is_added_to_a_table_late_is_looked_through():
    late = Definition("t", TABLE % ("NULL", "''"), [f"ADD KEY `a` (`a`) COMMENT '{KEY}'"])
    assert parts([late]) == ["the definition of the table t"]


def test_a_secret_that_is_searched_for_everywhere_is_not_noticed_twice_and_a_short_one_hides_none():
    one = Definition("t", TABLE % (f"'{KEY}'", "''"))
    assert parts([one], known=[KEY.encode()]) == []
    assert parts([one], known=[b"live", b"8", b""]) != []
