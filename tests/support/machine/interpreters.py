"""The Python interpreters of this machine: those of pyenv, of the system and of CloudLinux, from 3.6 on."""

import functools
import glob
import os
import subprocess

import pytest

PLACES = (
    "~/.pyenv/versions/3.*/bin/python3",
    "/opt/pyenv/versions/3.*/bin/python3",
    "/usr/local/bin/python3.[0-9]*",
    "/usr/bin/python3.[0-9]*",
    "/opt/alt/python3*/bin/python3.[0-9]*",
)
OLDEST = (3, 6)
_ASK = [
    "-I",
    "-c",
    "import platform, sys; print(platform.python_implementation(), '%d.%d.%d' % sys.version_info[:3])",
]


@functools.cache
def interpreters():
    """Return version text such as "3.6.15" -> path of every CPython found that the agent must run on."""
    found = {}
    for path in sorted(path for place in PLACES for path in glob.glob(os.path.expanduser(place))):
        if path.endswith("-config") or not os.access(path, os.X_OK):
            continue
        done = subprocess.run([path, *_ASK], capture_output=True, text=True, check=False)
        kind, _, version = done.stdout.strip().partition(" ")
        if done.returncode == 0 and kind == "CPython" and as_numbers(version) >= OLDEST:
            found.setdefault(version, path)
    return found


def as_numbers(version):
    """Return "3.6.15" as (3, 6, 15)."""
    return tuple(map(int, version.split(".")))


def interpreter(series):
    """Return the path of the newest interpreter of `series` such as "3.6"; skips where there is none."""
    found = {as_numbers(version): path for version, path in interpreters().items()}
    of_series = [numbers for numbers in found if numbers[:2] == as_numbers(series)]
    if not of_series:
        pytest.skip(f"no Python {series} here")
    return found[max(of_series)]
