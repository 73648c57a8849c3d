"""Durable files, journalled moves, the 503 page, a `.htaccess` taken apart, the bounded log."""

import json
import os
import types

import pytest

from agent.base import renames
from agent.base.log import MAX_BYTES, Log
from agent.base.state import State, write_durably
from agent.reporting.outbox import Outbox
from agent.tree import holding_page
from agent.tree.htaccess import join, split_blocks
from shared.errors import ShoplaunchError

RULES = [{"start": "^# php -- BEGIN", "end": "^# php -- END"}]
PANEL = b"# php -- BEGIN cPanel\r\n<IfModule mime_module>\r\n</IfModule>\r\n# php -- END cPanel\r\n"


@pytest.fixture
def account(tmp_path):
    """A context with a document root and nothing else."""
    folder, root = tmp_path / ".shoplaunch", tmp_path / "www"
    folder.mkdir()
    root.mkdir()
    job = {"holding_page": "<title>بزودی</title>", "document_root": {"htaccess_blocks": RULES}}
    return types.SimpleNamespace(
        folder=str(folder), root=str(root), shop_folder="", job=job, state=State(str(folder)), base=tmp_path
    )


def content(account):
    return {name: open(os.path.join(account.root, name), "rb").read() for name in sorted(os.listdir(account.root))}


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.mkdir(tmp_path / "target")
    (tmp_path / "target" / "x").touch()
    with pytest.raises(OSError):
        write_durably(str(tmp_path / "target"), b"new")
    assert sorted(os.listdir(tmp_path)) == ["file", "target"]


def test_a_link_in_the_way_of_the_temporary_file_is_not_followed(tmp_path):
    os.symlink(tmp_path / "victim", tmp_path / "file.tmp")
    write_durably(str(tmp_path / "file"), b"new")
    assert not (tmp_path / "victim").exists() and (tmp_path / "file").read_bytes() == b"new"


def test_another_name_of_a_file_in_the_way_of_the_temporary_one_costs_that_file_nothing(tmp_path):
    (tmp_path / "victim").write_bytes(b"kept")
    os.link(tmp_path / "victim", tmp_path / "file.tmp")
    write_durably(str(tmp_path / "file"), b"new", 0o644)
    assert (tmp_path / "victim").read_bytes() == b"kept" and (tmp_path / "file").read_bytes() == b"new"


def test_a_pipe_in_the_way_of_the_temporary_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "file.tmp")
    write_durably(str(tmp_path / "file"), b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "too large"])
def test_what_no_web_server_reads_as_its_settings_is_refused_unread(account, kind):
    path = os.path.join(account.root, ".htaccess")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        os.symlink("/dev/zero", path)
    elif kind == "folder":
        os.mkdir(path)
    else:
        with open(path, "wb") as stream:
            stream.truncate(1 << 40)
    with pytest.raises(ShoplaunchError) as problem:
        holding_page.place(account)
    assert problem.value.code == "path_refused"
    # Somebody else's: taking a job back leaves it
    holding_page.restore(account)
    assert os.path.lexists(path)


def test_the_panels_blocks_are_kept_byte_for_byte():
    rest = b"Options -Indexes\nRewriteEngine On"
    blocks, others = split_blocks(rest[:17] + PANEL + rest[17:], RULES)
    assert blocks == PANEL and others == rest
    assert join(blocks, rest) == PANEL + rest


def test_a_block_without_its_end_is_no_block():
    data = b"# php -- BEGIN cPanel\nAddHandler x\n"
    assert split_blocks(data, RULES) == (b"", data)


@pytest.mark.parametrize("before", [None, b"", b"Deny from all\n", PANEL + b"Options -Indexes"])
def test_placing_the_page_and_taking_it_back_leaves_the_root_as_it_was(account, before):
    if before is not None:
        with open(os.path.join(account.root, ".htaccess"), "wb") as stream:
            stream.write(before)
        os.chmod(os.path.join(account.root, ".htaccess"), 0o604)
    original = content(account)
    for _ in range(2):
        holding_page.place(account)
    now = content(account)[".htaccess"]
    assert holding_page.MARK in now and b"Deny from all" not in now
    if before and PANEL in before:
        assert now.startswith(PANEL)
    assert holding_page.former_htaccess(account) == before
    for _ in range(2):
        holding_page.restore(account)
    assert content(account) == original
    if before is not None:
        assert os.stat(os.path.join(account.root, ".htaccess")).st_mode & 0o777 == 0o604


def test_a_htaccess_that_came_since_is_not_overwritten_by_taking_back(account):
    holding_page.place(account)
    with open(os.path.join(account.root, ".htaccess"), "wb") as stream:
        stream.write(b"the client's own\n")
    holding_page.restore(account)
    assert content(account) == {".htaccess": b"the client's own\n"}


def test_a_htaccess_that_is_a_link_is_refused(account):
    os.symlink("/etc/passwd", os.path.join(account.root, ".htaccess"))
    with pytest.raises(ShoplaunchError, match="path_refused"):
        holding_page.place(account)
    assert os.listdir(account.folder) == []


