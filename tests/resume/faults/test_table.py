"""The table of faults: each is tried in every run, every pair at least once in two days."""

from pathlib import Path

from tests.resume.faults.model import pairwise, usual_cases
from tests.resume.faults.table import ELSEWHERE, FAULTS

PROJECT = Path(__file__).resolve().parents[3]
USUAL = usual_cases(FAULTS)


def test_every_pair_is_tried_and_the_run_stays_short():
    chosen = pairwise(USUAL)
    assert set().union(*(case.pairs() for case in chosen)) == set().union(*(case.pairs() for case in USUAL))
    assert len({str(case) for case in chosen}) == len(chosen) <= 150
    assert {case.fault.name for case in chosen} == {fault.name for fault in FAULTS if not fault.is_long}


def test_what_is_said_to_be_shown_elsewhere_is_there():
    for *_, file, test in ELSEWHERE:
        assert f"def {test}(" in (PROJECT / file).read_text("utf-8"), (file, test)
