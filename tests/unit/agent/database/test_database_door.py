"""Which socket the agent takes for the database server's, where several may be."""

import os
import socket

import pytest

from agent.database import door
from shared.errors import ShoplaunchError

OURS = pytest.mark.skipif(os.geteuid() != 0, reason="the database server's socket belongs to root or mysql")


@pytest.fixture
def place(tmp_path):
    """A folder in which only root may write, as short as paths of sockets have to be."""
    (tmp_path / "s").mkdir(mode=0o755)
    return tmp_path / "s"


def full(path):
    """Return what keeps a server at `path` that takes nobody else for now."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(0)
    held = [server]
    while True:
        one = socket.socket(socket.AF_UNIX)
        one.setblocking(False)
        held.append(one)
        try:
            one.connect(str(path))
        except BlockingIOError:
            return held


def code_of(values):
    with pytest.raises(ShoplaunchError) as error, door.opened(values):
        pass
    return error.value.code, error.value.retryable


@OURS
@pytest.mark.parametrize("named", [True, False])
def test_a_server_so_many_wait_for_that_the_system_takes_no_more_is_waited_for(place, monkeypatch, named):
    held = full(place / "a")
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(place / "b"))
    other.listen(5)
    monkeypatch.setattr(door, "OPTION_FILES", ())
    monkeypatch.setattr(door, "SOCKETS", (str(place / "a"), str(place / "b")))
    assert code_of({"db.socket": str(place / "a") if named else ""}) == ("db_busy", True)
    other.setblocking(False)
    with pytest.raises(BlockingIOError):
        other.accept()
    for one in (*held, other):
        one.close()


@OURS
def test_a_pipe_in_the_place_of_the_options_keeps_nobody_waiting_and_a_large_file_is_read_to_a_limit(
    place, monkeypatch
):
    os.mkfifo(place / "pipe")
    (place / "large").write_text("[client]\nsocket = /first\n" + "#" * door.OPTION_BYTES + "\n[client]\nsocket=/x\n")
    (place / "small").write_text("!includedir /etc\n[client]\nsocket = '/second'\n")
    names = [str(place / name) for name in ("pipe", "large", "small", "missing")]
    monkeypatch.setattr(door, "OPTION_FILES", names)
    assert door._configured() == ["/first", "/second"]


@OURS
def test_without_a_listener_at_the_usual_places_the_error_names_them(place, monkeypatch):
    monkeypatch.setattr(door, "OPTION_FILES", ())
    monkeypatch.setattr(door, "SOCKETS", (str(place / "a"), str(place / "b")))
    assert code_of({"db.host": "localhost"}) == ("db_unreachable", True)
