"""The table of faults: each is tried in every run, every pair at least once, and the README tells all of them."""

from pathlib import Path

from tests.resume.faults.model import all_cases, pairwise, usual_cases
from tests.resume.faults.table import ELSEWHERE, FAULTS, rows

PROJECT = Path(__file__).resolve().parents[3]
USUAL = usual_cases(FAULTS)


def test_every_pair_is_tried_in_every_run_and_the_run_stays_short():
    chosen = pairwise(USUAL)
    assert set().union(*(case.pairs() for case in chosen)) == set().union(*(case.pairs() for case in USUAL))
    assert len({str(case) for case in chosen}) == len(chosen) <= 150
    assert {case.fault.name for case in chosen} == {fault.name for fault in FAULTS if not fault.is_long}


def test_the_readme_has_one_row_for_each_fault_in_its_own_words():
    readme = (PROJECT / "README.md").read_text("utf-8")
    assert "\n".join(rows()) + "\n\n</details>" in readme


def test_the_readme_tells_how_much_of_it_every_run_tries():
    everything, usual = all_cases(FAULTS), pairwise(USUAL)
    pairs = [{(case.fault.name, case.moment) for case in cases} for cases in (everything, usual)]
    left, of = len(pairs[0] - pairs[1]), len(pairs[0])
    readme = " ".join((PROJECT / "README.md").read_text("utf-8").split())
    assert f"runs {len(usual)} of the {len(everything)} crossings" in readme
    assert f"but for {left} of the {of} pairs of a fault and a moment" in readme


def test_what_is_said_to_be_shown_elsewhere_is_there():
    for *_, file, test in ELSEWHERE:
        assert f"def {test}(" in (PROJECT / file).read_text("utf-8"), (file, test)
