"""What `watch` says of an agent that is expected, and of the time that is left."""

import pytest

from controller.cli.terminal import watching


@pytest.mark.parametrize(("expected", "said"), [
    (0, "agent started"), (0.2, "cron starts it in 1 s"), (41.5, "cron starts it in 42 s"),
])  # fmt: skip
def test_an_agent_that_was_started_at_once_is_not_said_to_wait_for_cron(expected, said):
    status = {"state": "dropped", "step": "agent"}
    assert watching._description(status, {"expected_seconds": expected}, None) == said


def test_one_that_was_heard_is_at_its_stage():
    assert (
        watching._description({"state": "restoring", "step": "agent"}, {"expected_seconds": None}, "import") == "import"
    )


@pytest.mark.parametrize(("left", "said"), [(None, ""), (2.1, "about 3 s left"), (50, "about 50 s left")])
def test_what_is_left_is_said_where_anybody_knows(left, said):
    assert watching._left(left) == said
