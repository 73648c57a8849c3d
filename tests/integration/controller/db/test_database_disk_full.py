"""No room where the controller's database is: said as that, by whatever needs the room; with room it goes on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote_plus

import pymysql
import pytest
import sqlalchemy as sa

from controller.cli.terminal.output import as_failure
from controller.db.connection.engine import make_engine, transact
from controller.db.migrate import upgrade
from controller.files import write_durably
from shared.errors import CODES, ShoplaunchError
from tests.resume.faults.disks import Places, command

KIB = 1024
#: Where SQLite runs out of room: for the shared memory of its journal, in the first tables, in the last ones.
ROOM = (32 * KIB, 64 * KIB, 200 * KIB)
#: As MySQL and MariaDB say it, and what has another reason.
FULL = (
    pymysql.err.OperationalError(1114, "The table 'jobs' is full"),
    pymysql.err.OperationalError(1021, "Disk full (/tmp/#sql_1_0.MAI); waiting for someone to free some space..."),
    pymysql.err.OperationalError(1030, 'Got error 28 "No space left on device" from storage engine InnoDB'),
    pymysql.err.OperationalError(1026, 'Error writing file ./binlog.000001 (errno: 28 "No space left on device")'),
    pymysql.err.InternalError(3, 'Error writing file /tmp/MLfd=36 (Errcode: 28 "No space left on device")'),
    pymysql.err.OperationalError(1030, 'Got error 122 "Disk quota exceeded" from storage engine InnoDB'),
)
NOT_FULL = (
    pymysql.err.OperationalError(1030, 'Got error 168 "Unknown (generic) error from engine" from storage engine'),
    pymysql.err.OperationalError(1205, "Lock wait timeout exceeded; try restarting transaction"),
    pymysql.err.OperationalError(1045, "Access denied for user 'error 28'@'localhost'"),
)


@pytest.fixture
def disk(tmp_path):
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "shoplaunch-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave(disk, room):
    """Fill the disk but for `room` bytes."""
    filler = disk / "filler"
    state = os.statvfs(disk)
    free = state.f_bavail * state.f_frsize
    with filler.open("ab") as stream:
        stream.write(bytes(free - room))


def run(home, *words, code, more=None, stdout=subprocess.PIPE):
    """Run the command in a process of its own, which leaves nothing of the database open."""
    environment = {"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_DATABASE_URL": f"sqlite:///{home}/data/state.db"}
    command = [sys.executable, "-c", "from controller.cli import main; main()", *map(str, words)]
    done = subprocess.run(
        command, env={**os.environ, **environment, **(more or {})}, text=True, stdin=subprocess.DEVNULL, stdout=stdout,
        stderr=subprocess.PIPE, timeout=120,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


def refused(home, *words, **how):
    """Return the code of the command's failure, which is all it says."""
    said = run(home, *words, code=1, **how).stderr
    assert "Traceback" not in said and "Exception ignored" not in said
    return said.partition(":")[0]


@pytest.fixture(scope="module")
def born(tmp_path_factory):
    """The home of a new installation, to be copied."""
    home = tmp_path_factory.mktemp("born") / "home"
    (home / "data").mkdir(parents=True)
    run(home, "init", code=0)
    return home


@pytest.fixture
def home(born, tmp_path):
    """A function: the folder its database is to be in -> the home of a new installation."""

    def installed(data):
        made = tmp_path / "home"
        shutil.copytree(born, made, ignore=shutil.ignore_patterns("data"))
        shutil.copytree(born / "data", data, dirs_exist_ok=True)
        (made / "data").symlink_to(data)
        return made

    return installed


@pytest.mark.sampled(of=3)
@pytest.mark.root
@pytest.mark.parametrize("room", ROOM)
def test_init_where_the_database_has_no_room_says_so_and_goes_on_once_there_is(disk, tmp_path, room):
    home = tmp_path / "home"
    home.mkdir()
    (home / "data").symlink_to(disk)
    leave(disk, room)
    assert refused(home, "init") == "database_full"
    (disk / "filler").unlink()
    done = run(home, "init", code=0)
    assert "Password: " in done.stdout


@pytest.mark.root
def test_a_backup_of_a_database_whose_disk_is_full_says_so(disk, home, tmp_path):
    home = home(disk)
    leave(disk, 0)
    assert refused(home, "backup", tmp_path / "saved") == "database_full"
    assert not (tmp_path / "saved").exists()
    (disk / "filler").unlink()
    run(home, "backup", tmp_path / "saved", code=0)


@pytest.mark.root
@pytest.mark.parametrize("words", [("user", "add", "nora"), ("migrate",), ("jobs",)])
def test_no_command_takes_a_full_disk_for_a_busy_database(disk, home, words):
    home = home(disk)
    leave(disk, 0)
    assert refused(home, *words) == "database_full"


