"""Upgrades of the package: with a job in flight, killed, back to the former version, over what a clone left."""

import json
import re
import shutil
import subprocess

import pytest

from tests.pages import PROJECT
from tests.support.waiting import wait_until
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle
from tests.system.packages.machines.operating import block_from, follow, lines_back
from tests.system.packages.machines.tree import SECONDS, Tree

pytestmark = [pytest.mark.root, pytest.mark.nightly]
STATE, BACKUPS, ENVIRONMENTS = "/var/lib/shoplaunch", "/var/backups/shoplaunch", "/opt/shoplaunch/environments"
#: What configures the package, and what of that also services call.
POSTINST, FINISH = "/var/lib/dpkg/info/shoplaunch.postinst", "/usr/share/shoplaunch/finish-upgrade.sh"
#: What a later version would have made of the tables: the former one knows them no more.
LATER_TABLES = """
import contextlib, sqlite3, sys
with contextlib.closing(sqlite3.connect(sys.argv[1])) as state:
    state.execute("UPDATE alembic_version SET version_num = '9999'")
    state.commit()
"""
#: Nobody listens there: its jobs wait.
NOWHERE = "https://127.0.0.1:2087"


def in_use(tree, package, tmp_path, database_url=""):
    """Install the package and place an order whose server does not answer; return the job's id.

    `database_url` names the state database; SQLite without it.
    """
    tree.run("dpkg", "-i", tree.give(package))
    if database_url:
        settings = tree.path("/etc/shoplaunch/shoplaunch.toml")
        settings.write_text(f'database_url = "{database_url}"\n' + settings.read_text())
    tree.run("shoplaunch", "init", "--operator-email", "operator@example.com")
    bundle, token = tmp_path / "small.bundle", tmp_path / "token"
    members = sample_members()
    write_bundle(bundle, members, small_manifest(members))
    token.write_text("A" * 32)
    for name in (tree.give(bundle), tree.give(token)):
        tree.run("chown", "shoplaunch", name)
    tree.run("shoplaunch", "bundle", "add", "small", "/var/tmp/small.bundle")
    known = ["--panel", "cpanel", "--url", NOWHERE, "--user", "reseller", "--token-file", "/var/tmp/token"]
    tree.run("shoplaunch", "server", "add", "cp1", *known)
    order = ["--server", "cp1", "--bundle", "small", "--domain", "shop.example.com", "--account", "alice"]
    return tree.run("shoplaunch", "order", *order, "--email", "owner@example.com").strip()


def state_of(tree, job):
    return json.loads(tree.run("shoplaunch", "show", job, "--json"))


def each_night(tree):
    """Do as root what the package's service does each night before it removes what is over; return what it said."""
    unit = (PROJECT / "packaging" / "systemd" / "shoplaunch-retention.service").read_text("utf-8")
    (line,) = re.findall(r"^ExecStartPre=\+-(.*)$", unit, re.MULTILINE)
    return tree.run(*line.split())


def tried(tree, job):
    """Return what the job's steps have met."""
    return json.dumps(state_of(tree, job)["steps"])


