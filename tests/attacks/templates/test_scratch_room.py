"""What a stranger's dump runs without end fills no disk: the packer's own server is ended before, with all it wrote."""

import shutil
import tempfile
from pathlib import Path

import pytest

from controller.bundles.source.database import open_source
from controller.bundles.source.servers import connections, scratch_room
from controller.bundles.source.servers.scratch import open_scratch
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

TABLE = b"CREATE TABLE `t` (`id` int, `text` longtext);\n"
ENDLESS = TABLE + (
    b"DELIMITER ;;\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN WHILE 1 DO SET @a = 1; END WHILE; END;;\n"
    b"DELIMITER ;\nINSERT INTO t VALUES (1,'x');\n"
)
GROWING = TABLE + (
    b"CREATE TABLE `u` (`a` longtext);\nDELIMITER ;;\nCREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN"
    b" WHILE 1 DO INSERT INTO u VALUES (REPEAT('x', 1000000)); END WHILE; END;;\n"
    b"DELIMITER ;\nINSERT INTO t VALUES (1,'x');\n"
)


@pytest.fixture
def load(tmp_path):
    """A function: load a dump (bytes) as the packer does on a Scratch."""

    def run(content, scratch):
        path = tmp_path / "shop.sql"
        path.write_bytes(content)
        open_source.load_dump(path, scratch, lambda _: None)

    return run


@pytest.fixture
def narrow(monkeypatch):
    """The packer's own servers may take as much as a new one does and little more: of any that runs meanwhile."""
    monkeypatch.setattr(scratch_room, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(scratch_room, "LEAST_BYTES", 512 * 1024 * 1024)
    # Only stops a test that would fill the disk
    monkeypatch.setattr(connections, "STATEMENT_SECONDS", 20)


@attack("A trigger of a dump adds rows without end, so that the packer's disk is full before any time is up",
        "the server is ended, its files are gone, and the dump is refused with its place")  # fmt: skip
def test_a_dump_that_grows_without_end_is_ended(load, narrow):
    with pytest.raises(ShoplaunchError) as problem, open_scratch(None, lambda _: None) as scratch:
        folder = Path(scratch._address().socket).parent
        load(GROWING, scratch)
    assert problem.value.code == "dump_outgrows"
    assert "at line 6 " in problem.value.message
    assert not folder.exists()


@attack("A trigger of a template adds rows without end, not while it is loaded but when the trial changes a row",
        "the server is ended, and the packing with it")  # fmt: skip
def test_a_trigger_that_grows_at_the_trial_is_ended(load, narrow):
    late = GROWING.replace(b"BEFORE INSERT", b"BEFORE UPDATE")
    with pytest.raises(ShoplaunchError) as problem, open_scratch(None, lambda _: None) as scratch:
        load(late, scratch)
        with scratch.connection(next(iter(scratch._made))) as connection:
            connection.query("UPDATE t SET text = 'y'")
    assert problem.value.code == "dump_outgrows"


@attack("A dump fills the disk while others of the machine need it", "the server is ended before the disk is full")
def test_the_last_of_the_disk_is_left_to_others(load, narrow, monkeypatch):
    monkeypatch.setattr(scratch_room, "FLOOR_BYTES", shutil.disk_usage(tempfile.gettempdir()).total)
    with pytest.raises(ShoplaunchError) as problem, open_scratch(None, lambda _: None) as scratch:
        load(ENDLESS, scratch)
    assert problem.value.code == "disk_full"
