"""Processes whose system clock is another one (libfaketime); what they count evenly goes on as everywhere."""

from pathlib import Path

import pytest

LIBRARIES = "/usr/lib"
NAME = "faketime/libfaketimeMT.so.1"


class ShiftedClock:
    """The clock of a process that was started with `environment`; `set(seconds)` puts it so far from the machine's."""

    def __init__(self, file, seconds=0):
        found = sorted(Path(LIBRARIES).glob(f"*/{NAME}"))
        if not found:
            pytest.skip("libfaketime is not installed")
        self._file = Path(file)
        self.environment = {
            "LD_PRELOAD": str(found[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
        self.set(seconds)

    def set(self, seconds):
        """The clock is `seconds` ahead of the machine's from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.chmod(0o644)
        new.rename(self._file)
