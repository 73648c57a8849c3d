"""An agent that is started while another one ends and removes both has nothing left to do, and nothing to say; one in a
home that cannot be read any more has."""

import subprocess

import pytest

#: Starts the archive, and does to its folder what is asked before that file is opened for the how many-th time.
STARTED = """
import os, runpy, shutil, sys
archive, when, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
opened = []
def look(event, given):
    if event == "open" and str(given[0]) == archive:
        opened.append(given)
        if len(opened) == when:
            {"remove": shutil.rmtree, "close": lambda folder: os.chmod(folder, 0)}[what](os.path.dirname(archive))
sys.addaudithook(look)
sys.argv[:] = [archive, "run"]
runpy.run_path(archive, run_name="__main__")
"""
# Before the fourth time Python itself looks for the archive's beginning; from the fifteenth on the agent is at work
while_loaded = pytest.mark.parametrize("opened", range(4, 15))


def started(box, opened, what):
    """Start the dropped agent, and do `what` to its folder before the archive is opened the `opened`-th time."""
    box.drop()
    command = box.command("run")
    python = next(number for number, word in enumerate(command) if word.rpartition("/")[2].startswith("python"))
    archive = str(box.folder / "agent.pyz")
    command = [*command[: python + 1], "-I", "-S", "-c", STARTED, archive, str(opened), what]
    return subprocess.run(command, cwd=box.home, capture_output=True, text=True, check=False, timeout=60)


@while_loaded
def test_a_start_whose_archive_goes_while_it_is_loaded_ends_without_a_word(box, opened):
    done = started(box, opened, "remove")
    assert not box.folder.exists()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@while_loaded
def test_a_start_whose_archive_cannot_be_read_any_more_is_no_agent_that_has_ended(box, opened):
    done = started(box, opened, "close")
    assert (box.folder / "job").exists() and not (box.folder / "state.json").exists()
    assert done.returncode == 1 and done.stderr
