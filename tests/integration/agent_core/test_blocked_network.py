"""An agent that reaches nobody: it works on, tells in its state what it would report, and hears through the panel."""

import threading

import pytest

from shared.events import check_event
from tests.support.worlds.agent_box import Keys


@pytest.fixture
def deaf(box, controller):
    """An account that does not reach its controller, its job dropped and its cron line set."""
    box.with_bundle()
    controller.close()
    box.drop()
    box.cron()
    return box


@pytest.mark.sampled(of=2, rests=True)
def test_the_final_event_stands_in_the_state_while_nobody_hears_it(deaf):
    assert deaf.run(seconds=120) == 1
    final = check_event(deaf.state["final"])
    assert (final["job"], final["attempt"], final["event"], final["stage"]) == (deaf.id, 1, "finished", "report")
    assert {"unpack", "import", "prove", "switch"} <= set(final["evidence"]["stages"])
    assert final["evidence"]["bytes_read"] > 0
    first = deaf.state["final"]
    assert deaf.run(seconds=120) == 1
    assert deaf.state["final"] == first


def test_an_answer_through_the_panel_lets_it_clean_up_and_leave(deaf):
    assert deaf.run(seconds=120) == 1
    deaf.acknowledge(deaf.state["final"]["seq"])
    done = len(deaf.trace)
    assert deaf.run(seconds=120) == 0
    assert [line for line in deaf.trace[done:] if "begins" in line] == []
    assert not deaf.folder.exists()
    assert deaf.crontab == "# my own\n5 5 * * * true\n"


def test_an_answer_that_comes_while_it_waits_is_heard(deaf):
    process = deaf.start()
    deaf.wait_for(lambda: (deaf.folder / "state.json").exists() and "final" in deaf.state)
    deaf.acknowledge(deaf.state["final"]["seq"])
    assert process.wait(120) == 0
    assert not deaf.folder.exists()


def test_the_final_event_is_answered_even_when_later_ones_wait(deaf):
    assert deaf.run(seconds=120) == 1
    seq = deaf.state["final"]["seq"]
    waiting = deaf.folder / "outbox" / f"{seq + 1:08d}.json"
    waiting.write_text(
        (deaf.folder / "outbox" / f"{seq:08d}.json").read_text().replace(f'"seq": {seq}', f'"seq": {seq + 1}')
    )
    deaf.own()
    deaf.acknowledge(seq)
    assert deaf.run(seconds=120) == 0
    assert not deaf.folder.exists()


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    "wrong",
    [{"keys": Keys()}, {"purpose": "job"}, {"attempt": 2}, {"seq": 3}, {"status": 200}],
    ids=["foreign_key", "other_purpose", "other_attempt", "earlier_events", "no_such_answer"],
)
def test_an_answer_nobody_vouches_for_changes_nothing(deaf, wrong):
    assert deaf.run(seconds=120) == 1
    deaf.acknowledge(**{"seq": deaf.state["final"]["seq"], **wrong})
    assert deaf.run(seconds=120) == 1
    assert deaf.id in deaf.crontab
    assert (deaf.folder / "job").exists()


@pytest.mark.sampled(of=2, rests=True)
def test_a_link_in_the_place_of_the_answer_is_not_followed(deaf):
    assert deaf.run(seconds=120) == 1
    deaf.acknowledge(deaf.state["final"]["seq"])
    (deaf.folder / "ack").rename(deaf.home / "elsewhere")
    (deaf.folder / "ack").symlink_to(deaf.home / "elsewhere")
    assert deaf.run(seconds=120) == 1
    assert (deaf.folder / "job").exists()


def test_a_cancellation_is_heard_through_the_panel_in_the_middle_of_the_work(deaf):
    (deaf.root / ".htaccess").write_bytes(b"Options -Indexes\n")
    deaf.own()
    deaf.write_plan(**{"import": {"wait": "never"}})
    process = deaf.start()
    deaf.wait_for(lambda: any(line.startswith("import begins") for line in deaf.trace))
    deaf.acknowledge(0, status=410)
    assert process.wait(120) == 5
    assert "tables dropped" in deaf.trace
    assert not deaf.folder.exists()
    assert (deaf.root / ".htaccess").read_bytes() == b"Options -Indexes\n"
    assert deaf.crontab == "# my own\n5 5 * * * true\n"


def test_a_permanent_failure_that_was_read_through_the_panel_needs_no_more_ticks(deaf):
    deaf.write_plan(preflight={"error": "db_access_denied"})
    assert deaf.run(seconds=120) == 3
    assert deaf.id in deaf.crontab
    deaf.acknowledge(deaf.state["callback"]["seq"])
    assert deaf.run(seconds=120) == 3
    assert deaf.id not in deaf.crontab
    assert (deaf.folder / "job").exists()


@pytest.mark.sampled(of=3, rests=True)
def test_a_controller_that_never_answers_does_not_hold_up_the_work(box, controller):
    box.with_bundle()
    box.drop()
    box.cron()
    answering = threading.Event()
    controller.answer = lambda event: answering.wait(300) and None
    process = box.start()
    try:
        box.wait_for(lambda: any(line.startswith("switch ends") for line in box.trace), 120)
        assert controller.events == []
    finally:
        answering.set()
    # What was asked meanwhile and answered too late is asked once more
    if process.wait(120) != 0:
        assert box.run(seconds=120) == 0
    numbers = [event["seq"] for event in controller.accepted() if event["seq"]]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))


@pytest.mark.sampled(of=2, rests=True)
def test_a_new_attempt_does_not_take_the_former_answer_for_its_own(deaf):
    assert deaf.run(seconds=120) == 1
    deaf.acknowledge(deaf.state["final"]["seq"])
    deaf.drop(attempt=2)
    assert deaf.run(seconds=120) == 1
    assert deaf.state["final"]["attempt"] == 2
    deaf.acknowledge(deaf.state["final"]["seq"], attempt=2)
    assert deaf.run(seconds=120) == 0
    assert not deaf.folder.exists()
