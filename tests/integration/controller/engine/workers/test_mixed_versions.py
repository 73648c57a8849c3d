"""Workers of an earlier version beside this version's, on one state database: each shop lives once."""

import pytest

from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from tests.support.state.mixed_versions import ORDERS, oldest_compatible, work_together
from tests.support.state.state_database import url_at


@pytest.mark.nightly
def test_workers_of_the_oldest_version_with_these_tables_work_beside_new_ones(mariadb_server):
    commit = oldest_compatible()
    if commit is None:
        pytest.skip("needs the history: a clone that is not shallow")
    found, claims, _words = work_together(commit, url_at(mariadb_server))
    assert (found["live"], found["notified twice"]) == (ORDERS, 0), found
    assert found["accounts at once on a server"] <= PER_SERVER
    # Both versions had their share
    assert all(claims), claims
