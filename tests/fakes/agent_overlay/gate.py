"""Lets bytes to and from the disk through at a limited rate for all of an account's agents together, as hosts do.

`gate.json` in the home says how many bytes a second; how many passed is counted in `passed.json` there.
"""

import fcntl
import json
import os
import sys
import time

HOME = os.path.dirname(os.path.dirname(os.path.abspath(sys.path[0])))
#: A limit holds over a second: what was not used of one that is over may not be used later.
CREDIT_SECONDS = 1.0
COUNTS = os.path.join(HOME, "passed.json")
_open, _pread, _pwrite, _write, _close = os.open, os.pread, os.pwrite, os.write, os.close


class _RateLimit:
    def __init__(self, rate):
        self.rate = rate

    def pass_through(self, way, size):
        """Count `size` bytes and wait until they, and all that came before, have had their time."""
        descriptor = _open(COUNTS, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            counts = json.loads((_pread(descriptor, 1000, 0) or b"{}").decode("ascii"))
            counts[way] = counts.get(way, 0) + size
            now = time.monotonic()
            counts["until"] = max(counts.get("until", now), now - CREDIT_SECONDS) + size / self.rate
            _pwrite(descriptor, json.dumps(counts).encode("ascii").ljust(200), 0)
        finally:
            _close(descriptor)
        time.sleep(max(0.0, counts["until"] - time.monotonic()))


def _wrap(gate):
    def pread(descriptor, size, at):
        data = _pread(descriptor, size, at)
        gate.pass_through("read", len(data))
        return data

    def pwrite(descriptor, data, at):
        gate.pass_through("written", len(data))
        return _pwrite(descriptor, data, at)

    def write(descriptor, data):
        gate.pass_through("written", len(data))
        return _write(descriptor, data)

    os.pread, os.pwrite, os.write = pread, pwrite, write


def _wrap_state(gate):
    from agent.base import state

    real = state.write_durably

    def write_durably(path, data, *more, **options):
        gate.pass_through("written", len(data))
        return real(path, data, *more, **options)

    state.write_durably = write_durably


def install():
    """Limit the rate as `gate.json` says."""
    with open(os.path.join(HOME, "gate.json")) as stream:
        gate = _RateLimit(json.load(stream)["rate"])
    _wrap(gate)
    _wrap_state(gate)
