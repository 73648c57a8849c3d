"""Definitions of tables, taken apart for a bundle."""

from controller.bundles.source.database.schema import take_apart


def test_checks_that_mysql_counted_lose_their_names_and_others_keep_them():
    create = (
        "CREATE TABLE `own` (\n  `c` int COMMENT 'CONSTRAINT `own_chk_1` CHECK ',\n"
        "  CONSTRAINT `own_chk_1` CHECK ((`c` > 0)),\n  CONSTRAINT `positive` CHECK ((`c` > 0))\n) ENGINE=InnoDB"
    )
    assert take_apart(create, "own", 0).create == create.replace("  CONSTRAINT `own_chk_1` CHECK", "  CHECK")
