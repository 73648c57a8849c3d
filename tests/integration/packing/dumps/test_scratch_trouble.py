"""What goes wrong with the scratch server is reported as its own trouble, never as the template's or the bundle's."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from controller.bundles.pipeline import Request, pack
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.packing.templates.test_bad_templates import DUMP
from tests.support.machine.changed_machine import NAMELESS, run_where
from tests.support.shops.packing import PlainPlan, Quiet, server_url
from tests.support.waiting import wait_until

#: More than a new server keeps free in the files it has.
BIG_ROWS = 40
BIG_ROW_BYTES = 1 << 20


class Watched(Quiet):
    """Calls `then` when `moment` is reached: a phase's name, or a phase and how many of its steps are done."""

    def __init__(self, moment, then):
        super().__init__()
        self._moment = moment
        self._then = then
        self._steps = 0
        self.reached = False

    def phase(self, name, total=None):
        super().phase(name, total)
        self._steps = 0
        self._look(name)

    def advance(self, steps=1):
        self._steps += 1
        self._look((self.phases[-1], self._steps))

    def _look(self, moment):
        if moment == self._moment:
            self.reached = True
            self._then()


def failure(request, progress, plan=None):
    """Pack; return the ShoplaunchError it must end with."""
    plan = plan or PlainPlan()
    with pytest.raises(ShoplaunchError) as error:
        pack(request, lambda tree, source: plan, progress)
    assert progress.reached, str(error.value)
    return error.value


@pytest.fixture
def request_for(docroot, tmp_path):
    """Return a function that makes a request to pack the document root with a database or a dump."""

    def make(database, *more):
        return Request(docroot, tmp_path / "x.bundle", database, *more)

    return make


@pytest.fixture(scope="module")
def big(mariadb_server):
    """The name of a database with more data than is left on a disk that is full but for a few megabytes."""
    name, _, _ = mariadb_server.new_database()
    mariadb_server.query("CREATE TABLE big (id int NOT NULL, a longtext, PRIMARY KEY (id))", database=name)
    for number in range(BIG_ROWS):
        mariadb_server.query(f"INSERT INTO big VALUES ({number}, REPEAT('x', {BIG_ROW_BYTES}))", database=name)
    yield name
    mariadb_server.query(f"DROP DATABASE {name}")


@pytest.fixture
def disk(monkeypatch):
    """A file system of its own as TMPDIR; `disk(free)` makes it full but for so many bytes."""
    # Where the scratch server's user may go, too
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-disk-"))
    folder.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "shoplaunch-test", str(folder)], check=True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))

    def leave(free):
        # A process that works there may take a block in between: it is never made smaller than what it holds
        for last in [False] * 50 + [True]:
            now = os.statvfs(folder)
            size = (now.f_blocks - now.f_bfree) * now.f_frsize + free
            if subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=last).returncode == 0:
                return

    yield leave
    left = list(folder.iterdir())
    # A process that has just ended may hold on to it for a moment
    wait_until(lambda: subprocess.run(["umount", str(folder)], check=False).returncode == 0, "somebody holds on to it")
    folder.rmdir()
    assert left == []


@pytest.mark.sampled(of=2)
@pytest.mark.root
@pytest.mark.parametrize(
    ("moment", "free"),
    [("tables", 0), ("proof", 8 << 20), (("proof", 1), 8 << 20)],
    ids=["definitions", "first-load", "second-load"],
)
def test_a_disk_that_gets_full_under_the_scratch_server_is_reported_as_that(
    request_for, big, url_of, disk, moment, free
):
    error = failure(request_for(url_of(big)), Watched(moment, lambda: disk(free)))
    assert error.code == "disk_full", str(error)
    assert "shoplaunch-disk-" in error.message


@pytest.mark.root
def test_a_disk_that_gets_full_while_a_dump_is_loaded_is_reported_as_that(docroot, tmp_path, big, mariadb_server, disk):
    dump = tmp_path / "big.sql"
    with dump.open("wb") as out:
        subprocess.run(
            ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", big],
            stdout=out,
            check=True,
        )
    request = Request(docroot, tmp_path / "x.bundle", None, dump)
    assert failure(request, Watched("loading the dump", lambda: disk(8 << 20))).code == "disk_full"


def test_a_scratch_folder_that_somebody_removes_is_reported_as_that(docroot, tmp_path, awkward, url_of, monkeypatch):
    place = Path(tempfile.mkdtemp(prefix="shoplaunch-cleaned-"))
    place.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(place))

    def clean():
        for folder in place.iterdir():
            shutil.rmtree(folder)

    error = failure(Request(docroot, tmp_path / "x.bundle", url_of(awkward)), Watched("proof", clean))
    place.rmdir()
    assert error.code == "scratch_failed", str(error)
    assert "was removed while the scratch server worked there" in error.message


@pytest.fixture
def template_of(url_of, awkward, tmp_path):
    """Return a function that gives a template's (database, dump): one of them, by its kind."""

    def make(kind):
        if kind == "database":
            return url_of(awkward), None
        dump = tmp_path / "shop.sql"
        dump.write_bytes(DUMP)
        return None, dump

    return make


@pytest.mark.parametrize("kind", ["database", "dump"])
@pytest.mark.parametrize("moment", ["tables", ("proof", 1), ("proof", 2)], ids=["definitions", "load", "evidence"])
def test_a_lost_scratch_connection_is_reported_as_that(request_for, mariadb_server, template_of, kind, moment):
    def end_connections():
        sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE DB LIKE 'shoplaunch\\_scratch\\_%%'"
        for (number,) in mariadb_server.query(sql):
            mariadb_server.query(f"KILL {number}")

    request = request_for(*template_of(kind), server_url(mariadb_server))
    assert failure(request, Watched(moment, end_connections)).code == "scratch_failed"
    assert mariadb_server.query("SHOW DATABASES LIKE 'shoplaunch\\_scratch\\_%%'") == ()


def test_a_lost_connection_to_the_templates_database_is_reported_as_that(
    docroot, tmp_path, mariadb_server, awkward, url_of
):
    def end_connections():
        sql = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{awkward}'"
        for (number,) in mariadb_server.query(sql):
            mariadb_server.query(f"KILL {number}")

    request = Request(docroot, tmp_path / "x.bundle", url_of(awkward), None, server_url(mariadb_server))
    assert failure(request, Watched(("tables", 1), end_connections)).code == "source_database"


STARTING = """
from controller.bundles.source.servers.connections import connect
from controller.bundles.source.servers.private_server import private_server
with private_server(lambda _what: None) as address:
    connection = connect(address, "scratch_failed")
    connection.close()
    print("answers")
"""


@pytest.mark.root
@attack(
    "a template is packed on a machine where neither its own name nor localhost resolves",
    "the scratch server is made and answers all the same",
)
def test_where_no_name_resolves_the_scratch_server_starts(tmp_path):
    assert run_where(NAMELESS, STARTING, tmp_path) == "answers\n"
