"""A command that runs while the package is upgraded ends well: what it runs from stays until nothing does any more."""

import json
import shutil
import subprocess

import pytest

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.machines.operating import TEMPLATE, block_from, follow
from tests.system.packages.machines.tree import SECONDS
from tests.system.packages.upgrades.test_upgrades import ENVIRONMENTS, each_night, with_a_database

pytestmark = pytest.mark.root
#: Has a file of the folder in its memory, as a library, and says so; the folder's name is in no command line.
HOLDS = """
import mmap, sys
with open("held", "r+b") as file:
    held = mmap.mmap(file.fileno(), 0)
print(flush=True)
sys.stdin.read()
"""


def environments(tree):
    return {path.name for path in tree.path(ENVIRONMENTS).iterdir()}


def halted(tree, command):
    """Start the line `command` in the tree, and halt it as soon as it runs from the package; return its process."""
    started = subprocess.Popen(
        tree.words("sh", "-c", f"cd /root; {command}"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    halt = ("sh", "-c", f"pkill -STOP -f '^{ENVIRONMENTS}/.* pack ' && echo halted")
    wait_until(lambda: subprocess.run(tree.words(*halt), capture_output=True, text=True).stdout == "halted\n")
    return started


@pytest.mark.parametrize("how", ["called by its name", "a library of it"])
def test_an_environment_stays_while_something_runs_from_it_and_the_one_at_work_always(tree, how):
    used, unused, current = (f"{ENVIRONMENTS}/{name}-3.13" for name in ("used", "unused", "current"))
    for folder in (used, unused, current):
        tree.run(
            "sh", "-ec", f"install -D /bin/cat {folder}/bin/python; : >{folder}/complete; echo held >{folder}/held"
        )
    tree.run("ln", "-s", current, "/opt/shoplaunch/current")
    script = tree.give(PROJECT / "packaging" / "debian" / "remove-former.sh")
    command = [f"{used}/bin/python", "/dev/zero"]
    if how == "a library of it":
        command = ["sh", "-ec", 'cd /opt/shoplaunch/environments/used*; exec python3 -c "$1"', "sh", HOLDS]
    process = subprocess.Popen(tree.words(*command), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.read(1)
    said = tree.run("sh", script)
    assert said.startswith(f"{used} stays until nothing runs from it any more: process ") and said.count("\n") == 1
    assert environments(tree) == {"used-3.13", "current-3.13"} and tree.path(f"{used}/complete").exists()
    process.stdout.close()
    process.stdin.close()
    process.wait(SECONDS)
    assert tree.run("sh", script) == "" and environments(tree) == {"current-3.13"}


@pytest.mark.nightly
def test_a_pack_that_an_upgrade_overtakes_ends_well_and_what_it_ran_from_goes_at_night(package, newer, tree):
    with_a_database(tree)
    shutil.copytree(PROJECT / "packaging" / "demo" / "sample-shop", tree.path("/var/tmp/sample-shop"))
    tree.run("sh", "-ec", TEMPLATE)
    tree.run("dpkg", "-i", tree.give(package))
    (former,) = environments(tree)
    pack = block_from("SHOPLAUNCH_SOURCE_PASSWORD=… shoplaunch pack --docroot")[0].replace("=…", "=t3mplate")
    packing = halted(tree, pack)
    upgraded = tree.run("dpkg", "-i", tree.give(newer))
    both = environments(tree)
    stays = f"{ENVIRONMENTS}/{former} stays until nothing runs from it"
    assert stays in upgraded and stays in each_night(tree) and environments(tree) == both
    tree.run("pkill", "-CONT", "-f", f"^{ENVIRONMENTS}/.* pack ")
    said, _ = packing.communicate(timeout=SECONDS)
    assert packing.returncode == 0, said
    follow(tree, ["install -o shoplaunch -m 600 classic.bundle /var/lib/shoplaunch/"])
    assert json.loads(tree.run("shoplaunch", "bundle", "show", "/var/lib/shoplaunch/classic.bundle", "--json"))
    assert each_night(tree) == ""
    (left,) = both - {former}
    assert environments(tree) == {left} and tree.run("readlink", "/opt/shoplaunch/current").strip().endswith(left)
