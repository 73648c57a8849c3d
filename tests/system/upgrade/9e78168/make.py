"""Makes the installation that commit 9e78168 leaves, with the code of that commit alone.

    git worktree add /tmp/earlier 9e78168
    PYTHONPATH=/tmp/earlier .venv/bin/python tests/system/upgrade/9e78168/make.py OUTPUT

As root, on a machine with MariaDB, Apache and PHP-FPM. Everything lies below HOME, which must not exist; accounts,
keys and passwords are thrown away afterwards. What tests of other versions read is written to the folder OUTPUT.
"""

import contextlib
import io
import json
import lzma
import os
import pwd
import re
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

import pymysql
from making import CPANEL_TOKEN, HOME, OPERATOR, PASSWORD, Maker
from scenes import cancelled, failed, given, half, interrupted, lives, stalled, unheard, untold, waiting

import controller
from controller import backup
from controller.config import load_config
from controller.jobs import billed
from controller.jobs.private import private_values

#: Those first in which much time passes.
PARTS = (stalled, cancelled, failed, untold, lives, half, waiting, unheard, interrupted)


def archive(maker, output):
    """Write controller, homes and the web server's sites, as the machine holds them."""
    kept = [*sorted((HOME / "controller").rglob("*")), *sorted(maker.world.accounts.rglob("*"))]
    stack = HOME / "stack"
    kept += sorted(stack.glob("apache2/sites/*.conf")) + sorted(stack.glob("php*/pools/shoplaunch.conf"))
    kept += sorted((stack / "skel").rglob("*"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in kept:
            if path.name.endswith(("-wal", "-shm")) or path.is_socket():
                continue
            entry = tar.gettarinfo(path, str(path.relative_to(HOME)))
            # By its name alone: numbers are given anew
            entry.uid = entry.gid = 0
            if entry.isreg():
                with path.open("rb") as stream:
                    tar.addfile(entry, stream)
            else:
                tar.addfile(entry)
    (output / "installation.tar.xz").write_bytes(lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def dump(maker, databases, output):
    """Write the databases as SQL."""
    command = ["mariadb-dump", "--no-defaults", f"--socket={maker.world.stack.mariadb_socket}", "-uroot"]
    command += ["--skip-comments", "--skip-dump-date", "--single-transaction", "--triggers", "--hex-blob"]
    done = subprocess.run([*command, "--databases", *databases], check=True, capture_output=True)
    # Older clients stop at this line
    text = re.sub(rb"^/\*M?!999999.*\n", b"", done.stdout)
    output.write_bytes(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME))


def accounts(maker):
    """Return account -> how it is made again: made by us, open to cron, its crontab, its database's user."""
    found = {}
    for user in sorted(path.name for path in maker.world.accounts.iterdir()):
        entry, shadow = pwd.getpwnam(user), Path("/etc/shadow").read_text()
        row = {
            "ours": entry.pw_gecos == "shoplaunch", "shell": entry.pw_shell,
            "expired": next(line.split(":")[7] for line in shadow.splitlines() if line.startswith(f"{user}:")) == "1",
            "crontab": maker.crontab({"account": user}), "grants": [],
        }  # fmt: skip
        names = [name for (name,) in maker.sql("SELECT User FROM mysql.user WHERE User LIKE %s", f"{user}\\_%")]
        for name in sorted(names):
            with contextlib.suppress(pymysql.err.OperationalError):
                row["grants"] += [sql for (sql,) in maker.sql(f"SHOW CREATE USER `{name}`@localhost")]
                row["grants"] += [sql for (sql,) in maker.sql(f"SHOW GRANTS FOR `{name}`@localhost")]
        found[user] = row
    return found


def on_mariadb(maker, output):
    """The same state on MariaDB, filled by the same code."""
    kept = HOME / "backup"
    backup.backup(maker.config, kept)
    url, password = maker.world.database("shoplaunch_earlier")
    url = url.replace("@localhost", f":{password}@localhost")
    environment = {"SHOPLAUNCH_HOME": str(HOME / "other"), "SHOPLAUNCH_DATABASE_URL": url}
    (HOME / "other").mkdir()
    os.environ.update(environment)
    backup.restore(load_config(environment), kept)
    dump(maker, ["shoplaunch_earlier"], output)


def describe(maker):
    """Return what tests have to know beside the files."""
    known = maker.known
    made = maker.made
    for key, job_id in known["jobs"].items():
        private = private_values(maker.keys, made.get_job(job_id))
        if private:
            known["private"][key] = private
    known["states"] = {key: made.get_job(job_id).state for key, job_id in known["jobs"].items()}
    known["status"] = {key: made.service_status(made.get_job(job_id)) for key, job_id in known["jobs"].items()}
    known["services"] = {number: billed.status(made, number) for number in ("1041", "1042", "1043")}
    known["certificates"] = {
        key: made.signed_certificate(job_id)
        for key, job_id in known["jobs"].items()
        if known["states"][key] == "live" and made.get_job(job_id).kind == "restore"
    }
    known |= {
        "accounts": accounts(maker), "left_at": maker.clock(), "operator": {"user": OPERATOR, "password": PASSWORD},
        "cpanel_token": CPANEL_TOKEN, "given_password": given()["admin.password"],
        "php": str(maker.world.stack.php_versions()[0].version),
    }  # fmt: skip
    return known


def main():
    """Make the installation and write what is kept of it."""
    checkout = os.environ.get("PYTHONPATH") or "/nowhere"
    assert Path(controller.__file__).is_relative_to(checkout), "the code of another version was loaded"
    output = Path(sys.argv[1]).resolve()
    maker = Maker()
    try:
        maker.begin()
        for part in PARTS:
            part(maker)
        maker.made.check_login(OPERATOR, PASSWORD, "127.0.0.1")
        maker.made.check_login(OPERATOR, "wrong", "127.0.0.1")
        known = describe(maker)
        on_mariadb(maker, output / "state.sql.xz")
        dump(maker, sorted(name for (name,) in maker.sql("SHOW DATABASES LIKE 'sle%'")), output / "shops.sql.xz")
        maker.engine.dispose()
        with contextlib.closing(sqlite3.connect(maker.world.home / "shoplaunch.db")) as state:
            state.execute("VACUUM INTO ?", (str(HOME / "whole.db"),))
        (HOME / "whole.db").replace(maker.world.home / "shoplaunch.db")
        archive(maker, output)
        (output / "installation.json").write_text(
            json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        )
    finally:
        maker.remove()


if __name__ == "__main__":
    main()
