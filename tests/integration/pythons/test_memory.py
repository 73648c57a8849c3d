"""What a restore takes of an account's memory depends on nothing but its largest row."""

import pytest

from agent.shards import AHEAD_BYTES
from tests.bulk import Bulk

MIB = 1024 * 1024
MOST_MEMORY = 72 * MIB


def test_a_large_shop_takes_no_more_memory_than_a_small_one(mariadb_server, restore, bulk):
    small, large = restore(bulk), restore(Bulk(mariadb_server, shards=5, chunks=16, files=[60 * MIB]))
    assert large.size > 4 * small.size
    for found in (small, large):
        assert 0 < found.usage.pss <= MOST_MEMORY
    # Each process at its largest, whether or not that was at one moment; how much is read ahead is chance, to a limit
    for name, chance in (("peak_rss_bytes", 0), ("peak_rss_helper_bytes", AHEAD_BYTES)):
        peaks = sorted(found.evidence["counters"][name] for found in (small, large))
        assert peaks[1] <= 1.1 * peaks[0] + chance


def test_many_shards_of_all_sizes_take_hardly_more_memory_than_full_ones(restore, mariadb_server, bulk):
    full, mixed = restore(bulk), restore(Bulk(mariadb_server, shards=0, chunks=2, mixed=40))
    assert mixed.size > 4 * full.size
    peaks = [found.evidence["counters"]["peak_rss_helper_bytes"] for found in (full, mixed)]
    assert peaks[1] <= 1.15 * peaks[0]


@pytest.mark.parametrize("rows", [[8], [15, 15]], ids=["one of 8 MiB", "two of 15 MiB"])
def test_large_rows_cost_no_more_than_thrice_the_largest(mariadb_server, restore, rows):
    found = restore(Bulk(mariadb_server, shards=1, chunks=2, rows=[size * MIB for size in rows]))
    assert 0 < found.usage.pss <= MOST_MEMORY + 3 * max(rows) * MIB
