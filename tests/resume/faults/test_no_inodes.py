"""An account that may hold no further file, while there is room for bytes: nothing is half shown, and it goes on."""

from contextlib import closing

import pytest

from tests.resume.faults.disks import NoInodes
from tests.resume.faults.model import MOMENTS
from tests.resume.faults.world import FaultyRestore


@pytest.fixture
def world(fault_server, samples, keys, waiting_agent, places):
    """A restore into an account that may hold no more files."""
    with closing(FaultyRestore(NoInodes(), fault_server, samples["InnoDB"], keys, waiting_agent, places)) as made:
        yield made


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_account_that_may_hold_no_more_files_gets_the_same_shop_once_it_may(world, wanted, moment):
    world.survive(moment, "nobody")
    world.check(wanted["InnoDB"], moment)
