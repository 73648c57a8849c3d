"""A share of a processor is no more than that, whether the kernel sees to it or the test does."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.machine.resources import usage_of
from tests.support.servers import cpu_quota

#: Works for two seconds of the clock, if it may.
BUSY = "import time\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass"


@pytest.mark.parametrize("by", ["kernel", "stopping"])
def test_a_process_gets_no_more_than_its_share(by, monkeypatch):
    if by == "stopping":
        monkeypatch.setattr(cpu_quota, "_MOUNT", Path("/nonexistent"))
    with cpu_quota.CpuQuota(0.2) as quota:
        if by == "kernel" and quota.is_in_force is None:
            pytest.skip("no control group for processors can be made here")
        process = subprocess.Popen(quota.enter([sys.executable, "-I", "-c", BUSY]), start_new_session=True)
        quota.watch(process)
        usage = usage_of(process, pause=None)
        assert process.returncode == 0
        assert usage.cpu < 0.5 * usage.seconds
        assert by == "stopping" or quota.is_in_force
