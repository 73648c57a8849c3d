"""Locks that hold more hold all of the smaller ones: also what was added by hand for an older Python."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]


def pinned(name):
    """Return the lines of the lock that pin something, with what each is for."""
    text = (PROJECT / f"{name}.lock").read_text("utf-8")
    return set(re.findall(r"^[a-z0-9][^\s]*==[^\\\n]*[^\\\s]", text, re.MULTILINE))


@pytest.mark.parametrize(
    "smaller, larger",
    [("requirements", "requirements-celery"), ("requirements-celery", "requirements-dev")],
)
def test_a_lock_that_holds_more_holds_all_of_the_smaller_one(smaller, larger):
    assert len(pinned(smaller)) > 20 and pinned(smaller) - pinned(larger) == set()
