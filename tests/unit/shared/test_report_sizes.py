"""Reports of the agent fit into what the controller takes, whatever the agent has to tell."""

import json

import pytest

from shared.events import MAX_REPORT_BYTES, fitted, make_event

WIDE = "\U0001f600"


def failure(message="m", advice="a", **more):
    error = {"code": "db_error", "message": message, "advice": advice, "retryable": True}
    return make_event("j1234567", 1, 3, "failed", 1.0, error=error, **more)


def test_what_fits_is_reported_as_it_is():
    event = failure(log=["one", "two"])
    assert fitted(event) is event


def test_a_log_is_cut_to_its_last_lines():
    log = [f"{number}: " + "x" * 900 for number in range(80)]
    event = failure("m" * 1000, log=log)
    found = fitted(event)
    assert found["log"] == log[-len(found["log"]) :] and len(found["log"]) >= 5
    assert found["error"] == event["error"] and len(json.dumps(found)) <= MAX_REPORT_BYTES


@pytest.mark.parametrize("words", ["x" * 4000, WIDE * 4000, '"' * 4000, "\\" * 4000])
def test_words_too_long_by_themselves_are_cut(words):
    found = fitted(failure(words, words, log=["y" * 1000] * 80, evidence={"a": "z" * 9000}))
    assert len(json.dumps(found)) <= MAX_REPORT_BYTES
    assert found["error"]["message"] and words.startswith(found["error"]["message"])
    assert {**found, "error": None, "log": None} == {**failure(), "error": None, "log": None}


def test_the_evidence_of_a_stage_is_left_out_where_it_is_large_and_the_final_ones_never():
    evidence = {"tables": {f"ps_table_{number}": number for number in range(1000)}}
    stage = make_event("j1234567", 1, 3, "stage_finished", 1.0, stage="prove", evidence=evidence)
    assert "evidence" not in fitted(stage)
    final = make_event("j1234567", 1, 3, "finished", 1.0, evidence=evidence)
    assert fitted(final) is final
