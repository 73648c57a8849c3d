"""An agent tells how it was started, as far as its environment says one of the known ways."""

from pathlib import Path

import pytest

from agent.run import session
from shared.events import START_WAYS
from shared.job import START_VARIABLE

ROOT = Path(__file__).resolve().parents[4]


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


def test_the_variables_name_stands_in_one_place():
    """Those who start an agent, and the agent, take it from there: a scanner, a shell and PHP read what is written."""
    places = [path for name in ("agent", "controller", "shared") for path in (ROOT / name).rglob("*") if path.is_file()]
    found = [str(path.relative_to(ROOT)) for path in places if START_VARIABLE.encode() in path.read_bytes()]
    assert [name for name in found if not name.endswith(".pyc")] == ["shared/job.py"]
