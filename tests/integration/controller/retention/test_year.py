"""A year passes in a sample: one day a month is worked, with backups, an upgrade, a move and new keys in between."""

import pytest

from controller.jobs.retention import sweep
from tests.bench.year.installation import Year
from tests.integration.controller.retention.test_size import MOST_BYTES


@pytest.fixture
def year(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "PAUSE_SECONDS", 0.0)
    made = Year(tmp_path)
    yield made
    made.close()


def test_after_a_year_every_shop_is_proven_and_the_database_has_the_size_said(year):
    year.simulate(365, 1, 28)
    year.rest(31)
    left = year.left()
    assert year.orders == 14 and left.lost_or_doubled() == left.stuck() == left.unproven() == left.damaged() == []
    assert year.bytes_per_job() <= MOST_BYTES
    happened = {"backups": 13, "key_retirements": 4, "upgrades": 1, "moves": 1, "forgotten": 12}
    assert {name: year.counted[name] for name in happened} == happened
    assert year.ended and left.named() == []
