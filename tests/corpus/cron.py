"""The system's cron runs for as long as shops wait for it, also when somebody else has ended theirs meanwhile."""

import contextlib
import subprocess
import time

from tests.support.servers import machines_cron

_started = []


def ensure():
    """Cron runs, or is being started."""
    if machines_cron.runs() or any(process.poll() is None for process in _started):
        return
    null = subprocess.DEVNULL
    _started.append(subprocess.Popen(["cron", "-f"], stdin=null, stdout=null, stderr=null, start_new_session=True))
    time.sleep(0.2)


@contextlib.contextmanager
def cron():
    """Within this cron runs; what is started here is ended again."""
    ensure()
    try:
        yield
    finally:
        for process in _started:
            process.terminate()
            process.wait()
        _started.clear()
