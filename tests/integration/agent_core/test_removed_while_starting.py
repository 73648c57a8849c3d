"""An agent that is started while another one ends and removes both: there is nothing left to do, and nothing to say."""

import subprocess

import pytest

#: Starts the archive and removes its folder before that file is opened for the how many-th time.
STARTED = """
import os, runpy, shutil, sys
archive, when = sys.argv[1], int(sys.argv[2])
opened = []
def look(event, given):
    if event == "open" and str(given[0]) == archive:
        opened.append(given)
        if len(opened) == when:
            shutil.rmtree(os.path.dirname(archive))
sys.addaudithook(look)
sys.argv[:] = [archive, "run"]
runpy.run_path(archive, run_name="__main__")
"""


# Before the fourth time Python itself looks for the archive's beginning; from the fifteenth on the agent is at work
@pytest.mark.parametrize("opened", range(4, 15))
def test_a_start_whose_archive_goes_while_it_is_loaded_ends_without_a_word(box, opened):
    box.drop()
    started = box.command("run")
    python = next(number for number, word in enumerate(started) if word.rpartition("/")[2].startswith("python"))
    command = [
        *started[:python],
        started[python],
        "-I",
        "-S",
        "-c",
        STARTED,
        str(box.folder / "agent.pyz"),
        str(opened),
    ]
    done = subprocess.run(command, cwd=box.home, capture_output=True, text=True, check=False, timeout=60)
    assert not box.folder.exists()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
