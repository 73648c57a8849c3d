"""How much of an agent's work stays valid when the values of its job change."""

import pytest

from agent.base.value_changes import CONTINUE, RENDER, ZERO, decide

RECORDED = {"db": "a", "other": "b"}


@pytest.mark.parametrize(
    ("recorded", "wanted", "decision"),
    [
        (None, RECORDED, CONTINUE),
        (RECORDED, dict(RECORDED), CONTINUE),
        (RECORDED, {"db": "x", "other": "b"}, RENDER),
        (RECORDED, {"db": "a", "other": "x"}, ZERO),
        (RECORDED, {"db": "x", "other": "x"}, ZERO),
    ],
    ids=["nothing done yet", "the same", "another database", "another shop", "both"],
)
def test_what_changed_decides_what_is_done_again(recorded, wanted, decision):
    assert decide(recorded, wanted) == decision
