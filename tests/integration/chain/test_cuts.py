"""The connection to the panel is cut after each changing call in turn: the shop lives, and everything is there once."""

from collections import Counter
from functools import partial

import pytest

from tests.integration.chain.outcome import assert_everything_is_there_once, build, build_together

#: So many shops share the calls of one way among them, each the n-th and every so many after it.
SHARES = 3


def changes(sold):
    """Return (function, which call of it) -> outcome of every change at the panel."""
    seen, found = Counter(), {}
    # Calls made side by side may be counted in another order than they came in
    for call in sorted(sold.server.whm.calls.all, key=lambda call: call.nth):
        if call.account == sold.account and call.changes:
            seen[call.function] += 1
            found[call.function, seen[call.function]] = call.outcome
    return found


@pytest.fixture(scope="module", params=["cp-root", "cp-bare"])
def way(request, chain, servers):
    """(server, the changes that a shop takes there when nothing is cut)."""
    sold = chain.sell(servers[request.param])
    assert_everything_is_there_once(chain, sold, build(chain, sold))
    return servers[request.param], list(changes(sold))


def build_with_cuts(chain, server, cuts_of_each):
    """Build a shop for each of `cuts_of_each` (lists of (function, which call)), with its connections cut there."""
    sales = []
    for wanted in cuts_of_each:
        cuts = {}
        for function, number in wanted:
            cuts.setdefault(function, set()).add(number)
        sales.append(partial(chain.sell, server, habits={"cuts": cuts}))
    for built, wanted in zip(build_together(chain, sales), cuts_of_each, strict=True):
        assert_everything_is_there_once(chain, built.sold, built.status_or_raise())
        assert {change for change, outcome in changes(built.sold).items() if outcome == "cut"} == set(wanted)


@pytest.mark.sampled(of=4, rests=True)
def test_a_shop_lives_although_the_answers_to_many_changes_are_lost(chain, way):
    server, found = way
    assert len(found) > 5
    build_with_cuts(chain, server, [found[share::SHARES] for share in range(SHARES)])


@pytest.mark.nightly
def test_a_shop_lives_although_the_answer_to_any_one_change_is_lost(chain, way):
    server, found = way
    build_with_cuts(chain, server, [[one] for one in found])
