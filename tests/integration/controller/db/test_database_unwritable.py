"""A database that may not be written to is no busy one: the operator learns what to correct, and it goes on then."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa

from controller.db.connection.engine import make_engine, reading, transact
from controller.db.machines import workers
from controller.db.migrate import upgrade
from controller.jobs.engine import presence
from controller.jobs.engine.monitoring import health
from shared.errors import CODES
from tests.integration.controller.db.test_database_disk_full import disk, refused, run
from tests.support.error_codes import code_or_none

__all__ = ["disk"]
NOBODY = 65534
ADD = ("user", "add", "nora")


def remount(disk, how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


@pytest.mark.sampled(of=2)
@pytest.mark.root
@pytest.mark.parametrize("words", [ADD, ("jobs",)])
def test_a_disk_that_was_mounted_read_only_is_named(disk, tmp_path, words):
    home = tmp_path / "home"
    home.mkdir()
    (home / "data").symlink_to(disk)
    run(home, "init", code=0)
    remount(disk, "ro")
    assert refused(home, *words) == "database_unwritable"
    remount(disk, "rw")
    assert "Password" in run(home, *ADD, code=0).stdout


def as_nobody(call):
    """Return what `call` returns (a short text) in a process of nobody's."""
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(write, str(call()).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        found = stream.read().decode()
    os.wait()
    return found


SLIPS = {
    "the file": lambda folder, path: path.chmod(0o600),
    "the file, for changes": lambda folder, path: path.chmod(0o644),
    "the folder, for changes": lambda folder, path: (path.chmod(0o666), folder.chmod(0o755)),
    "the folder": lambda folder, path: folder.chmod(0o700),
}


@pytest.mark.root
@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_files_that_belong_to_somebody_else_are_named(slip):
    """As after a command that was run as root."""
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-owner-"))
    folder.chmod(0o777)
    path = folder / "state.db"
    engine = make_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    slip(folder, path)

    def change():
        other = make_engine(f"sqlite:///{path}")
        return code_or_none(lambda: transact(other, lambda made: made.execute(sa.text("DELETE FROM audit"))))

    try:
        assert as_nobody(change) == "database_unwritable"
        assert code_or_none(lambda: transact(engine, lambda made: made.execute(sa.text("DELETE FROM audit")))) == "none"
    finally:
        engine.dispose()
        shutil.rmtree(folder)


def test_a_server_that_takes_no_changes_is_named(mariadb_server):
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")
    upgrade(engine)
    root = mariadb_server.root_connection()
    said = [written_and_said(engine)]
    with root.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
        try:
            said.append(written_and_said(engine))
            found = code_or_none(lambda: transact(engine, lambda made: made.execute(sa.text("DELETE FROM audit"))))
        finally:
            cursor.execute("SET GLOBAL read_only = 0")
    said.append(written_and_said(engine))
    root.close()
    engine.dispose()
    assert found == "database_unwritable"
    # It answers all the while: only who tries to write knows
    assert said == [(True, None), (False, "database_unwritable"), (True, None)]


def written_and_said(engine):
    """Return whether a worker's sign of life could be written, and what /readyz says is wrong then."""
    written = presence.write_sign(engine, workers.beat, "worker", presence.WORKER)
    error = health.examine(engine, 1.0, health.Loops()).error
    return written, None if error is None else error.code


@pytest.mark.parametrize("folder", ["nothing", "nothing/further"])
def test_a_folder_that_is_not_there_is_none_of_it(tmp_path, folder):
    """A mount that is away comes back by itself."""
    engine = make_engine(f"sqlite:///{tmp_path}/{folder}/state.db")

    def look():
        with reading(engine):
            pass

    assert code_or_none(look) == "database_busy"


def test_it_is_tried_again_by_itself():
    assert CODES["database_unwritable"]["retryable"]
