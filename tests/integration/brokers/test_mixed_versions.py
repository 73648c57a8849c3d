"""Workers of an earlier version and this one's at one broker: they take each other's hints, each shop lives once."""

import pytest

from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from tests.support.state.mixed_versions import ORDERS, oldest_compatible, work_together
from tests.support.state.state_database import url_at

pytestmark = pytest.mark.root


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_workers_of_the_oldest_version_with_these_tables_and_new_ones_share_a_broker(
    request, mariadb_server, tmp_path, kind
):
    commit = oldest_compatible()
    if commit is None:
        pytest.skip("needs the history: a clone that is not shallow")
    secret = tmp_path / "broker"
    secret.touch(0o600)
    secret.write_text(request.getfixturevalue(f"{kind}_server").url())
    more = {"SHOPLAUNCH_ENGINE": "celery", "SHOPLAUNCH_BROKER_URL_FILE": str(secret)}
    found, claims, words = work_together(commit, url_at(mariadb_server), more)
    assert (found["live"], found["notified twice"]) == (ORDERS, 0), found
    assert found["accounts at once on a server"] <= PER_SERVER
    assert all(claims), claims
    # A hint that one does not understand, or a queue that it wants otherwise, costs no shop: all look by themselves
    assert "are no hints" not in words and "hears nothing of the broker" not in words, words
