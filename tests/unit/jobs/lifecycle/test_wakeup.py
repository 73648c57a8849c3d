"""Whatever makes a job due wakes the workers of other processes; nothing that goes wrong with it harms anybody."""

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from controller.jobs.lifecycle import due_hint, wakeup
from controller.jobs.lifecycle.wakeup import Wakeup, socket_of

PROJECT = Path(__file__).parents[4]
#: What only stops a test that hangs.
SECONDS = 30
NOTIFY = "import sys; from pathlib import Path; from controller.jobs.lifecycle.wakeup import Wakeup\n"
NOTIFY += "Wakeup(Path(sys.argv[1])).notify()"
HINT = NOTIFY.replace("notify()", "hint('web7')")


@pytest.fixture
def folder(tmp_path):
    due_hint.wait(0)
    due_hint.taken()
    return tmp_path / "wakeups"


@pytest.fixture
def listener(folder):
    made = Wakeup(folder).listen("first")
    yield made
    made.close()


@pytest.mark.parametrize("mask", [0, 0o077])
def test_a_socket_is_open_to_its_user_alone_whatever_the_umask(folder, mask):
    before = os.umask(mask)
    try:
        made = Wakeup(folder).listen("first")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / socket_of("first")).stat().st_mode) == 0o600
    made.close()


def test_the_end_of_a_listener_is_no_hint(folder):
    before = due_hint.given()
    Wakeup(folder).listen("first").close()
    assert due_hint.given() == before