@pytest.mark.parametrize("done", range(4))
def test_moves_interrupted_at_any_point_can_be_finished_or_undone(account, done):
    pairs = []
    for number in range(3):
        source = account.base / f"s{number}"
        source.mkdir()
        (source / "file").write_text(str(number))
        pairs.append((str(source), os.path.join(account.root, f"t{number}")))
    before = sorted(os.listdir(account.base))
    account.state.update(moves=[list(pair) for pair in pairs])
    for source, target in pairs[:done]:
        os.rename(source, target)
    renames.apply(State(account.folder), pairs)
    assert sorted(os.listdir(account.root)) == ["t0", "t1", "t2"]
    renames.undo(State(account.folder))
    assert os.listdir(account.root) == []
    assert sorted(os.listdir(account.base)) == before
    assert State(account.folder).data.get("moves") == []


def test_moves_are_undone_even_when_the_folder_they_came_from_is_gone(account):
    staging = account.base / "staging" / "inner"
    staging.mkdir(parents=True)
    (staging / "file").write_text("x")
    renames.apply(account.state, [(str(staging / "file"), os.path.join(account.root, "file"))])
    staging.rmdir()
    staging.parent.rmdir()
    renames.undo(account.state)
    assert (staging / "file").read_text() == "x" and content(account) == {}


def test_what_came_where_a_moved_entry_was_stays_when_undoing(account):
    source = account.base / "old"
    source.write_text("old")
    renames.apply(account.state, [(str(source), os.path.join(account.root, "x"))])
    source.write_text("newer")
    renames.undo(account.state)
    assert source.read_text() == "newer"
    assert content(account) == {"x": b"old"}


def test_the_log_is_bounded_and_reveals_no_secret(tmp_path):
    log = Log(str(tmp_path))
    log.hide(["topsecret", "topsecret-and-more", "abc"])
    for number in range(MAX_BYTES // 40):
        log.info("line %06d with topsecret-and-more or topsecret, abc", number)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2 and sum(sizes) < 2 * MAX_BYTES + 2000
    text = "".join(path.read_text() for path in tmp_path.iterdir()) + "".join(log.tail())
    assert "topsecret" not in text and "-and-more" not in text and "abc" in text
    assert len(log.tail()) == 80


def test_a_log_that_cannot_be_written_keeps_its_tail(tmp_path):
    log = Log(str(tmp_path / "nowhere"))
    log.info("still known")
    assert any("still known" in line for line in log.tail())


def test_the_outbox_keeps_order_across_restarts_and_forgets_other_attempts(tmp_path):
    box = Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path)))
    for seq in (9, 10, 11):
        box.append({"job": "j1", "attempt": 1, "seq": seq, "event": "started"})
    (tmp_path / "outbox" / "00000003.json").write_text("{half")
    again = Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path)))
    assert [again.first()["seq"], len(again), again.last_seq()] == [9, 3, 11]
    again.settle(again.first()["seq"])
    assert Outbox(str(tmp_path), "j1", 1, Log(str(tmp_path))).first()["seq"] == 10
    assert len(Outbox(str(tmp_path), "j1", 2, Log(str(tmp_path)))) == 0
    assert os.listdir(tmp_path / "outbox") == []


def test_every_change_of_the_state_is_on_disk_and_of_the_agreed_form(tmp_path):
    state = State(str(tmp_path))
    state.start_stage("unpack")
    state.mark_shard("files/0001.tar.gz", {"bytes_written": 7})
    state.end_stage("unpack", "failed", 1.5)
    state.start_stage("unpack")
    assert state.end_stage("unpack", "done", 2.0) == 3.5
    state.settle()
    state.add_counters({"bytes_read": 5, "peak_rss_bytes": 7})
    state.add_counters({"bytes_read": 6, "peak_rss_bytes": 3})
    again = State(str(tmp_path))
    assert again.set_aside is None
    assert again.stage_done("unpack") and again.shard_done("files/0001.tar.gz")
    assert again.data.get("counters") == {"bytes_read": 11, "bytes_written": 7, "peak_rss_bytes": 7}
    assert os.stat(tmp_path / "state.json").st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "state.json").read_text()) == again.data


def test_what_killed_runs_of_a_stage_took_is_counted_up_to_their_last_sign_of_life(tmp_path):
    now = [100.0]

    def load():
        return State(str(tmp_path), clock=lambda: now[0])

    state = load()
    state.start_stage("import")
    for seconds, run_is_new in ((30, False), (400, True), (500, True)):
        now[0] += seconds
        # Runs that end before they come to the stage change the state, too
        state = load() if run_is_new else state
        state.update(percent=6)
    now[0] += 1000
    state = load()
    state.start_stage("import")
    now[0] += 7
    state.update(percent=7)
    state = load()
    state.start_stage("import")
    assert state.end_stage("import", "done", 5.0) == 42.0


@pytest.mark.parametrize("text", ["[]", "{}", '{"seq": 1}', '{"seq": "1", "event": "started"}', "[" * 100_000, "\xff"])
def test_what_is_no_event_waits_in_no_outbox(tmp_path, text):
    (tmp_path / "outbox").mkdir()
    text = text.replace("{", '{"job": "j", "attempt": 1, ', 1) if len(text) > 2 else text
    (tmp_path / "outbox" / "00000001.json").write_text(text, encoding="latin-1")
    box = Outbox(str(tmp_path), "j", 1, Log(str(tmp_path)))
    assert len(box) == 0 and not box.has("started") and os.listdir(tmp_path / "outbox") == []
