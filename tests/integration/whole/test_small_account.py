"""An account with few processes, a share of a processor and a slow disk gets its shop, and is never taken for dead."""

import os
import subprocess
import time
import zipfile
from contextlib import contextmanager

import pytest

from controller.jobs.agent_judgement import silence
from shared.bundle import load_manifest
from tests.support.machine.resources import has_ended, usage_of
from tests.support.servers.cpu_quota import CpuQuota
from tests.support.servers.slow_disk import passed, slow_down
from tests.support.shops.bulk import full_shard
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import write_bundle

PROCESSES = 100
#: Those of the owner's own programs.
TAKEN = 85
SHARE = 0.25
#: Nor would it be time to look for the agent so much later: it is heard more often than it has to be.
AHEAD_SECONDS = 300


@pytest.fixture
def heavy(whole, tmp_path):
    """Make a bundle of the sample shop and so many full shards more, known to the controller; return (name, size)."""

    def making(shards):
        name, path = f"heavy{shards}", tmp_path / f"heavy{shards}.bundle"
        with zipfile.ZipFile(whole.directory / "sample.bundle") as archive:
            manifest = load_manifest(archive.read("manifest.json"))
            members = {entry["name"]: (entry["kind"], entry["placeholders"], archive.read(entry["name"]))
                       for entry in manifest["members"]}  # fmt: skip
        for number in range(shards):
            member, entry = full_shard(f"files/0000-{number:02}.tar.gz", number)
            members[entry["name"]] = member
            manifest["members"].insert(0, entry)
        write_bundle(path, members, manifest)
        whole.world.run("bundle", "add", name, str(path))
        return name, path.stat().st_size

    return making


@contextmanager
def occupied(whole, job):
    """Within this the account runs as many other processes as its owner may need."""
    code = (
        "import sys, threading\nfor _ in range(int(sys.argv[1]) - 1): threading.Thread(target=sys.stdin.read).start()"
    )
    entry = whole.identity(job)
    drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    command = [*drop, "/usr/bin/python3", "-I", "-c", code, str(TAKEN)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        wait_until(lambda: len(os.listdir(f"/proc/{process.pid}/task")) == TAKEN)
        yield
        process.stdin.close()


def limited(whole, job, quota):
    """Start the launcher as the account, within its limits; return the process."""
    home, entry = whole.home(job), whole.identity(job)
    slow_down(home)
    drop = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
    command = [*drop, "prlimit", f"--nproc={PROCESSES}", "sh", str(home / ".shoplaunch" / "run")]
    process = subprocess.Popen(
        quota.enter(command), env={"HOME": str(home), "PATH": "/usr/bin:/bin", "LOGNAME": job["account"]}, cwd=home,
        start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    quota.watch(process)
    return process


def never_silent(whole, job, process):
    """Look at the job as the controller keeps it until `process` ends: never may it be time to look for the agent."""
    looks = 0
    wait_until(lambda: whole.show(job)["state"] == "restoring" or has_ended(process), pause=0.2)
    while not has_ended(process):
        known = whole.service.jobs.get(job["id"])
        assert known.state in ("restoring", "finishing", "live") and known.error is None, whole.trouble(job)
        if known.state == "restoring":
            assert not silence.is_due(known, time.time() + AHEAD_SECONDS), whole.trouble(job)
            looks += 1
        time.sleep(0.2)
    return looks


@pytest.mark.parametrize(
    "shards", [1, pytest.param(16, marks=pytest.mark.nightly)], ids=["half a minute", "longer than silence may last"]
)
def test_a_small_account_gets_its_shop_and_is_never_taken_for_dead(whole, heavy, shards):
    name, size = heavy(shards)
    job = whole.quiet_order("--bundle", name)
    with CpuQuota(SHARE) as quota, occupied(whole, job):
        process = limited(whole, job, quota)
        looks = never_silent(whole, job, process)
        usage = usage_of(process)
        assert process.returncode == 0, whole.trouble(job)
        assert quota.is_in_force in (None, True)
    whole.live(job)
    assert looks > 3
    certificate = whole.world.json("certificate", job["id"])
    assert 0.95 * size < certificate["bytes_read"] <= 1.05 * size
    tree = certificate["bytes_written"]
    let = passed(whole.home(job))
    assert let["read"] <= 1.05 * size and tree <= usage.written <= 1.05 * tree
    # At a microsecond a byte
    assert size + tree <= let["read"] + let["written"] <= 1.05 * (size + tree)
