"""On every kind of state database the oldest reports give way to new ones, and what ended an attempt stays."""

from controller.db import events
from controller.db.connection.engine import reading
from controller.jobs.agent_link import report_retention
from tests.support.worlds.world import EVIDENCE

WORDS = 'in words: "retryable": false, 100%_'


def test_the_oldest_reports_give_way_failures_last(world, monkeypatch):
    monkeypatch.setattr(report_retention, "KEPT", 10)
    monkeypatch.setattr(report_retention, "DROPPED_AT_ONCE", 4)
    job, agent = world.dropped()
    error = {"code": "db_error", "message": WORDS, "advice": WORDS, "retryable": True}
    agent.send("failed", stage="import", percent=20, error=error)
    agent.send("failed", stage="import", percent=20, error=error)
    for _ in range(20):
        agent.send("stage_started", stage="import", percent=30)
    with reading(world.engine) as connection:
        found = [(event["seq"], event["event"]) for event in events.of_job(connection, job.id)]
    assert found[:2] == [(1, "failed"), (2, "failed")] and found[-1][0] == 22 and len(found) <= 10
    for _ in range(20):
        agent.send("failed", stage="import", percent=20, error=error)
    agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
    for _ in range(20):
        agent.send("stage_started", stage="cleanup")
    row = world.job(job)
    with reading(world.engine) as connection:
        left = events.of_job(connection, job.id)
        assert events.final_evidence(connection, job.id, 1) == EVIDENCE
    assert len(left) == row.events_kept <= 10
    without = [{name: value for name, value in event.items() if name != "received_at"} for event in left]
    assert row.events_bytes == sum(len(events.body_of(event)) for event in without)
