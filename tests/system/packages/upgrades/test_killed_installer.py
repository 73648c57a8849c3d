"""dpkg is killed at any instant of installing, upgrading or removing: the next call ends it, the state intact."""

import shutil
import subprocess

import pytest

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.upgrades.test_upgrades import BACKUPS, ENVIRONMENTS, STATE, in_use, state_of, statements

pytestmark = [pytest.mark.root, pytest.mark.sampled(of=10, rests=True, named=False)]
SCRIPTS = "/var/lib/dpkg/info/shoplaunch."
PRERM = (PROJECT / "packaging" / "debian" / "prerm").read_text()
#: dpkg and the script that it runs, at once.
KILL = "kill -9 $PPID $$\n"
#: What dpkg asks of the kernel when it puts files where they belong, and in which call of a kind it ends.
CALLS, INSTANTS = "/^(rename|unlink|link|symlink|fsync|chmod)", (1, 2, 5, 20, 40, 60, 80, 100, 115)


@pytest.fixture
def again(request, package):
    """The package that is installed after the kill: the same version or a newer one."""
    return package if request.param == "same" else request.getfixturevalue("newer")


def cut_off(tree, *command):
    """Run `command`, during which dpkg is killed; it has to be."""
    done = subprocess.run(
        tree.words(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode in (-9, 137), (command, done.returncode, done.stdout)


def unpacked_in_part(tree, file, calls):
    """Kill dpkg in its so many-th call while it unpacks `file`; return whether it made so many."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: nobody kills dpkg between two calls")
    traced = ("strace", "-o", "/dev/null", "-e", f"trace={CALLS}", "-e", f"inject={CALLS}:signal=KILL:when={calls}")
    done = subprocess.run([*tree.words(*traced, "dpkg", "--unpack", file)], capture_output=True, text=True)
    assert done.returncode in (0, -9, 137), done.stderr
    return done.returncode != 0


def ends_with(tree, script, place, addition):
    """Put `addition` before the line `place` of the installed `script`; return the script as it was."""
    path = tree.path(SCRIPTS + script)
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    path.write_text("".join([*lines[:place], addition, *lines[place:]]))
    return text


def is_whole(tree):
    """One environment is there, whole, and dpkg has nothing left to do."""
    (environment,) = tree.path(ENVIRONMENTS).iterdir()
    tree.run(f"{ENVIRONMENTS}/{environment.name}/bin/python", "-m", "pip", "check")
    tree.run("shoplaunch", "--version")
    return tree.run("dpkg-query", "-W", "-f", "${Status}", "shoplaunch") == "install ok installed"


def test_a_first_installation_killed_while_it_unpacks_or_configures_goes_on(package, tree):
    file = tree.give(package)
    killed = [calls for calls in INSTANTS if unpacked_in_part(tree, file, calls)]
    assert len(killed) > 6
    tree.run("dpkg", "--unpack", file)
    for place in statements(tree.path(SCRIPTS + "postinst").read_text()):
        script = ends_with(tree, "postinst", place, KILL)
        cut_off(tree, "dpkg", "--configure", "shoplaunch")
        tree.path(SCRIPTS + "postinst").write_text(script)
    tree.run("dpkg", "--configure", "-a")
    assert is_whole(tree)
    tree.run("shoplaunch", "init")


def test_an_upgrade_killed_while_it_unpacks_leaves_the_former_version_at_work_and_goes_on(
    package, newer, tree, tmp_path
):
    job = in_use(tree, package, tmp_path)
    later = killed_while_it_unpacks(tree, package, newer, job)
    tree.run("dpkg", "-i", later)
    assert state_of(tree, job)["id"] == job and is_whole(tree)


def killed_while_it_unpacks(tree, package, newer, job):
    """Kill dpkg at every instant of unpacking `newer`, after each of which `package` works; return its file there."""
    former, later = tree.give(package), tree.give(newer)
    killed = 0
    for calls in INSTANTS:
        killed += unpacked_in_part(tree, later, calls)
        assert state_of(tree, job)["id"] == job
        tree.run("dpkg", "--unpack", former)
    assert killed > 6 and unpacked_in_part(tree, later, INSTANTS[3])
    return later


@pytest.mark.parametrize("script", ["prerm", "postrm"])
def test_an_upgrade_killed_in_a_script_of_the_former_version_goes_on(package, newer, tree, tmp_path, script):
    job = in_use(tree, package, tmp_path)
    ends_with(tree, script, 1, KILL)
    cut_off(tree, "dpkg", "-i", tree.give(newer))
    assert state_of(tree, job)["id"] == job
    ends_with(tree, script, 1, "exit 0\n")
    tree.run("dpkg", "-i", tree.give(newer))
    assert state_of(tree, job)["id"] == job and is_whole(tree)


@pytest.mark.sampled(of=20, rests=True, named=False)
@pytest.mark.parametrize("again", ["same", "newer"], indirect=True)
@pytest.mark.parametrize("place", statements(PRERM), ids=lambda at: PRERM.splitlines()[at].partition("/")[0].strip())
def test_a_removal_killed_anywhere_is_taken_back_by_installing_again(package, again, tree, tmp_path, place):
    job = in_use(tree, package, tmp_path)
    assert tree.path(SCRIPTS + "prerm").read_text() == PRERM
    line = PRERM.splitlines()[place]
    # Of many folders the last thing that is done is in the middle of them
    begun = f"rm -rf {ENVIRONMENTS}/*/lib\n" if line.startswith(f"rm -rf {ENVIRONMENTS}") else ""
    ends_with(tree, "prerm", place, begun + KILL)
    cut_off(tree, "dpkg", "--remove", "shoplaunch")
    tree.path(SCRIPTS + "prerm").write_text(PRERM)
    tree.run("dpkg", "-i", tree.give(again))
    assert state_of(tree, job)["id"] == job and is_whole(tree)


def test_a_purge_killed_anywhere_ends_when_it_is_called_again(package, tree):
    tree.run("dpkg", "-i", tree.give(package))
    tree.run("shoplaunch", "init")
    tree.run("dpkg", "--remove", "shoplaunch")
    script = tree.path(SCRIPTS + "postrm").read_text()
    for place in statements(script):
        tree.path(SCRIPTS + "postrm").write_text(script)
        ends_with(tree, "postrm", place, KILL)
        cut_off(tree, "dpkg", "--purge", "shoplaunch")
    tree.path(SCRIPTS + "postrm").write_text(script)
    tree.run("dpkg", "--purge", "shoplaunch")
    assert not tree.path(STATE).exists() and not tree.path(BACKUPS).exists()
    tree.run("getent", "passwd", "shoplaunch", code=2)


def test_what_a_killed_dpkg_has_begun_is_waited_for_by_the_next_call(package, tree):
    tree.run("dpkg", "--unpack", tree.give(package))
    path = tree.path(SCRIPTS + "postinst")
    lines = path.read_text().splitlines(keepends=True)
    begins = next(at for at, line in enumerate(lines) if "-m venv" in line)
    ends = next(at for at, line in enumerate(lines) if "/complete\n" in line and at > begins)
    met, inside = "[ ! -e /run/inside ] || : >/run/met\n", ": >/run/inside\n"
    path.write_text(
        "".join([*lines[:begins], met, inside, *lines[begins : ends + 1], "rm /run/inside\n", *lines[ends + 1 :]])
    )
    first = tree.start("dpkg", "--configure", "shoplaunch")
    wait_until(lambda: tree.path("/run/inside").exists())
    tree.run("pkill", "-KILL", "-x", "dpkg")
    assert first.wait(60) != 0
    tree.run("dpkg", "--configure", "-a")
    assert not tree.path("/run/met").exists()
    assert is_whole(tree)
