"""A wrong database password in the middle of a real restore: retry goes on, the old attempt can do nothing."""

import os
import signal
import time

import pymysql
import pytest
import requests

from shared.events import make_event
from tests.support.shops.real_shop import Disturbed, parameters


def test_a_wrong_password_is_corrected_by_retry_without_repeating_what_is_done(real, manifest):
    job = real.quiet_order()
    account = Disturbed(real, job, manifest)
    table = real.template.prefix + "configuration"
    kill_before_it_configures(account, table)
    old = account.job_file()
    zombies = [zombie(real, old), zombie(real, old)]
    with zombies[0].cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT attempt FROM shoplaunch_attempt WHERE id = 1 LOCK IN SHARE MODE")
        cursor.execute(f"UPDATE `{table}` SET value = 'zombie'")
    with zombies[1].cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", (old["lock_name"],))
    files = written(account.home / f".shoplaunch-staging-{job['id']}")
    real.sql(f"ALTER USER `{account.database}`@localhost IDENTIFIED BY 'somebody changed it'")
    assert account.start().wait(120) == 3
    failed = real.wait(job, "failed")
    assert failed["error"]["code"] == "db_access_denied" and "retry" in failed["error"]["advice"]
    with account.watched_ledger() as ledger:
        real.world.run("retry", job["id"])
        assert real.wait(job, "dropped", "failed")["attempt"] == 2
        assert real.run_agent(job, 240) == 0
    real.live(job)
    check_continued(account, files, ledger)
    assert parameters(real.root(job))["database_password"] != old["values"]["db.password"]
    for statement, one in zip(("COMMIT", f"ALTER TABLE `{table}` ADD COLUMN zombie INT"), zombies, strict=True):
        with pytest.raises(pymysql.err.MySQLError), one.cursor() as cursor:
            cursor.execute(statement)
    assert "zombie" not in real.settings(job).values()
    event = make_event(job["id"], 1, 90, "started", time.time())
    token = {"Authorization": f"Bearer {old['callback']['token']}"}
    assert requests.post(old["callback"]["url"], json=event, headers=token, timeout=120).status_code == 409


def kill_before_it_configures(account, table):
    """Start the agent, and kill it when all rows and files are there."""
    process = account.start()
    rows = [member["name"] for member in account.members("data")]
    shards = {member["name"] for member in account.members("files")}
    # Its rows come with one chunk; from the last chunk to the settings it is too short a way
    assert account.wait_for(lambda: account.has_rows(table), process)
    with account.held(table):
        # Configuring waits for the table; files are unpacked meanwhile, and their stage is noted as done after it
        assert account.wait_for(
            lambda: (
                shards <= set(account.state.get("shards", {}))
                and account.waits_in(table)
                and all(account.has_chunk(name) for name in rows)
            ),
            process,
        )
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(120)


def zombie(real, old):
    """Return a connection as an agent of the old attempt holds it."""
    values = {"user": old["values"]["db.user"], "password": old["values"]["db.password"]}
    return pymysql.connect(
        unix_socket=str(real.world.stack.mariadb_socket), database=old["values"]["db.name"], **values
    )


def written(folder):
    """Return relative path -> what changes when the file is written again, of every file below `folder`."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            status = path.stat()
            # The switch moves the topmost entries, which changes their ctime; a rendered file has the present time
            time_ns = status.st_mtime_ns if path.parent == folder else status.st_ctime_ns
            found[str(path.relative_to(folder))] = (status.st_ino, time_ns)
    return found


def check_continued(account, files, ledger):
    """Nothing but files with placeholders was written again, and no chunk was sent again."""
    now = written(account.home / "public_html")
    again = {name for name in files if now[name] != files[name]}
    assert "app/config/parameters.php" in again
    assert len(again) <= 1 + sum(m["entries"] for m in account.members("files") if m["placeholders"])
    attempts = {name: row[0] for name, row in ledger.items()}
    assert attempts == {
        **{member["name"]: 1 for member in account.members("data")},
        **{member["name"]: 2 for member in account.members("configure")},
    }
