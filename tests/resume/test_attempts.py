"""A newer attempt takes over: finished chunks stay, old agents and their connections can neither write nor block."""

import os
import signal
import time

import pymysql
import pytest

from agent.base.exit_codes import SUPERSEDED
from tests.resume.conftest import chunks_in_ledger, same


def connect(shop):
    """Return a connection as the account's own database user, as an old agent holds one."""
    return pymysql.connect(
        unix_socket=shop.server.socket, user=shop.db_user, password=shop.db_password, database=shop.database
    )


def kill_in_the_import(shop, chunks=4):
    """Start the agent and kill it once `chunks` chunks are there."""
    process = shop.start()
    shop.wait_for(lambda: chunks_in_ledger(shop) >= chunks or process.poll() is not None)
    assert process.poll() is None, "the agent had ended before"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(120)


@pytest.mark.sampled(of=3, rests=True)
def test_another_database_password_keeps_the_chunks_and_renders_the_files_again(shop, controller, undisturbed):
    shop.drop()
    kill_in_the_import(shop)
    assert len(shop.chunks.look()) >= 4
    shop.server.query(f"ALTER USER `{shop.db_user}`@localhost IDENTIFIED BY 'another one'")
    shop.db_password = "another one"
    controller.answer = lambda event: (409, {}) if event["attempt"] < 2 else None
    shop.drop(attempt=2)
    process = shop.start()
    assert process.wait(120) == 0
    shop.chunks.check(1, "another password")
    same(shop.picture(), undisturbed)


def test_other_values_start_the_restore_at_zero(shop, controller):
    shop.drop()
    kill_in_the_import(shop)
    assert len(shop.chunks.look()) >= 4
    shop.drop(attempt=2, values={"domain": "other.example.com"})
    assert shop.run() == 0
    assert shop.chunks.sent() == dict.fromkeys(shop.chunks.names, 1)
    assert shop.query("SELECT value FROM ps_configuration WHERE id=1")[0][0] == "other.example.com"
    assert "other\\.example\\.com" in (shop.root / ".htaccess").read_text()


def test_a_zombie_with_an_open_transaction_is_ended_and_its_rows_never_appear(shop, undisturbed):
    shop.drop()
    kill_in_the_import(shop)
    zombie = connect(shop)
    with zombie.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT attempt FROM shoplaunch_attempt WHERE id = 1 LOCK IN SHARE MODE")
        cursor.execute("INSERT INTO ps_product (id, name) VALUES (-5, 'zombie')")
    shop.drop(attempt=2)
    assert shop.run() == 0
    with pytest.raises(pymysql.err.MySQLError):
        zombie.commit()
    same(shop.picture(), undisturbed)


def test_a_zombie_about_to_run_ddl_has_lost_its_connection(shop, undisturbed):
    shop.drop()
    kill_in_the_import(shop)
    zombie = connect(shop)
    with zombie.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK('shoplaunch_test01', 0)")
    shop.drop(attempt=2)
    assert shop.run() == 0
    with pytest.raises(pymysql.err.MySQLError), zombie.cursor() as cursor:
        cursor.execute("ALTER TABLE ps_product ADD COLUMN zombie INT")
    same(shop.picture(), undisturbed)


def test_an_old_agent_that_wakes_up_notices_and_touches_nothing(shop, controller, undisturbed):
    shop.drop()
    old = shop.start()
    shop.wait_for(lambda: "ps_product" in shop.tables() or old.poll() is not None)
    os.killpg(old.pid, signal.SIGSTOP)
    shop.drop(attempt=2)
    # The lock's holder belongs to an older attempt, so the new one ends it and takes over
    assert shop.run() == 0
    os.killpg(old.pid, signal.SIGCONT) if old.poll() is None else None
    old.wait(120)
    same(shop.picture(), undisturbed)


def test_an_agent_answered_409_leaves_everything_as_it_is(shop, controller):
    controller.answer = lambda event: (409, {})
    shop.drop()
    shop.cron()
    shop.run()
    assert shop.tables() == set()
    assert list(shop.root.iterdir()) == []
    assert (shop.folder / "job").exists()
    assert "shoplaunch" in shop.crontab


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("stage", ["preflight", "unpack", "import", "configure", "prove"])
def test_a_cancelled_job_puts_everything_back(shop, controller, stage):
    (shop.root / "mine").mkdir()
    (shop.root / "mine" / "page.html").write_text("mine")
    (shop.root / ".htaccess").write_text("Redirect /a /b\n")
    shop.own()
    controller.answer = lambda event: (410, {}) if event.get("stage") == stage and event["seq"] else None
    rules = {**shop.job()["document_root"], "occupied": "move"}
    shop.drop(document_root=rules)
    shop.cron()
    code = shop.run()
    deadline = time.monotonic() + 240
    while shop.folder.exists() and time.monotonic() < deadline:
        controller.answer = lambda event: (410, {})
        code = shop.run()
    assert code in (0, 5)
    assert (shop.root / "mine" / "page.html").read_text() == "mine"
    assert (shop.root / ".htaccess").read_text() == "Redirect /a /b\n"
    assert sorted(path.name for path in shop.root.iterdir()) == [".htaccess", "mine"]
    assert shop.tables() == set()
    assert not any(path.name.startswith(".shoplaunch") for path in shop.home.iterdir())
    assert "shoplaunch" not in (shop.crontab or "")


def folders_of(staging):
    """Return open folders of the tree that is being built, path -> descriptor, as a forgotten agent holds them."""
    found = {}
    for path in [staging, *staging.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            found[path.relative_to(staging)] = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    return found


@pytest.mark.parametrize("attempt", [1, 2])
def test_an_agent_whose_lock_file_is_gone_holds_on_to_a_tree_that_is_nobodys_any_more(shop, undisturbed, attempt):
    shop.drop()
    staging = shop.home / f".shoplaunch-staging-{shop.id}"
    process = shop.start()
    shop.wait_for(lambda: (staging / "bulk" / "03").exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(120)
    held = folders_of(staging)
    assert len(held) > 3
    (shop.folder / "lock").unlink()
    shop.drop(attempt=attempt)
    assert shop.run() == 0
    for descriptor in held.values():
        for name in os.listdir(descriptor):
            if not os.path.isdir(f"/proc/self/fd/{descriptor}/{name}"):
                os.unlink(name, dir_fd=descriptor)
        os.close(descriptor)
    same(shop.picture(), undisturbed)
    assert [path.name for path in shop.home.iterdir() if "staging" in path.name] == []


def test_an_agent_leaves_as_soon_as_another_one_has_a_new_lock_file(shop, controller, undisturbed):
    shop.drop()
    first = shop.start()
    shop.wait_for(lambda: chunks_in_ledger(shop) >= 2 or first.poll() is not None)
    os.killpg(first.pid, signal.SIGSTOP)
    (shop.folder / "lock").unlink()
    second = shop.start()
    shop.wait_for(lambda: (shop.folder / "lock").exists() or second.poll() is not None)
    os.killpg(first.pid, signal.SIGCONT)
    assert first.wait(120) == SUPERSEDED
    assert second.wait(120) == 0
    assert controller.accepted("failed") == []
    same(shop.picture(), undisturbed)
