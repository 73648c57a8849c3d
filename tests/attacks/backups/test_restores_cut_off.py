"""A restore that is cut off leaves the installation as it was, or the one that was saved, and never some of each."""

import fcntl
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller import backups
from controller.backups import loading
from controller.backups.aftermath import ACTION
from controller.cli import main
from controller.db.identities import access
from controller.keys import load_keys
from controller.setup import installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.controller.rows import add_job, read
from tests.support.machine.file_locks import somebody_waits
from tests.support.state import restoring
from tests.support.state.saved import closing_engine, content, keys_of
from tests.support.waiting import wait_until

SECONDS = 120
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.state.restoring"])


@pytest.fixture(scope="module")
def saved(places, tmp_path_factory):
    """A backup, and the installation it is of."""
    config = places.config("sqlite")
    (config.home / "shoplaunch.toml").write_text('bind = "127.0.0.1:9999"\n')
    installation.ensure_installation(config)
    installation.set_operator(config, "nora", "long enough to be one")
    with closing_engine(config) as engine:
        add_job(engine, secrets_encrypted=load_keys(config.keys).encrypt("s3cret"))
    file = tmp_path_factory.mktemp("cut") / "saved"
    backups.backup(config, file)
    return file, config


def environment_of(config):
    return {"SHOPLAUNCH_HOME": str(config.home), "SHOPLAUNCH_DATABASE_URL": config.database_url}


def killed(config, file, number):
    """Restore in a process that ends at moment `number`; return its exit code."""
    process = PROCESSES.Process(target=restoring.run, args=(environment_of(config), str(file), number))
    process.start()
    process.join(SECONDS)
    return process.exitcode


def fresh(places, kind, *, empty):
    config = places.config(kind)
    if not empty:
        installation.ensure_installation(config)
        installation.set_operator(config, "olga", "long enough to be one")
    return config


def which(config, before, saved):
    """Return whether the installation is the "old" or the "new" one; fail when it is neither."""
    if (config.keys.exists() and keys_of(config) == keys_of(saved)) and content(config) == content(saved):
        with closing_engine(config) as engine:
            assert load_keys(config.keys).decrypt(read(engine).secrets_encrypted) == "s3cret"
        return "new"
    keys, rows = before
    assert (keys_of(config) if config.keys.exists() else {}) == keys
    assert content(config) == rows or (rows is None and not any(content(config).values()))
    return "old"


@attack(
    "the machine dies in the middle of a restore, at any statement, commit or rename",
    "the next command finds the old installation or the new one, keys and rows of the same",
)
@pytest.mark.sampled(of=4)
@pytest.mark.parametrize(
    ("kind", "empty"),
    [("sqlite", False), ("sqlite", True), ("mariadb", False), ("postgresql", False)],
)
def test_a_restore_killed_anywhere_is_done_or_has_not_been(places, saved, kind, empty):
    file, source = saved
    count = killed(fresh(places, kind, empty=empty), file, 0)
    assert 20 < count < restoring.KILLED - 1
    config, found, completed = None, [], []
    # Of the many statements before the last ones some stand for all
    stride, last = {"sqlite": (2, 14), "mariadb": (4, 14), "postgresql": (16, 8)}[kind]
    for number in (number for number in range(1, count + 1) if number % stride == 0 or number > count - last):
        if config is None:
            config = fresh(places, kind, empty=empty)
            before = (keys_of(config), content(config)) if not empty else ({}, None)
        assert killed(config, file, number) == restoring.KILLED
        done = CliRunner().invoke(main, ["errors", "--json"], env=environment_of(config))
        assert done.exit_code == 0, done.output
        if empty:
            installation.migrate_database(config)
        found.append(which(config, before, source))
        assert list(config.home.glob(".*")) == []
        # Who runs `restore` again hears only that there are jobs
        completed.append("complete now" in done.stderr)
        assert found[-1] == "new" or not completed[-1]
        if found[-1] == "new":
            assert (config.home / ("shoplaunch.toml" if empty else "shoplaunch.toml.backup")).exists()
        if found[-1] == "new" or empty:
            # An empty one has a database now, and fewer moments
            config = None
    # From the commit on it is the new one
    assert found == sorted(found, reverse=True) and set(found) == {"old", "new"}
    assert any(completed)


@attack("a command runs while a restore is under way", "it waits for nobody and meets no half of it: a code says why")
def test_nothing_runs_while_a_restore_is_under_way(places, saved):
    config = fresh(places, "sqlite", empty=False)
    (config.home / ".restoring").mkdir()
    descriptor = os.open(config.home, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        done = CliRunner().invoke(main, ["jobs"], env=environment_of(config))
        assert done.exit_code == 1 and done.stderr.startswith("restore_running: ")
        with pytest.raises(ShoplaunchError, match="restore_running"):
            backups.restore(config, saved[0])
    finally:
        os.close(descriptor)
    done = CliRunner().invoke(main, ["jobs"], env=environment_of(config))
    assert done.exit_code == 0 and not (config.home / ".restoring").exists()


def test_a_commit_that_the_server_is_still_at_is_waited_for(places):
    """Who was killed in it may have left it behind: "not restored" would take the files away."""
    config = fresh(places, "postgresql", empty=False)
    waiting = sa.text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    with closing_engine(config) as engine, ThreadPoolExecutor(1) as pool:
        with engine.begin() as left:
            access.add_audit(left, 1.0, "command line", ACTION, None, "token")
            found = pool.submit(loading.was_loaded, engine, "token")
            # Within a transaction the server answers it always alike
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
                wait_until(lambda: found.done() or other.execute(waiting).first())
            assert not found.done()
        assert found.result(SECONDS) is True
        assert loading.was_loaded(engine, "another") is False


def test_a_database_that_is_away_decides_nothing(places, saved):
    config = fresh(places, "sqlite", empty=False)
    staging = config.home / ".restoring"
    (staging / "files").mkdir(parents=True)
    (staging / "journal.json").write_text('{"token": "x"}')
    away = {**environment_of(config), "SHOPLAUNCH_DATABASE_URL": f"sqlite:///{config.home}/none/state.db"}
    done = CliRunner().invoke(main, ["jobs"], env=away)
    assert done.exit_code == 1 and done.stderr.startswith("database_busy: ")
    assert staging.is_dir()


@attack(
    "a backup is restored while `key rotate`, begun before it, still builds its agent",
    "the backup's keys are put in place after the rotation's: they stay, and open every row",
)
def test_a_rotation_takes_no_key_away_that_was_restored(places, saved, monkeypatch):
    file, source = saved
    config, begun = fresh(places, "sqlite", empty=False), []

    def build(_config, _known):
        begun.append(pool.submit(backups.restore, config, file))
        wait_until(lambda: begun[0].done() or somebody_waits(config.keys))

    monkeypatch.setattr(installation, "install_agent", build)
    with ThreadPoolExecutor(1) as pool:
        installation.rotate_keys(config)
        begun[0].result(SECONDS)
    assert keys_of(config) == keys_of(source)
    with closing_engine(config) as engine:
        assert load_keys(config.keys).decrypt(read(engine).secrets_encrypted) == "s3cret"
