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
from tests.support.waiting import wait_until

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


PROJECT = Path(__file__).resolve().parents[3]
#: What others start: its folders lie in those of who started it; `carry` makes none.
STARTED = {"tests/bench/many_agents.py", "tests/bench/order_driver.py", "tests/bench/engine/driver.py"}
FOLDERLESS = {"tests/mutants/carry.py"}
NOTED = ("leftovers.noted_run()", "leftovers.note_folders()")


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


def killed(tmp_path, folder, mark=None):
    """A folder, maybe with a mark, of which a process that is no more has a note; return the notes."""
    folder.mkdir()
    if mark:
        (folder / leftovers.MARK).write_text(mark)
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "999999999-1").write_text(f"{folder}\n")
    return notes


def test_a_base_that_carries_the_mark_of_the_killed_run_is_gone_whatever_its_name(tmp_path):
    base = tmp_path / "pytest-7"
    assert leftovers.clear(killed(tmp_path, base, "999999999-1")) == [str(base)]
    assert not base.exists()


@pytest.mark.parametrize("mark", [None, "999999999-2"])
def test_a_base_that_is_another_runs_by_now_stays(tmp_path, mark):
    base = tmp_path / "pytest-7"
    assert leftovers.clear(killed(tmp_path, base, mark)) == []
    assert base.is_dir()


def test_this_runs_own_base_is_noted_and_marked(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip("runs of root alone note what they make")
    base = tmp_path_factory.getbasetemp()
    assert str(base) in leftovers.own_notes().read_text().splitlines()
    assert (base / leftovers.MARK).read_text() == leftovers.own_notes().name


def test_what_started_the_clearing_up_may_name_the_folder(tmp_path):
    folder = tmp_path / "slkilled"
    notes = killed(tmp_path, folder)
    clearing = f"from pathlib import Path; from tests.support import leftovers; leftovers.clear(Path({str(notes)!r}))"
    shell = ["sh", "-c", '"$1" -c "$2"; exit 7', str(folder), sys.executable, clearing]
    assert subprocess.run(shell, check=False).returncode == 7
    assert not folder.exists()


@pytest.mark.root
def test_a_disk_of_a_killed_run_is_gone_with_its_loop_device(tmp_path):
    folder, elsewhere = tmp_path / "slkilled", tmp_path / "elsewhere"
    notes = killed(tmp_path, folder)
    elsewhere.mkdir()
    with (folder / "image").open("wb") as stream:
        stream.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(folder / "image")], check=True)
    mounted = ["mount", "-o", "loop", str(folder / "image"), str(elsewhere)]
    if subprocess.run(mounted, check=False).returncode != 0:
        pytest.skip("no file can be mounted as a disk here")
    # One that nothing mounts does not go by itself
    bare = ["losetup", "--find", "--show", str(folder / "image")]
    device = subprocess.run(bare, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    try:
        assert device in leftovers._loop_devices(str(folder))
        assert leftovers.clear(notes) == [str(folder)]
        assert not os.path.ismount(elsewhere)
        wait_until(lambda: not leftovers._loop_devices(str(folder)))
    finally:
        for ended in (["umount", "-l", str(elsewhere)], ["losetup", "--detach", device]):
            subprocess.run(ended, check=False, stderr=subprocess.DEVNULL)


def test_whatever_is_run_by_itself_notes_what_it_makes():
    found = set()
    for folder in ("bench", "corpus", "mutants", "browser"):
        for path in (PROJECT / "tests" / folder).rglob("*.py"):
            text = path.read_text("utf-8")
            if '\nif __name__ == "__main__":\n' in text and not any(words in text for words in NOTED):
                found.add(str(path.relative_to(PROJECT)))
    assert found == STARTED | FOLDERLESS


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
