"""What a restore takes of an account's memory depends on nothing but its largest row."""

import pytest

from agent.shards import AHEAD_BYTES
from tests.bulk import Bulk

MIB = 1024 * 1024
MOST_MEMORY = 72 * MIB
#: What is on its way from one hand to the next, besides what is read ahead.
PIECES_BYTES = 3 * MIB


def test_a_large_shop_takes_no_more_memory_than_a_small_one(mariadb_server, restore, bulk):
    small, large = restore(bulk), restore(Bulk(mariadb_server, shards=5, chunks=16, files=[60 * MIB]))
    assert large.size > 4 * small.size
    for found in (small, large):
        assert 0 < found.usage.pss <= MOST_MEMORY
    # Each process at its largest, whether or not that was at one moment; how much is read ahead is chance, to a limit
    for name, chance in (("peak_rss_bytes", 0), ("peak_rss_helper_bytes", AHEAD_BYTES)):
        peaks = sorted(found.evidence["counters"][name] for found in (small, large))
        assert peaks[1] <= 1.1 * peaks[0] + chance


def test_shards_of_all_sizes_take_no_more_memory_than_what_is_read_ahead(mariadb_server, restore):
    few, many = (restore(Bulk(mariadb_server, shards=0, chunks=2, mixed=mixed)) for mixed in (0, 40))
    assert many.size > 100 * MIB
    peaks = [found.evidence["counters"]["peak_rss_helper_bytes"] for found in (few, many)]
    assert peaks[1] <= peaks[0] + AHEAD_BYTES + PIECES_BYTES


@pytest.mark.parametrize("rows", [[8], [15, 15]], ids=["one of 8 MiB", "two of 15 MiB"])
def test_large_rows_cost_no_more_than_thrice_the_largest(mariadb_server, restore, rows):
    found = restore(Bulk(mariadb_server, shards=1, chunks=2, rows=[size * MIB for size in rows]))
    assert 0 < found.usage.pss <= MOST_MEMORY + 3 * max(rows) * MIB
