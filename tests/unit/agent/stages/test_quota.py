"""The account's quotas, as the program `quota` tells them where there is one."""

import os
import signal
import types

import pytest

from agent.stages import preflight
from agent.stages.preflight import check_disk, quota_rooms
from shared.errors import ShoplaunchError

SAYS = """#!/bin/sh
echo "Disk quotas for user x (uid 1000):"
echo "/dev/sda1 1000 0 5000 0 70* 100 200 0"
echo "/dev/sdb1 10 4000 5000 0 7 0 0 0"
"""


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Two folders of programs; the second has a `quota`."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    (folders[1] / "quota").write_text(SAYS)
    (folders[1] / "quota").chmod(0o755)
    monkeypatch.setenv("PATH", ":".join(map(str, [*folders, "/usr/bin", "/bin"])))
    return folders


ROOMS = [(4000 * 1024, 30), (3990 * 1024, None)]


def test_the_smallest_limits_show_the_room(places):
    assert quota_rooms() == ROOMS


@pytest.mark.parametrize("kind", ["a folder", "a file nobody may run", "a link to nothing"])
def test_what_is_only_called_quota_is_passed_over(places, kind):
    place = places[0] / "quota"
    if kind == "a folder":
        place.mkdir()
    elif kind == "a link to nothing":
        place.symlink_to("nowhere")
    else:
        place.write_text(SAYS)
    assert quota_rooms() == ROOMS


def test_what_lies_in_the_current_folder_is_not_run(places, monkeypatch):
    monkeypatch.chdir(places[1])
    monkeypatch.setenv("PATH", ":" + str(places[0]))
    assert quota_rooms() == []


def test_without_the_program_nothing_is_known(places, monkeypatch):
    monkeypatch.setenv("PATH", str(places[0]))
    assert quota_rooms() == []


def shop_of(tmp_path, needs):
    """A context of what the check asks; the disk itself has room enough."""
    return types.SimpleNamespace(
        manifest={"requirements": needs}, state=types.SimpleNamespace(data={}), staging=str(tmp_path / "staging"),
        domain_root=str(tmp_path / "public_html"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("needs", "code", "words"),
    [
        ({"disk_bytes": 3990 * 1024, "inodes": 30}, None, ""),
        ({"disk_bytes": 6000 * 1024, "inodes": 30}, "disk_space", "3 MB are missing"),
        ({"disk_bytes": 1000, "inodes": 31}, "inodes", "room for 30 files, 31 needed"),
    ],
)
def test_a_shop_for_which_the_quota_has_no_room_is_refused_before_anything_is_changed(
    places, tmp_path, needs, code, words
):
    try:
        check_disk(shop_of(tmp_path, needs))
    except ShoplaunchError as error:
        assert (error.code, error.message) == (code, words)
    else:
        assert code is None


def test_after_a_kill_while_unpacking_only_the_room_for_the_rest_is_required(places, tmp_path):
    shop = shop_of(tmp_path, {"disk_bytes": 6000 * 1024, "inodes": 1})
    (tmp_path / "staging").mkdir()
    check_disk(shop)


@pytest.mark.parametrize("says", ["exec sleep 1000", "sleep 1000 & echo $! >$0.child; wait", "yes more and more"])
def test_a_quota_that_is_never_reported_keeps_nobody_waiting(places, monkeypatch, says):
    monkeypatch.setattr(preflight, "QUOTA_SECONDS", 0.5)
    (places[1] / "quota").write_text(f"#!/bin/sh\n{says}\n")
    try:
        assert quota_rooms() == []
    finally:
        child = places[1] / "quota.child"
        if child.exists():
            os.kill(int(child.read_text()), signal.SIGKILL)
