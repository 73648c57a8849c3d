"""What was erased of a client on request stays erased, whatever still comes of the service."""

from contextlib import suppress

import pytest

from controller.db.identities.access import Note
from controller.db.orders.request_log import Answer
from shared.errors import ShoplaunchError
from tests.attacks.slips.successors import knows_later
from tests.attacks.table import attack
from tests.integration.controller.retention.stored import dump, rows
from tests.integration.controller.retention.test_forget import KEY, PLANTED, live

NOTE = Note("command line", "forget")
NAMED = "planted.owner@mail.example"


def says(agent):
    """The agent's token reports everything it may, in words that name the client; what is refused is refused."""
    error = {"code": "db_error", "message": NAMED, "advice": NAMED, "retryable": True}
    for kind, more in (("progress", {}), ("failed", {"error": error}), ("cleaned", {"error": error})):
        with suppress(ShoplaunchError):
            agent.send(kind, stage="import", percent=40, **more)


@attack(
    "somebody who has the token of a forgotten client's job goes on reporting with it",
    "nothing of that is kept",
)
@pytest.mark.parametrize("end", ["live", "cancelled"])
def test_reports_of_a_forgotten_job_are_not_kept(world, end):
    knows_later(world)
    job, agent = world.dropped(bundle="later")
    if end == "live":
        world.finish(job)
    else:
        world.service.jobs.cancel(job.id)
        # The agent does not leave: after a day nobody waits for it any more
        for _ in range(30):
            world.clock.pass_by(3600)
            world.work()
    assert world.job(job).state == end
    says(agent)
    world.work()
    world.service.retention.forget(job.signed_by, job.id, NOTE)
    says(agent)
    assert NAMED not in dump(world.engine)
    assert world.job(job).events_kept == 0


@attack(
    "billing asks for a service at the very moment at which its client is forgotten",
    "the answer is given and not kept; what others of the key were answered stays",
)
def test_an_answer_under_way_is_not_kept(world):
    live(world)
    log = world.service.access.request_log
    answered, other = Answer(200, "application/json", "{}"), "other:2"
    for event in (f"{KEY}:2", f"{KEY}:3", other):
        log.claim(event, "b" * 64)
    log.keep(f"{KEY}:3", answered)
    world.service.retention.forget(KEY, "42", NOTE)
    for event in (f"{KEY}:2", other):
        log.keep(event, Answer(200, "application/json", PLANTED["email"] if event != other else "{}"))
    assert PLANTED["email"] not in dump(world.engine)
    assert [log.claim(event, "b" * 64) for event in (f"{KEY}:2", f"{KEY}:3", other)] == [None, answered, answered]


@attack(
    "billing's request for a service is noted as answered at the very moment at which its client is forgotten",
    "the audit log says what was asked and of which job, and nothing that names the client",
)
def test_a_row_that_is_completed_afterwards_names_nobody(world):
    job = live(world)
    access, words = world.service.access, f"42 {PLANTED['domain']}"
    erased, other = (access.audit(f"key {KEY}", "order", None, text) for text in (words, "43 other.example.com"))
    world.service.retention.forget(KEY, "42", NOTE)
    access.complete_audit(erased, job.id, f"{words} domain_busy", words)
    access.complete_audit(other, None, "43 other.example.com domain_busy", "43 other.example.com")
    assert PLANTED["domain"] not in dump(world.engine)
    found = {row.id: (row.job, row.detail) for row in rows(world.engine, "audit")}
    assert (found[erased], found[other]) == ((job.id, ""), (None, "43 other.example.com domain_busy"))