def test_a_job_in_flight_goes_on_after_an_upgrade(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    worker = tree.start("shoplaunch", "worker")
    wait_until(lambda: "panel_unreachable" in tried(tree, job))
    before = state_of(tree, job)
    said = tree.run("dpkg", "-i", tree.give(newer))
    assert "before-9" in said and "skeleton install" in said
    # What it does by itself it asks of nobody
    assert "systemctl restart" not in said
    # As the service manager would, which is not there
    tree.stop(worker, "shoplaunch", "worker")
    assert state_of(tree, job)["state"] == before["state"]
    worker = tree.start("shoplaunch", "worker")
    wait_until(lambda: tried(tree, job) != json.dumps(before["steps"]))
    tree.stop(worker, "shoplaunch", "worker")
    (saved,) = tree.path(BACKUPS).iterdir()
    tree.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{saved.name}")
    # The former worker ran on from its own until it was stopped
    assert each_night(tree) == ""
    assert len(list(tree.path(ENVIRONMENTS).iterdir())) == 1


def moves_to(other, tree, package, job):
    """Bring the installation in `tree` to the system `other`, which is gone then; its job is there."""
    try:
        tree.run("shoplaunch", "backup", f"{BACKUPS}/moving.backup")
        other.run("dpkg", "-i", other.give(package))
        other.run("shoplaunch", "init")
        moved = other.give(tree.path(f"{BACKUPS}/moving.backup"))
        other.run("chown", "shoplaunch", moved)
        # 3: its bundles are to be added again
        other.run("shoplaunch", "restore", moved, "--yes", code=3)
        assert state_of(other, job)["id"] == job
    finally:
        other.close()


def test_an_installation_moves_to_another_host(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    tree.run("dpkg", "-i", tree.give(newer))
    moves_to(Tree(tmp_path / "other"), tree, newer, job)


def test_the_page_leads_to_another_machine(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    tree.run("install", "-o", "shoplaunch", "-m", "600", "/var/tmp/token", "/etc/shoplaunch/secret")
    (stop,) = block_from("systemctl disable --now shoplaunch-web")
    copy, *after = block_from("ssh root@FORMER")
    packed, _, unpacked = copy.removeprefix("ssh root@FORMER ").partition(" | ")
    tree.run("sh", "-ec", f"{packed} >/var/tmp/moving")
    other = Tree(tmp_path / "other")
    try:
        # There its user has another number
        other.run("useradd", "--system", "somebody")
        other.run("dpkg", "-i", other.give(newer))
        numbers = {one.run("id", "-u", "shoplaunch") for one in (tree, other)}
        moved = other.give(tree.path("/var/tmp/moving"))
        # As the service manager would, which is not there; doctor is red without it
        runs = [line for line in after if not line.startswith(("systemctl", "shoplaunch doctor"))]
        follow(other, [f"<{moved} {unpacked}", *runs])
        assert len(numbers) == 2 and stop.startswith("systemctl") and len(runs) == len(after) - 2
        assert state_of(other, job)["id"] == job
        assert [one["name"] for one in json.loads(other.run("shoplaunch", "bundle", "list", "--json"))] == ["small"]
        assert other.run("find", STATE, "!", "-user", "shoplaunch", "!", "-type", "l") == ""
        assert other.run("stat", "-c", "%U %a", "/etc/shoplaunch/secret") == "shoplaunch 600\n"
    finally:
        other.close()


def test_the_page_leads_back_to_the_former_version(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    former = tree.run("readlink", "/opt/shoplaunch/current")
    tree.run("dpkg", "-i", tree.give(newer))
    assert tree.run("readlink", "/opt/shoplaunch/current") != former
    tree.run("python3", "-c", LATER_TABLES, f"{STATE}/shoplaunch.db")
    # As the service manager would, which is not there
    follow(tree, [line for line in lines_back(tree, package) if not line.startswith("systemctl")])
    assert tree.run("readlink", "/opt/shoplaunch/current") == former
    assert state_of(tree, job)["id"] == job
    bundles = json.loads(tree.run("shoplaunch", "bundle", "list", "--json"))
    assert [bundle["name"] for bundle in bundles] == ["small"]
    # Its owner's, as before
    assert tree.run("find", STATE, "!", "-user", "shoplaunch", "!", "-type", "l") == ""


#: A database server of the system, with a database for the state, as the page says.
DATABASE = """
install -d -o mysql -g mysql /run/mysqld /run/state
mariadb-install-db --no-defaults --user=mysql --datadir=/run/state --skip-test-db >/dev/null
"""
OF_STATE = """
CREATE DATABASE shoplaunch;
CREATE USER shoplaunch@localhost IDENTIFIED BY 's3cret'; GRANT ALL ON shoplaunch.* TO shoplaunch@localhost;
"""
DATABASE_URL = "mysql://shoplaunch:s3cret@localhost/shoplaunch?unix_socket=/run/mysqld/mysqld.sock"


def with_a_database(tree):
    """Start MariaDB in the tree, with a database for the state; return its process."""
    if shutil.which("mariadbd") is None:
        pytest.skip("mariadb-server is not installed")
    tree.run("sh", "-ec", DATABASE)
    started = start_database(tree)
    tree.run("mariadb", "-e", OF_STATE)
    return started


def start_database(tree):
    """Start the MariaDB of `with_a_database` again, and return its process."""
    server = ("mariadbd", "--no-defaults", "--user=mysql", "--datadir=/run/state", "--skip-networking")
    started = tree.start(*server, "--socket=/run/mysqld/mysqld.sock")
    wait_until(lambda: tree.path("/run/mysqld/mysqld.sock").exists())
    return started


def test_the_page_leads_back_to_the_former_version_where_a_server_has_the_state(package, newer, tree, tmp_path):
    with_a_database(tree)
    job = in_use(tree, package, tmp_path, DATABASE_URL)
    former = tree.run("readlink", "/opt/shoplaunch/current")
    tree.run("dpkg", "-i", tree.give(newer))
    tree.run("mariadb", "shoplaunch", "-e", "UPDATE alembic_version SET version_num = '9999'")
    follow(tree, [line for line in lines_back(tree, package, of_server=True) if not line.startswith("systemctl")])
    assert tree.run("readlink", "/opt/shoplaunch/current") == former
    assert state_of(tree, job)["id"] == job
    assert [bundle["name"] for bundle in json.loads(tree.run("shoplaunch", "bundle", "list", "--json"))] == ["small"]
    # What the later version left is there for who needs it
    assert "9999" in tree.run("cat", "/root/later/shoplaunch.sql")


def test_an_upgrade_after_that_of_another_machine_goes_on_with_the_tables_it_made(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    # As the other machine's new version leaves it: the former one here lacks the last migration
    versions = "/opt/shoplaunch/current/lib/python3*/site-packages/controller/db/migrations/versions"
    tree.run(
        "sh", "-ec", f"rm $(find {versions} -name '[0-9]*.py' -printf '%f %p\\n' | sort | tail -n 1 | cut -d ' ' -f 2)"
    )
    assert "database_newer" in tree.run("shoplaunch", "jobs", code=1)
    assert "another machine" in tree.run("dpkg", "-i", tree.give(newer))
    assert state_of(tree, job)["id"] == job and list(tree.path(BACKUPS).iterdir()) == []


def test_an_upgrade_that_begins_with_other_settings_asks_nothing_and_keeps_what_is_set(package, tree, tmp_path):
    tree.run("dpkg", "-i", tree.give(package))
    tree.run("shoplaunch", "init", "--operator-email", "operator@example.com")
    subprocess.run(["dpkg-deb", "-R", package, tmp_path / "other"], check=True)
    (first,) = (tmp_path / "other").rglob("shoplaunch.toml")
    first.write_text(first.read_text() + "#new = 1\n")
    control = tmp_path / "other" / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9"))
    repack = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", tmp_path / "other", tmp_path / "other.deb"]
    subprocess.run(repack, check=True, stdout=subprocess.DEVNULL)
    # Nobody is there to answer
    said = tree.run("dpkg", "-i", tree.give(tmp_path / "other.deb"))
    assert "onfiguration file" not in said
    settings = tree.path("/etc/shoplaunch/shoplaunch.toml").read_text()
    assert 'operator = "operator@example.com"' in settings and "#new" not in settings
    assert tree.run("stat", "-c", "%U %a", "/etc/shoplaunch/shoplaunch.toml") == "shoplaunch 640\n"


def test_an_upgrade_that_is_killed_goes_on(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    upgrade = subprocess.Popen(tree.words("dpkg", "-i", tree.give(newer)), stdout=subprocess.DEVNULL)
    wait_until(lambda: len(list(tree.path(ENVIRONMENTS).iterdir())) == 2 or upgrade.poll() is not None)
    tree.run("pkill", "-KILL", "-f", "postinst|pip install|-m venv", code=0)
    assert upgrade.wait(SECONDS) != 0
    # The former version still works
    assert state_of(tree, job)["id"] == job
    tree.run("dpkg", "--configure", "-a")
    assert state_of(tree, job)["id"] == job
    assert len(list(tree.path(ENVIRONMENTS).iterdir())) == 1
    assert tree.run("dpkg-query", "-W", "-f", "${Status}", "shoplaunch") == "install ok installed"


def statements(script):
    """Return the places in `script` at which a statement of its outermost level begins, the first ones left out."""
    lines = script.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line[0] not in " \t\n#"]
    ends = ("fi", "esac", "done", "case", "else", "*")
    return [number for number in starts if not lines[number].startswith(ends) and lines[number - 1][-2:] != "\\\n"][2:]


def test_an_upgrade_killed_before_any_of_its_statements_goes_on(package, newer, tree, tmp_path):
    job = in_use(tree, package, tmp_path)
    tree.run("dpkg", "--unpack", tree.give(newer))
    killed_before_each_statement(tree, job)


def killed_before_each_statement(tree, job):
    """Kill the script that configures the unpacked package before each of its statements; then let it end."""
    scripts = {name: tree.path(name).read_text() for name in (POSTINST, FINISH)}
    outer, inner = (statements(script) for script in scripts.values())
    (call,) = [at for at in outer if scripts[POSTINST].splitlines()[at].startswith(f"sh {FINISH}")]
    # The end of a function is met by nobody who has returned from it
    inner = [at for at in inner if not scripts[FINISH].splitlines()[at].startswith("}")]
    assert len(outer) > 8 and len(inner) > 4
    # As they follow one another
    before, after = ([(POSTINST, at) for at in outer if (at <= call) == early] for early in (True, False))
    for name, place in (*before, *((FINISH, at) for at in inner), *after):
        lines = scripts[name].splitlines(keepends=True)
        tree.path(name).write_text("".join([*lines[:place], "kill -9 $$\n", *lines[place:]]))
        tree.run("dpkg", "--configure", "shoplaunch", code=1)
        # Of one version, whole: the former until the new one is there
        assert state_of(tree, job)["id"] == job
        tree.path(name).write_text(scripts[name])
    tree.run("dpkg", "--configure", "-a")
    assert state_of(tree, job)["id"] == job
    assert len(list(tree.path(ENVIRONMENTS).iterdir())) == 1


#: What ails the disk of a folder -> what is done with the folder's mount before the upgrade, and after it.
AILING = {
    "full": ("size=$(($(du -sk {0} | cut -f1) + 8))k", "size=2g"),
    "read-only": ("ro", "rw"),
}


def on_a_disk_that(tree, folder, ail):
    """Put what is in `folder` on a disk of its own that ails."""
    moved = "cp -a {0} /run/moved; mount -t tmpfs tmpfs {0}; cp -aT /run/moved {0}; mount -o remount," + ail + " {0}"
    tree.run("sh", "-ec", moved.format(folder))


@pytest.mark.parametrize("folder", [ENVIRONMENTS, BACKUPS])
@pytest.mark.parametrize("how", AILING)
def test_an_upgrade_on_a_disk_that_ails_leaves_the_former_version_at_work_and_goes_on(
    package, newer, tree, tmp_path, folder, how
):
    job = in_use(tree, package, tmp_path)
    ail, mended = AILING[how]
    on_a_disk_that(tree, folder, ail)
    tree.run("dpkg", "-i", tree.give(newer), code=1)
    assert state_of(tree, job)["id"] == job
    tree.run("mount", "-o", f"remount,{mended}", folder)
    tree.run("dpkg", "--configure", "-a")
    assert state_of(tree, job)["id"] == job
    (saved,) = tree.path(BACKUPS).glob("*.backup")
    tree.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{saved.name}")
    assert len(list(tree.path(ENVIRONMENTS).iterdir())) == 1


@pytest.mark.parametrize("how", AILING)
def test_an_upgrade_whose_state_lies_on_a_disk_that_ails_says_so_and_goes_on(package, newer, tree, tmp_path, how):
    job = in_use(tree, package, tmp_path)
    ail, mended = AILING[how]
    on_a_disk_that(tree, STATE, ail)
    said = tree.run("dpkg", "-i", tree.give(newer), code=1)
    assert {"full": "database_full", "read-only": "database_unwritable"}[how] in said
    tree.run("mount", "-o", f"remount,{mended}", STATE)
    tree.run("dpkg", "--configure", "-a")
    assert state_of(tree, job)["id"] == job
    (saved,) = tree.path(BACKUPS).glob("*.backup")
    tree.run("shoplaunch", "backup", "--verify", f"{BACKUPS}/{saved.name}")


def test_the_state_of_a_clone_goes_on_under_the_package_and_the_other_way(package, tree):
    clone = ["env", f"SHOPLAUNCH_HOME={STATE}", str(PROJECT / ".venv" / "bin" / "shoplaunch")]
    tree.run("mkdir", "-m", "711", STATE)
    # 3: a clone fetches the agent's libraries, which this one may have, and there is no network
    tree.run("rm", "-rf", str(PROJECT / "build" / "vendor"))
    tree.run(*clone, "init", "--operator-email", "operator@example.com", code=3)
    tree.run(*clone, "user", "add", "of-the-clone")
    said = tree.run("dpkg", "-i", tree.give(package))
    assert f"chown -R shoplaunch: {STATE}" in said
    tree.run("chown", "-R", "shoplaunch:", STATE)
    assert "of-the-clone" in tree.run("shoplaunch", "user", "list")
    assert 'operator = "operator@example.com"' in tree.path(f"{STATE}/shoplaunch.toml").read_text()
    tree.run("shoplaunch", "user", "add", "of-the-package")
    tree.run("dpkg", "--remove", "shoplaunch")
    assert "of-the-package" in tree.run(*clone, "user", "list")
