"""Which of a server's due jobs each of several drains tries first."""

import pytest

from controller.db.due import Candidate, in_turn

VISIT, ORDER = 0, 1


@pytest.mark.parametrize(
    ("ranks", "turn", "wanted"),
    [
        ([ORDER, ORDER, ORDER], 0, [0, 1, 2]),
        ([ORDER, ORDER, ORDER], 1, [1, 2, 0]),
        ([ORDER, ORDER, ORDER], 2, [2, 0, 1]),
        # More drains than jobs
        ([ORDER, ORDER, ORDER], 3, [0, 1, 2]),
        ([ORDER], 3, [0]),
        # Finished shops stay the first
        ([VISIT, VISIT, ORDER, ORDER], 1, [1, 0, 2, 3]),
        ([VISIT, ORDER, ORDER], 2, [0, 1, 2]),
        ([], 2, []),
    ],
)
def test_each_begins_with_another_one_of_the_first_rank(ranks, turn, wanted):
    found = [Candidate(str(number), rank) for number, rank in enumerate(ranks)]
    assert [int(one.job) for one in in_turn(found, turn)] == wanted
