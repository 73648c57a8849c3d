"""Workers of an earlier version beside this version's, on one state database: each shop lives once."""

import contextlib
import struct
import subprocess

import pytest

from tests.bench.engine.__main__ import figures_of
from tests.bench.engine.fleet import _FORMAT, COUNTS, Fleet, running, version_of
from tests.support.earlier import PROJECT
from tests.support.state_database import url_at

ORDERS, SERVERS, WORKERS, SECONDS = 24, 4, 4, 400
#: Versions that differ in one of these cannot run on one database with the same packages.
SHARED = ("controller/db/migrations/versions", "requirements.lock")


def oldest_with_these_tables():
    """Return the commit of the oldest version with the tables and packages of this one; None without the history."""
    with contextlib.suppress(FileNotFoundError):
        if asked("rev-parse", "--is-shallow-repository") == "false":
            return asked("log", "-1", "--format=%H", "--", *SHARED) or None
    return None


def asked(*words):
    """Return what git answers in the project's folder, "" where that is no repository."""
    command = ["git", "-C", str(PROJECT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def claims_of(fleet, process):
    """Return how many jobs a worker has claimed."""
    content = (fleet.home / "counts" / str(process.pid)).read_bytes()
    return dict(zip(COUNTS, struct.unpack(_FORMAT, content), strict=True))["claims"]


@pytest.mark.nightly
def test_workers_of_the_oldest_version_with_these_tables_work_beside_new_ones(mariadb_server):
    commit = oldest_with_these_tables()
    if commit is None:
        pytest.skip("needs the history: a clone that is not shallow")
    with contextlib.ExitStack() as stack:
        folder = version_of(commit, PROJECT, stack)
        fleet = stack.enter_context(running(Fleet(PROJECT, url_at(mariadb_server), SERVERS, WORKERS)))
        fleet.mix(folder)
        fleet.begin(ORDERS, 0.0, SECONDS)
        found = figures_of(fleet.followed(), fleet)
        claims = [claims_of(fleet, fleet.workers[number]) for number in fleet.workers]
    assert (found["live"], found["notified twice"]) == (ORDERS, 0), found
    assert found["accounts at once on a server"] <= 4
    # Both versions had their share
    assert sum(claims[0::2]) > 0 and sum(claims[1::2]) > 0, claims
