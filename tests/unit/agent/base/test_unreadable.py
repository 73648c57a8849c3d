"""What cannot be read is not absent: nothing counts as done, undone or removed because a look at it failed."""

import os
import sys
import types

import pytest

import agent
from agent.base import exit_codes, renames
from agent.base.plain_files import is_folder, is_there
from agent.base.state import State
from agent.bundle import reader
from agent.bundle.fetch import Part
from agent.run import start
from agent.session import job_file
from agent.stages import cleanup, switch, undo
from agent.tree import document_root, flushing, holding_page, staging
from tests.support.machine.unreadable import REASONS, unreadable

pytestmark = pytest.mark.parametrize("reason", REASONS)


@pytest.fixture
def account(tmp_path):
    """A context with a document root and a folder of the agent's."""
    home = tmp_path / "home"
    for name in (".shoplaunch", "public_html", "staging"):
        (home / name).mkdir(parents=True)
    folder, root = home / ".shoplaunch", home / "public_html"
    return types.SimpleNamespace(
        home=str(home), folder=str(folder), root=str(root), domain_root=str(root), shop_folder="shop", job_id="j0b",
        job={"holding_page": "<title>soon</title>"}, state=State(str(folder)), staging=str(home / "staging"),
    )  # fmt: skip


@pytest.mark.parametrize("look", [is_there, is_folder])
def test_a_look_says_that_it_failed_and_what_is_absent(tmp_path, monkeypatch, reason, look):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    assert look(str(tmp_path)) and not look(str(tmp_path / "none")) and not look(str(tmp_path / "file" / "below"))
    assert is_there(str(tmp_path / "loop")) and not is_folder(str(tmp_path / "loop"))
    with unreadable(monkeypatch, tmp_path, reason), pytest.raises(OSError):
        look(str(tmp_path / "file"))


def test_a_move_whose_source_cannot_be_read_is_not_done(account, monkeypatch, reason):
    source, target = os.path.join(account.staging, "index.php"), os.path.join(account.root, "index.php")
    open(source, "w").close()
    with unreadable(monkeypatch, account.staging, reason), pytest.raises(OSError):
        renames.apply(account.state, [(source, target)])
    renames.apply(account.state, [(source, target)])
    assert os.listdir(account.root) == ["index.php"]
    for place in (account.staging, account.root):
        with unreadable(monkeypatch, place, reason), pytest.raises(OSError):
            renames.undo(account.state)
    renames.undo(account.state)
    assert os.listdir(account.staging) == ["index.php"]


def test_a_place_that_cannot_be_read_is_not_free_for_the_switch(account, monkeypatch, reason):
    pair = [os.path.join(account.staging, "index.php"), os.path.join(account.root, "index.php")]
    for path in pair:
        open(path, "w").close()
    with unreadable(monkeypatch, account.root, reason), pytest.raises(OSError):
        switch.check_way(account, {"aside": [], "tree": [pair], "entry_points": [pair]})


@pytest.mark.parametrize("work", [document_root.check, document_root.ensure])
def test_the_shops_folder_that_cannot_be_read_is_not_free(account, monkeypatch, reason, work):
    os.mkdir(os.path.join(account.root, "shop"))
    with unreadable(monkeypatch, account.root, reason), pytest.raises(OSError) as failed:
        work(account)
    assert failed.value.errno == reason and account.state.data.get("made_folders") is None


def test_the_former_settings_are_not_forgotten_while_their_place_cannot_be_read(account, monkeypatch, reason):
    path = os.path.join(account.root, ".htaccess")
    with open(path, "w") as stream:
        stream.write("Deny from all\n")
    holding_page.place(account)
    with unreadable(monkeypatch, account.home, reason), pytest.raises(OSError):
        holding_page.restore(account)
    holding_page.restore(account)
    with open(path) as stream:
        assert stream.read() == "Deny from all\n"


def test_settings_of_somebody_else_are_not_ours_where_the_note_of_the_former_ones_cannot_be_read(
    account, monkeypatch, reason
):
    holding_page.place(account)
    with open(os.path.join(account.root, ".htaccess"), "w") as stream:
        stream.write("Deny from all\n")
    with unreadable(monkeypatch, account.folder, reason), pytest.raises(OSError):
        holding_page.is_foreign(account)


def test_a_tree_that_cannot_be_read_is_not_removed(account, monkeypatch, reason):
    with unreadable(monkeypatch, account.home, reason), pytest.raises(OSError):
        staging.remove(account.staging)
    assert os.path.isdir(account.staging)


def test_no_other_file_system_is_flushed_for_a_tree_that_cannot_be_read(account, monkeypatch, reason):
    assert flushing._nearest(os.path.join(account.staging, "none")) == account.staging
    with unreadable(monkeypatch, account.home, reason), pytest.raises(OSError):
        flushing._nearest(account.staging)


def test_replaced_entries_that_cannot_be_read_are_not_left_behind_in_silence(account, monkeypatch, reason):
    with unreadable(monkeypatch, account.home, reason), pytest.raises(OSError):
        undo._remove_replaced(account)


def test_events_that_cannot_be_read_are_not_left_behind_in_silence(account, monkeypatch, reason):
    with unreadable(monkeypatch, account.folder, reason), pytest.raises(OSError):
        cleanup._remove_rest(account.folder)


def test_a_job_that_cannot_be_read_is_not_spent(account, monkeypatch, reason):
    open(os.path.join(account.folder, "job"), "w").close()
    with unreadable(monkeypatch, account.folder, reason):
        cleanup._spend_job(account.folder)
    assert "job" not in os.listdir(account.folder)


def test_the_mark_of_another_file_does_not_stay_because_it_cannot_be_read(account, monkeypatch, reason):
    base = os.path.join(account.folder, "shop.bundle")
    with Part(base) as part:
        part.begin_anew('"first"')
        for work in (part.begin_anew, lambda: part.finish(base)):
            with unreadable(monkeypatch, account.folder, reason), pytest.raises(OSError):
                work()


def test_a_damaged_bundle_does_not_stay_because_it_cannot_be_read(account, monkeypatch, reason):
    open(reader.own_bundle_path(account.folder), "w").close()
    with unreadable(monkeypatch, account.folder, reason), pytest.raises(OSError):
        reader.forget_fetched({"bundle": {"url": "https://c.example/b"}}, account.folder)


def test_a_start_in_a_home_that_cannot_be_read_has_not_ended(account, monkeypatch, reason):
    archive = os.path.join(account.folder, "agent.pyz")
    open(archive, "w").close()
    monkeypatch.setattr(sys, "path", [archive])
    monkeypatch.setattr(start, "_lock", lambda *_given: os.rmdir(os.path.join(account.home, "none")))
    with pytest.raises(FileNotFoundError):
        start.run(account.folder)
    with unreadable(monkeypatch, account.folder, reason), pytest.raises(OSError) as failed:
        start.run(account.folder)
    assert failed.value.errno == reason
    os.unlink(archive)
    assert start.run(account.folder) == exit_codes.DONE


def test_an_agent_that_cannot_be_read_is_not_one_without_keys(monkeypatch, reason):
    def failing(_path):
        raise OSError(reason, os.strerror(reason))

    loader = types.SimpleNamespace(get_data=failing)
    monkeypatch.setattr(agent, "__spec__", types.SimpleNamespace(loader=loader))
    job_file.public_keys.cache_clear()
    with pytest.raises(OSError) as failed:
        job_file.public_keys()
    assert failed.value.errno == reason
