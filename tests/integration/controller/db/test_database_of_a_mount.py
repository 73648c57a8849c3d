"""The controller's database on a disk of its own, which goes away while the service runs, or has another file on it."""

import os
import signal
import subprocess
import sys
import time

import pytest
import requests
import sqlalchemy as sa

from controller.db.connection.engine import make_engine, reading, transact
from controller.db.migrate import upgrade
from controller.panels.local.private_stack.stack import free_port
from shared.errors import CODES, ShoplaunchError
from tests.integration.controller.db.test_database_disk_full import refused, run
from tests.integration.controller.rows import add_job, read
from tests.support.error_codes import code_or_none
from tests.support.waiting import wait_until

CHANGE = "DELETE FROM audit"


class Disk:
    """A disk mounted at `place`; what is on it lies in a folder next to it."""

    def __init__(self, folder, place):
        self._folder = folder
        self.place = place
        self.is_mounted = False
        self._folder.mkdir()
        self.place.mkdir(parents=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "--bind", str(self._folder), str(self.place)], check=True)
        self.is_mounted = True

    def lose(self):
        """Take the disk away from under those who use it."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
        self.is_mounted = False

    def names(self):
        return sorted(os.listdir(self.place))


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "disk", tmp_path / "home" / "data")
    yield made
    if made.is_mounted:
        made.lose()


@pytest.fixture
def serving(disk, tmp_path):
    """The address of a service with its worker, whose database is on the disk."""
    home, port = tmp_path / "home", free_port()
    run(home, "init", code=0)
    environment = {
        **os.environ, "SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_DATABASE_URL": f"sqlite:///{home}/data/state.db",
        "SHOPLAUNCH_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }  # fmt: skip
    command = [sys.executable, "-c", "from controller.cli import main; main()", "serve", "--bind", f"127.0.0.1:{port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: answer(port)[0] == 200)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def answer(port):
    """Return (status, code) of the service's readiness."""
    try:
        found = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10)
    except requests.RequestException:
        return 0, None
    return found.status_code, found.json().get("code")


@pytest.mark.sampled(of=3, rests=True)
@pytest.mark.root
def test_a_service_whose_databases_disk_goes_away_makes_no_other_and_goes_on_when_it_is_back(disk, serving, tmp_path):
    disk.lose()
    wait_until(lambda: answer(serving)[0] == 503)
    assert answer(serving) == (503, "database_busy")
    # The worker looks for jobs meanwhile
    for _ in range(5):
        time.sleep(0.5)
        assert disk.names() == []
    disk.mount()
    wait_until(lambda: answer(serving)[0] == 200)
    run(tmp_path / "home", "jobs", code=0)


@pytest.mark.root
@pytest.mark.sampled(of=5)
@pytest.mark.parametrize("words", [("jobs",), ("user", "add", "nora"), ("worker",), ("serve",), ("backup", "saved")])
def test_no_command_makes_a_database_where_its_disk_is_away(disk, tmp_path, words):
    home = tmp_path / "home"
    run(home, "init", code=0)
    disk.lose()
    assert refused(home, *words) in ("not_initialised", "database_busy")
    assert disk.names() == []


@pytest.mark.root
def test_doctor_makes_no_database_where_its_disk_is_away(disk, tmp_path):
    run(tmp_path / "home", "init", code=0)
    disk.lose()
    run(tmp_path / "home", "doctor", code=1)
    assert disk.names() == []


@pytest.mark.root
def test_nothing_is_written_into_a_file_that_its_path_no_longer_leads_to(disk):
    engine = make_engine(f"sqlite:///{disk.place}/state.db")
    upgrade(engine)
    add_job(engine)
    disk.lose()
    for _ in range(2):
        assert code_or_none(lambda: transact(engine, lambda made: made.execute(sa.text(CHANGE)))) == "database_busy"
        assert code_or_none(lambda: read(engine)) == "database_busy"
    assert disk.names() == []
    disk.mount()
    assert read(engine).domain == "shop.example.com"
    engine.dispose()


@pytest.mark.parametrize("connections", [0, 1], ids=["with new connections", "with those it has"])
def test_another_file_at_the_path_is_neither_read_nor_written(tmp_path, connections):
    path = tmp_path / "state.db"
    engine, other = make_engine(f"sqlite:///{path}"), make_engine(f"sqlite:///{tmp_path}/other.db")
    upgrade(engine)
    upgrade(other)
    add_job(engine)
    other.dispose()
    if not connections:
        engine.dispose()
    path.rename(tmp_path / "kept.db")
    (tmp_path / "other.db").rename(path)
    before = path.read_bytes()
    with pytest.raises(ShoplaunchError, match="another file is in the place of") as caught:
        transact(engine, lambda made: made.execute(sa.text(CHANGE)))
    assert caught.value.code == "database_busy"
    assert code_or_none(lambda: read(engine)) == "database_busy"
    assert path.read_bytes() == before
    path.unlink()
    (tmp_path / "kept.db").rename(path)
    assert read(engine).domain == "shop.example.com"
    engine.dispose()


def test_opening_makes_no_file(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/state.db")

    def look():
        with reading(engine):
            pass

    assert code_or_none(look) == "database_busy"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["state.db", "100% of it?.db", "ä #1.db"])
def test_only_migrating_makes_one_closed_to_others_from_the_first_instant(tmp_path, name):
    engine, seen = make_engine(f"sqlite:///{tmp_path}/link.db"), []
    (tmp_path / "link.db").symlink_to(tmp_path / name)
    before = os.umask(0)
    try:
        sa.event.listen(engine, "connect", lambda *_: seen.append((tmp_path / name).stat().st_mode & 0o777))
        upgrade(engine)
    finally:
        os.umask(before)
    assert seen and set(seen) == {0o600}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    engine.dispose()


def test_it_is_tried_again_by_itself():
    assert CODES["database_busy"]["retryable"]