def notified_by_another_process(folder):
    done = subprocess.run(
        [sys.executable, "-c", NOTIFY, str(folder)], cwd=PROJECT, capture_output=True, text=True, check=False,
        timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def sockets(folder):
    return sorted(one.name for one in folder.iterdir())


def left_by_a_killed_worker(folder, name="worker-00000000000000aa"):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ended:
        ended.bind(str(folder / name))


def test_another_process_wakes_who_listens(folder, listener):
    notified_by_another_process(folder)
    assert due_hint.wait(SECONDS)


def test_every_listener_is_woken_by_each_notification(folder):
    receivers = [Wakeup(folder).listen(f"w{number}") for number in range(3)]
    try:
        for _ in range(3):
            notified_by_another_process(folder)
            assert due_hint.wait(SECONDS)
    finally:
        for one in receivers:
            one.close()
    assert sockets(folder) == []


def test_the_own_process_is_woken_without_a_message(folder, listener, monkeypatch):
    notified = []
    monkeypatch.setattr(wakeup, "_wake", lambda _sender, _folder, name: notified.append(name))
    Wakeup(folder).notify()
    assert due_hint.wait(0)
    assert notified == []


def test_where_no_worker_ever_ran_nothing_is_made_or_said(folder, caplog):
    Wakeup(folder).notify()
    assert not folder.exists()
    assert caplog.text == ""


def test_the_folder_is_closed_to_everybody_else(folder, listener):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_can_enter_is_neither_listened_nor_sent_to(folder, caplog):
    folder.mkdir()
    folder.chmod(0o711)
    with pytest.raises(OSError, match="open to others"):
        Wakeup(folder).listen("first")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as planted:
        planted.bind(str(folder / "worker-00000000000000bb"))
        planted.setblocking(False)
        Wakeup(folder).notify()
        with pytest.raises(BlockingIOError):
            planted.recv(1)
    assert "find the job by their next check" in caplog.text
    assert due_hint.wait(0)


def test_a_link_in_the_folders_place_is_not_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        Wakeup(folder).listen("first")


def test_sockets_of_killed_workers_are_known_and_stay_until_they_are_removed(folder, listener):
    left_by_a_killed_worker(folder)
    left_by_a_killed_worker(folder, "other")
    killed = ["worker-00000000000000aa"]
    Wakeup(folder).notify()
    second = Wakeup(folder).listen("second")
    try:
        assert Wakeup(folder).ended() == killed
        Wakeup(folder).remove([*killed, "worker-00000000000000ab"])
        assert Wakeup(folder).ended() == []
        assert sockets(folder) == sorted(["other", socket_of("first"), socket_of("second")])
    finally:
        second.close()


def test_where_no_worker_ever_ran_none_was_killed(folder):
    assert Wakeup(folder).ended() == []


def test_a_worker_that_takes_no_message_holds_nobody_up(folder, listener):
    """A stopped process: its queue is full, and a notification goes on at once."""
    name = "worker-00000000000000cc"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stopped:
        stopped.bind(str(folder / name))
        notifying = threading.Thread(target=lambda: [Wakeup(folder).notify() for _ in range(2000)], daemon=True)
        notifying.start()
        notifying.join(SECONDS)
        assert not notifying.is_alive()
        assert Wakeup(folder).ended() == []
        assert name in sockets(folder)


def test_of_a_folder_full_of_entries_only_some_are_looked_at(folder, listener, monkeypatch):
    monkeypatch.setattr(wakeup, "MOST_ENTRIES", 5)
    for number in range(40):
        left_by_a_killed_worker(folder, f"worker-{number:016x}")
    notified = []
    monkeypatch.setattr(wakeup, "_wake", lambda _sender, _folder, name: notified.append(name))
    Wakeup(folder).notify()
    assert len(notified) <= 5


def test_what_is_no_workers_socket_is_left_alone(folder, listener):
    (folder / "worker-00000000000000dd").write_text("a file")
    (folder / "worker-00000000000000ee").symlink_to("/dev/log")
    left_by_a_killed_worker(folder, "other")
    assert Wakeup(folder).ended() == []
    assert {"worker-00000000000000dd", "worker-00000000000000ee", "other"} <= set(sockets(folder))


def test_a_folder_deeper_than_a_sockets_address_serves_all_the_same(tmp_path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    listener = Wakeup(deep / "wakeups").listen("first")
    try:
        due_hint.wait(0)
        notified_by_another_process(deep / "wakeups")
        assert due_hint.wait(SECONDS)
    finally:
        listener.close()


def test_who_stops_listening_leaves_no_thread_and_no_descriptor(folder):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        Wakeup(folder).listen("first").close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert sockets(folder) == []


class Others:
    """Sockets as workers of other processes have them."""

    def __init__(self, folder, number):
        folder.mkdir(mode=0o700, exist_ok=True)
        self.sockets = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(number)]
        for place, one in enumerate(self.sockets):
            one.bind(str(folder / f"worker-{place:016x}"))
            one.setblocking(False)

    def received(self):
        """Return what has come, by socket."""
        found = []
        for one in self.sockets:
            found.append([])
            try:
                while True:
                    found[-1].append(one.recv(300))
            except OSError:
                continue
        return found


def test_of_several_workers_one_gets_the_hints_of_a_server(folder):
    others = Others(folder, 4)
    for _ in range(3):
        Wakeup(folder).hint("web7")
    assert sorted(others.received()) == [[], [], [], [b"web7"] * 3]
    for number in range(40):
        Wakeup(folder).hint(f"web{number}")
    assert all(others.received())
    assert due_hint.taken() == set()


def test_a_hint_that_a_killed_worker_would_have_got_goes_to_the_next_one(folder):
    others = Others(folder, 3)
    for _ in range(3):
        Wakeup(folder).hint("web7")
        (gets,) = [number for number, came in enumerate(others.received()) if came]
        others.sockets[gets].close()
        assert due_hint.taken() == set()
    # Nobody is left: a worker of this process, if there is one, looks
    Wakeup(folder).hint("web7")
    assert due_hint.taken() == {"web7"}


def test_a_hint_of_another_process_names_its_server(folder, listener):
    subprocess.run([sys.executable, "-c", HINT, str(folder)], cwd=PROJECT, check=True, timeout=SECONDS)
    assert due_hint.wait(SECONDS)
    assert due_hint.taken() == {"web7"}
    # As an earlier version sends it
    notified_by_another_process(folder)
    assert due_hint.wait(SECONDS)
    assert due_hint.taken() == {due_hint.EVERY}
