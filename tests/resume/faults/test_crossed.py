"""Every fault at its moments, crossed with kills and with the engine of the source: the shop is the same in the end.

Few of all crossings are chosen, which hold every pair of settings; of each fault's a sixth runs each day, in rotation,
at least one. All crossings run in a night.
"""

from contextlib import closing

import pytest

from tests.resume.faults.model import all_cases, pairwise, usual_cases
from tests.resume.faults.table import FAULTS
from tests.resume.faults.world import FaultyRestore

ALL = all_cases(FAULTS)
CHOSEN = pairwise(usual_cases(FAULTS))
REST = [case for case in ALL if case not in set(CHOSEN)]


@pytest.fixture
def survives(fault_server, samples, keys, waiting_agent, places, wanted):
    """Call it with a case: its shop is the same as undisturbed."""

    def crossed(case):
        if fault_server.process is None:
            fault_server.start()
        world = FaultyRestore(case.fault, fault_server, samples[case.engine], keys, waiting_agent, places)
        with closing(world):
            world.survive(case.moment, case.who)
            world.check(wanted[case.engine], str(case))

    return crossed


def by_turns(case):
    """A sixth of the crossings of each fault comes each day."""
    return pytest.param(case, marks=pytest.mark.sampled(of=6, kind=case.fault.name), id=str(case))


@pytest.mark.sampled(of=7)
@pytest.mark.parametrize("case", [by_turns(case) for case in CHOSEN])
def test_a_fault_crossed_with_a_kill_ends_in_the_same_shop(survives, case):
    survives(case)


@pytest.mark.nightly
@pytest.mark.parametrize("case", REST, ids=str)
def test_any_fault_crossed_with_any_kill_ends_in_the_same_shop(survives, case):
    survives(case)
