"""Which machine this is: by its id, never by its name alone."""

from pathlib import Path

import pytest

from controller import this_machine
from controller.db.machines.servers import Server
from controller.panels.registry import elsewhere, is_unbound
from controller.this_machine import Machine

ONE, OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The two files in which a machine may have its id; neither is there."""
    found = tmp_path / "machine-id", tmp_path / "dbus"
    monkeypatch.setattr(this_machine, "FILES", found)
    return found


def test_a_machine_is_known_by_its_id_which_stays_secret(files, monkeypatch):
    files[0].write_text(ONE + "\n")
    before = this_machine.this_machine()
    assert ONE not in str(before)
    monkeypatch.setattr("socket.gethostname", lambda: "renamed")
    assert this_machine.this_machine() == before and this_machine.this_machine().host == "renamed"
    files[0].write_text(OTHER + "\n")
    assert this_machine.this_machine() != before


@pytest.mark.parametrize("text", [b"", b"\n", b"uninitialized\n", b"0" * 31, b"\xff" * 32])
def test_what_is_no_id_is_none_and_the_second_file_counts(files, text):
    files[0].write_bytes(text)
    assert this_machine.this_machine() is None
    files[1].write_text(ONE)
    assert this_machine.this_machine() is not None


def test_a_local_server_is_elsewhere_only_where_its_machine_is_known_to_be_another(files):
    files[0].write_text(ONE)
    here, other = this_machine.this_machine(), Machine("other", "web9")
    rows = [Server("a", "local"), Server("b", "local").on(here), Server("c", "local").on(other)]
    assert [elsewhere(row) for row in rows] == [None, None, other]
    assert [is_unbound(row) for row in rows] == [True, False, False]
    assert elsewhere(Server("d", "cpanel")) is None and not is_unbound(Server("d", "cpanel"))
    Path(files[0]).unlink()
    assert [elsewhere(row) for row in rows] == [None, here, other]