@pytest.fixture
def quota(tmp_path):
    """(A folder with a quota of its own on a disk with much room, what sets that)."""
    places = Places(tmp_path)
    folder = places.quota_folder() / "data"
    command("btrfs", "subvolume", "create", str(folder))
    number = subprocess.check_output(["btrfs", "inspect-internal", "rootid", str(folder)], text=True).strip()
    yield folder, lambda size: command("btrfs", "qgroup", "limit", str(size), f"0/{number}", str(folder.parent))
    places.close()


@pytest.mark.sampled(of=2)
@pytest.mark.root
@pytest.mark.parametrize("words", [("user", "add", "nora"), ("jobs",)])
def test_a_quota_that_is_used_up_is_a_full_disk(quota, home, words):
    folder, limit = quota
    home = home(folder)
    limit(1)
    # What the shared memory of its journal needs is more than the quota, what the disk has is not
    assert refused(home, *words) == "database_full"
    limit("none")
    assert "Password" in run(home, "user", "add", "nora", code=0).stdout


@pytest.mark.root
def test_a_change_that_finds_no_room_leaves_the_database_as_it_was(disk):
    engine = make_engine(f"sqlite:///{disk}/state.db")
    upgrade(engine)
    text = "x" * 200_000
    columns = "name, sha256, size, manifest_sha256, application, version, added_at"
    query = sa.text(f"INSERT INTO bundles ({columns}) VALUES (:n, '', 0, '', :t, '', 0)")
    with engine.connect():
        leave(disk, 16 * KIB)
        with pytest.raises(ShoplaunchError) as caught:
            transact(engine, lambda connection: connection.execute(query, {"n": "one", "t": text}))
    assert caught.value.code == "database_full"
    Path(disk / "filler").unlink()
    assert transact(engine, lambda connection: connection.execute(sa.text("SELECT name FROM bundles")).all()) == []
    engine.dispose()


@pytest.fixture
def said(monkeypatch):
    """Return a function: the code of what MySQL's driver raised."""

    def code(problem):
        def connect(*_arguments, **_how):
            raise problem

        monkeypatch.setattr("controller.db.connection.engine.PooledConnection", connect)
        with pytest.raises(ShoplaunchError) as caught:
            make_engine("mysql://nobody@localhost/nothing").connect()
        return caught.value.code

    return code


@pytest.mark.parametrize("problem", FULL, ids=lambda problem: str(problem)[:30])
def test_every_way_mysql_has_of_saying_that_its_disk_is_full_is_known(said, problem):
    assert said(problem) == "database_full"
    assert CODES["database_full"]["retryable"]


@pytest.mark.parametrize("problem", NOT_FULL, ids=lambda problem: str(problem)[:30])
def test_what_only_resembles_a_full_disk_is_none(said, problem):
    assert said(problem) == "database_busy"


def test_a_table_that_a_real_server_calls_full_is_one(mariadb_server):
    name, user, password = mariadb_server.new_database()
    engine = make_engine(f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={mariadb_server.socket}")

    def fill(connection):
        connection.exec_driver_sql("SET SESSION max_heap_table_size = 16384")
        connection.exec_driver_sql("CREATE TABLE held (text VARCHAR(4000)) ENGINE=MEMORY")
        for _ in range(1000):
            connection.exec_driver_sql("INSERT INTO held VALUES (REPEAT('x', 4000))")

    with pytest.raises(ShoplaunchError) as caught:
        transact(engine, fill)
    assert caught.value.code == "database_full"
    engine.dispose()


@pytest.mark.sampled(of=3)
@pytest.mark.root
@pytest.mark.parametrize("passphrase", [None, "a long passphrase"], ids=["open", "sealed"])
@pytest.mark.parametrize("way", ["file", "standard output"])
def test_a_backup_onto_a_full_disk_says_that_alone(disk, home, tmp_path, way, passphrase):
    home = home(tmp_path / "data")
    for room in (0, 400 * KIB):
        (disk / "filler").unlink(missing_ok=True)
        leave(disk, room)
        more = {} if passphrase is None else {"SHOPLAUNCH_BACKUP_PASSPHRASE": passphrase}
        if way == "file":
            assert refused(home, "backup", disk / "saved", more=more) == "disk_full", room
            assert [path.name for path in disk.iterdir()] == ["filler"]
        else:
            with (disk / "saved").open("wb") as stream:
                assert refused(home, "backup", "-", more=more, stdout=stream) == "disk_full", room
            (disk / "saved").unlink()


@pytest.mark.root
def test_a_file_that_finds_no_room_is_named_and_left_as_it_was(disk):
    path = disk / "agent.pyz"
    write_durably(path, b"whole", 0o600)
    leave(disk, 8 * KIB)
    with pytest.raises(OSError, match="No space left") as caught:
        write_durably(path, bytes(64 * KIB), 0o600)
    failure = as_failure(caught.value)
    assert (failure.code, failure.message) == ("disk_full", f"{path}: No space left on device")
    assert path.read_bytes() == b"whole" and {one.name for one in disk.iterdir()} == {"agent.pyz", "filler"}
