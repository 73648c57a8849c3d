"""What a restore takes of an account's memory depends on nothing but its largest row."""

import pytest

from agent.bundle.shards import AHEAD_BYTES
from tests.bench.results import FLAT
from tests.support.machine.interpreters import interpreter
from tests.support.shops.bulk import Bulk

MIB = 1024 * 1024
MOST_MEMORY = 72 * MIB
#: A row of so much takes nothing more, and of a larger one what is above it this many times its size.
ROW_BYTES, ROW_TIMES = 4 * MIB, 3
#: What is on its way from one hand to the next, besides what is read ahead.
PIECES_BYTES = 3 * MIB
PEAKS = ("peak_rss_bytes", "peak_rss_helper_bytes")


@pytest.fixture(scope="module")
def large(mariadb_server):
    return Bulk(mariadb_server, shards=5, chunks=16, files=[60 * MIB])


@pytest.fixture(params=["system", "3.6"])
def on(request):
    """The machine whose launcher takes its own Python, and the one on which it takes the oldest there may be."""
    if request.param == "system":
        return None
    machine = request.getfixturevalue("machine")
    machine.with_first(interpreter(request.param))
    return machine


def peaks_of(found):
    """Return the most each of the agent's processes had, whether or not that was at one moment, in bytes."""
    return [found.evidence["counters"][name] for name in PEAKS]


@pytest.mark.sampled(of=4)
@pytest.mark.parametrize("ahead", [True, False], ids=["all read ahead that may be", "nothing read ahead"])
def test_a_large_shop_takes_no_more_memory_than_a_small_one(restore, bulk, large, on, ahead):
    found = [restore(shop, on, ahead) for shop in (bulk, large)]
    assert found[1].size > 4 * found[0].size
    assert all(0 < one.usage.pss <= MOST_MEMORY for one in found)
    for ofsmall, oflarge in zip(*map(peaks_of, found), strict=True):
        assert oflarge <= FLAT * ofsmall


@pytest.mark.sampled(of=2)
def test_whatever_is_read_ahead_in_time_takes_no_more_than_all_that_may_be(restore, bulk, large, on):
    most = restore(bulk, on, True)
    for shop in (bulk, large):
        found = restore(shop, on)
        assert 0 < found.usage.pss <= MOST_MEMORY
        for peak, limit in zip(peaks_of(found), peaks_of(most), strict=True):
            assert peak <= FLAT * limit


@pytest.mark.sampled(of=3, rests=True)
def test_shards_of_all_sizes_take_no_more_memory_than_what_is_read_ahead(mariadb_server, restore):
    few, many = (restore(Bulk(mariadb_server, shards=0, chunks=2, mixed=mixed)) for mixed in (0, 40))
    assert many.size > 100 * MIB
    peaks = [found.evidence["counters"]["peak_rss_helper_bytes"] for found in (few, many)]
    assert peaks[1] <= peaks[0] + AHEAD_BYTES + PIECES_BYTES


@pytest.mark.sampled(of=2, each=("rows",))
@pytest.mark.parametrize("rows", [[4], [8], [15, 15]], ids=["one of 4 MiB", "one of 8 MiB", "two of 15 MiB"])
def test_of_rows_only_what_the_largest_has_above_four_mebibytes_costs_and_thrice_that(
    mariadb_server, restore, on, rows
):
    found = restore(Bulk(mariadb_server, shards=1, chunks=2, rows=[size * MIB for size in rows]), on)
    above = max(rows) * MIB - ROW_BYTES
    assert 0 < found.usage.pss <= MOST_MEMORY + ROW_TIMES * above
