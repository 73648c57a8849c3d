"""Filled cells are read back in parts no larger than a small account has room for."""

import pytest

from controller.bundles.pack.digests import CELL_BYTES_PER_QUERY, CELLS_PER_QUERY, by_query


def cells(*sizes):
    return [((b"%d" % number,), None if size is None else b"x" * size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        ((), []),
        ((5, None, 7), [3]),
        ((1,) * (2 * CELLS_PER_QUERY + 1), [CELLS_PER_QUERY, CELLS_PER_QUERY, 1]),
        ((CELL_BYTES_PER_QUERY // 2,) * 5, [2, 2, 1]),
        ((10, CELL_BYTES_PER_QUERY, 10, 10), [1, 1, 2]),
        ((10, 3 * CELL_BYTES_PER_QUERY, None), [1, 1, 1]),
    ],
    ids=["none", "few", "many", "large ones", "as large as a part", "larger than a part"],
)
def test_cells_come_in_parts_of_a_number_and_a_size(sizes, parts):
    given = cells(*sizes)
    made = list(by_query(given))
    assert [cell for part in made for cell in part] == given
    assert [len(part) for part in made] == parts


def test_no_part_holds_more_than_one_large_cell_s_bytes():
    sizes = [number * 40_000 % 900_001 for number in range(300)]
    made = list(by_query(cells(*sizes)))
    assert max(sum(len(template) for _, template in part) for part in made) <= CELL_BYTES_PER_QUERY
