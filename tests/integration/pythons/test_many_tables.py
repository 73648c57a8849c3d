"""A template with many tables is packed and restored in a small account's memory."""

import pytest

from tests.integration.pythons.test_memory import MIB, MOST_MEMORY
from tests.support.shops.databases.many_tables import ROWS, ManyTables

#: What names, digests and definition of one table take beyond what any restore takes.
TABLE_BYTES = 2 * 1024


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_every_table_arrives_in_a_small_accounts_memory(mariadb_server, restore, tmp_path, count):
    found = restore(ManyTables(mariadb_server, tmp_path, count))
    names = [f"module_table_{number:05}" for number in range(count)]
    assert found.evidence["tables"] == dict.fromkeys(names, ROWS) | {"ps_configuration": 0}
    assert set(found.picture[0]) == {*names, "ps_configuration"}
    assert 0 < found.usage.pss <= MOST_MEMORY + count * TABLE_BYTES, found.usage.pss / MIB
