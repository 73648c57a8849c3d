"""What a killed run left goes away with the next; what belongs to a run that lives stays."""

import os
import pwd
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import leftovers

RUN = """
import os, subprocess, sys, tempfile, time
from pathlib import Path
from tests.support import leftovers
leftovers.note_folders(Path(sys.argv[1]))
folder = tempfile.mkdtemp(prefix="slkilled")
left = subprocess.Popen(["sleep", "600"], cwd=folder, start_new_session=True)
print(folder, left.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def run(tmp_path):
    """A run with a folder and a process in it: (run, folder, pid of what it started)."""
    made = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "notes")], stdout=subprocess.PIPE, text=True)
    folder, pid = made.stdout.readline().split()
    yield made, folder, int(pid)
    made.kill()
    made.wait()
    leftovers.clear(tmp_path / "notes")


def test_a_run_that_lives_keeps_all_it_has(run, tmp_path):
    _, folder, pid = run
    assert leftovers.clear(tmp_path / "notes") == []
    assert os.path.isdir(folder) and leftovers.began(pid)


def test_what_a_killed_run_left_is_gone(run, tmp_path):
    made, folder, pid = run
    made.send_signal(signal.SIGKILL)
    made.wait()
    assert leftovers.clear(tmp_path / "notes") == [folder]
    assert not os.path.exists(folder)
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}/cwd").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}/cwd").exists()
    assert leftovers.clear(tmp_path / "notes") == []


@pytest.mark.root
def test_accounts_and_mounts_of_a_killed_run_are_gone(run, tmp_path):
    made, folder, _ = run
    name = f"sl{secrets.token_hex(5)}"
    subprocess.run(["useradd", "-M", "-d", f"{folder}/home", "-s", "/bin/sh", name], check=True)
    os.mkdir(f"{folder}/mounted")
    subprocess.run(["mount", "-t", "tmpfs", "none", f"{folder}/mounted"], check=True)
    made.kill()
    made.wait()
    assert leftovers.clear(tmp_path / "notes") == [folder]
    assert name not in {one.pw_name for one in pwd.getpwall()}
    assert folder not in Path("/proc/self/mountinfo").read_text()
    assert not os.path.exists(folder)


@pytest.mark.parametrize("is_read", [False, True])
def test_a_run_that_takes_its_note_away_meanwhile_leaves_nothing_to_do(tmp_path, monkeypatch, is_read):
    note = tmp_path / "notes" / "999999999-1"
    note.parent.mkdir()
    note.write_text("/\n")
    real, began = os.path.isabs, leftovers.began

    def taken_away(_given):
        note.unlink(missing_ok=True)
        return real(_given) if is_read else began(_given)

    monkeypatch.setattr(*((leftovers.os.path, "isabs") if is_read else (leftovers, "began")), taken_away)
    assert leftovers.clear(note.parent) == []
    assert [path.name for path in note.parent.iterdir()] == ["lock"]


def test_a_note_of_a_folder_that_is_not_the_tests_own_removes_nothing(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "999999999-1").write_text(f"{kept}\n/\nslrelative\n")
    assert leftovers.clear(notes) == []
    assert kept.is_dir()
