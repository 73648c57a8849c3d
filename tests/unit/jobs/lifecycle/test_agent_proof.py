"""What an agent has proved counts for its own attempt alone, whenever it was read."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from controller.jobs.lifecycle import step_context
from controller.jobs.lifecycle.step_context import AgentProof, JobContext, Tools

READ_BEFORE = AgentProof(1, {"read": "with the job"}, {"cookie_key": "fingerprint"})


def tools(job, proof):
    """The tools of a job, with which `proof` was read."""
    return Tools(*[None] * 8, job=job, known=JobContext(None, None, None, proof))


@pytest.fixture(autouse=True)
def database(monkeypatch):
    """A database that holds a proof of every attempt."""
    monkeypatch.setattr(step_context, "reading", lambda _engine: nullcontext())
    of = classmethod(lambda cls, _connection, job: cls(job.attempt, {"read": "now"}, {}))
    monkeypatch.setattr(AgentProof, "of", of)


@pytest.mark.parametrize("proof", [READ_BEFORE, None])
def test_of_another_attempt_the_proof_is_read_anew(proof):
    job = SimpleNamespace(id="j0b", attempt=2)
    assert tools(job, proof).proof_of(job) == (2, {"read": "now"}, {})


def test_of_the_same_attempt_it_is_read_once():
    job = SimpleNamespace(id="j0b", attempt=1)
    assert tools(job, READ_BEFORE).proof_of(job) is READ_BEFORE
