"""Whether cron runs: on this machine, not in a container that stands on it."""

import shutil
import subprocess

import pytest

from tests.support.servers import machines_cron

pytestmark = pytest.mark.root
NAME = "cron-elsewhere"


@pytest.mark.parametrize(("around", "wanted"), [((), True), (("unshare", "--pid", "--fork", "--kill-child"), False)])
def test_a_cron_in_a_container_is_none_of_the_machines(tmp_path, around, wanted):
    program = shutil.copy("/bin/sleep", tmp_path / NAME)
    process = subprocess.Popen([*around, program, "600"])
    try:
        # One begins as a copy of its parent
        while subprocess.run(["pgrep", "-x", NAME], check=False, stdout=subprocess.DEVNULL).returncode:
            assert process.poll() is None
        assert machines_cron.runs(NAME) is wanted
    finally:
        process.kill()
        process.wait()
