"""The database server is stopped while the package is upgraded, as where one run of apt upgrades both: no failure."""

import re
import shutil

import pytest

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import UNITS, is_active, main_process, row_of
from tests.system.packages.upgrades.test_upgrades import (
    BACKUPS,
    DATABASE_URL,
    ENVIRONMENTS,
    OF_STATE,
    each_night,
    in_use,
    start_database,
    state_of,
    with_a_database,
)

pytestmark = [pytest.mark.root, pytest.mark.nightly]
#: A machine with MariaDB as it comes from the system's package.
MARIADB = """
rm -rf /var/lib/mysql
install -d -o mysql -g mysql -m 700 /var/lib/mysql
mariadb-install-db --user=mysql --skip-test-db >/dev/null
systemctl --root=/ enable --quiet mariadb
"""
TEMPORARY = 75


def stop_database(tree, server):
    tree.run("mariadb-admin", "shutdown")
    server.wait(60)


def service_begins(tree, code=0):
    """Do what a service does as root before it starts; return what it said."""
    unit = (PROJECT / "packaging" / "systemd" / "shoplaunch-web.service").read_text("utf-8")
    (line,) = re.findall(r"^ExecStartPre=\+(.*)$", unit, re.MULTILINE)
    return tree.run(*line.split(), code=code)


def at_work(tree):
    return tree.run("readlink", "/opt/shoplaunch/current").strip()


def is_configured(tree):
    return tree.run("dpkg-query", "-W", "-f", "${Status}", "shoplaunch") == "install ok installed"


def test_an_upgrade_waits_for_a_database_that_is_stopped_and_services_end_it(package, newer, tree, tmp_path):
    server = with_a_database(tree)
    job = in_use(tree, package, tmp_path, DATABASE_URL)
    former = at_work(tree)
    stop_database(tree, server)
    said = tree.run("dpkg", "-i", tree.give(newer))
    assert "The state database does not answer" in said and "skeleton install" in said and is_configured(tree)
    assert at_work(tree) == former
    assert "database_busy" in service_begins(tree, TEMPORARY)
    # What waits is nobody's former version
    assert each_night(tree) == "" and len(list(tree.path(ENVIRONMENTS).iterdir())) == 2
    start_database(tree)
    assert "before-9" in service_begins(tree)
    assert at_work(tree) != former and state_of(tree, job)["id"] == job
    (saved,) = tree.path(BACKUPS).iterdir()
    tree.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{saved.name}")
    assert service_begins(tree) == each_night(tree) == ""
    assert [str(path.name) for path in tree.path(ENVIRONMENTS).iterdir()] == [at_work(tree).rpartition("/")[2]]


def test_another_python_comes_while_the_database_is_stopped(package, tree, tmp_path):
    server = with_a_database(tree)
    job = in_use(tree, package, tmp_path, DATABASE_URL)
    anew = at_work(tree)
    # As an upgrade of the system leaves it: of a Python that is gone
    earlier = anew.rpartition("-")[0] + "-3.10"
    tree.run("mv", anew, earlier)
    tree.run("ln", "-sfn", earlier, "/opt/shoplaunch/current")
    stop_database(tree, server)
    tree.run("dpkg-trigger", "--by-package=dpkg", "/usr/bin/python3")
    said = tree.run("dpkg", "--triggers-only", "-a")
    assert "The state database does not answer" in said and "backed up" not in said and is_configured(tree)
    assert at_work(tree) == anew
    service_begins(tree, TEMPORARY)
    start_database(tree)
    service_begins(tree)
    assert state_of(tree, job)["id"] == job and list(tree.path(BACKUPS).iterdir()) == []
    assert row_of(tree, "agent's version")["ok"]


def test_where_a_backup_fails_later_the_former_version_serves_on(package, newer, tree, tmp_path):
    server = with_a_database(tree)
    job = in_use(tree, package, tmp_path, DATABASE_URL)
    former = at_work(tree)
    stop_database(tree, server)
    tree.run("dpkg", "-i", tree.give(newer))
    start_database(tree)
    tree.run("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", BACKUPS)
    assert "Read-only" in service_begins(tree)
    assert at_work(tree) == former and state_of(tree, job)["id"] == job
    # The operator hears of it as of any backup that fails
    assert "backup" in tree.run("sh", "-c", "shoplaunch doctor || test $? = 1")
    tree.run("umount", BACKUPS)
    service_begins(tree)
    assert at_work(tree) != former and state_of(tree, job)["id"] == job


def test_the_service_manager_ends_the_upgrade_once_the_database_is_back(package, newer, tmp_path):
    if shutil.which("mariadbd") is None:
        pytest.skip("mariadb-server is not installed")
    machine = Machine(tmp_path / "machine", prepared=MARIADB)
    try:
        wait_until(lambda: is_active(machine, "mariadb"))
        machine.run("mariadb", "-e", OF_STATE)
        job = in_use(machine, package, tmp_path, DATABASE_URL)
        machine.run("systemctl", "start", *UNITS)
        former = {main_process(machine, unit) for unit in UNITS}
        machine.run("systemctl", "stop", "mariadb")
        machine.run("dpkg", "-i", machine.give(newer))
        assert is_configured(machine) and not any(is_active(machine, unit) for unit in UNITS)
        machine.run("systemctl", "start", "mariadb")
        wait_until(lambda: all(is_active(machine, unit) for unit in UNITS))
        now = {main_process(machine, unit) for unit in UNITS}
        assert now.isdisjoint(former)
        for process in now:
            assert at_work(machine) in machine.run("cat", f"/proc/{process}/cmdline")
        wait_until(lambda: row_of(machine, "web")["ok"])
        assert list(machine.path(BACKUPS).glob("before-9*")) and state_of(machine, job)["id"] == job
    finally:
        machine.close()
