"""An agent tells how it was started, as far as its environment says one of the known ways."""

import pytest

from agent.run import session
from shared.events import START_VARIABLE, START_WAYS


@pytest.mark.parametrize("way", START_WAYS)
def test_a_known_way_is_reported(monkeypatch, way):
    monkeypatch.setenv(START_VARIABLE, way)
    assert session._started_by() == {"start": way}


@pytest.mark.parametrize("way", ["", "cron", "by me", "account "])
def test_every_other_word_is_as_good_as_none(monkeypatch, way):
    monkeypatch.setenv(START_VARIABLE, way)
    assert session._started_by() == {}


def test_cron_says_nothing(monkeypatch):
    monkeypatch.delenv(START_VARIABLE, raising=False)
    assert session._started_by() == {}
