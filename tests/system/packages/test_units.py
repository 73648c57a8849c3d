"""The units of the package are hardened and explained, and the service manager understands them."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
import yaml

from controller.settings.sections import Config
from tests.pages import PROJECT
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import BACKUPS, PAGE, STATE, TIMERS, is_active

UNITS = PROJECT / "packaging" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
#: Of 100, which is a service without any limit; root's has 96.
MOST_EXPOSED = 20
UNIT = (".service", ".timer")


def analyze(*arguments):
    """Return how `systemd-analyze` ended, and what it said."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there")
    command = ["systemd-analyze", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_hardened(unit):
    code, said = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert code == 0, said


def verified(folder):
    """Return what the service manager says about the units in `folder`, where the program is as if installed."""
    for unit in folder.glob("*.service"):
        text = unit.read_text("utf-8")
        unit.write_text(text.replace("/opt/shoplaunch/current/bin/shoplaunch", "/bin/true"))
    return analyze("verify", "--man=no", *folder.glob("*.service"), *folder.glob("*.timer"))


def test_the_service_manager_understands_every_line(tmp_path):
    folder = shutil.copytree(UNITS, tmp_path / "units")
    assert verified(folder) == (0, "")


def test_the_service_manager_understands_the_lines_for_root(tmp_path):
    folder = shutil.copytree(UNITS, tmp_path / "units")
    for unit in folder.glob("*.service"):
        (folder / f"{unit.name}.d").mkdir()
        shutil.copy(folder / "local-panel.conf", folder / f"{unit.name}.d")
    assert verified(folder) == (0, "")


def test_a_line_it_does_not_understand_is_seen(tmp_path):
    folder = shutil.copytree(UNITS, tmp_path / "units")
    unit = folder / SERVICES[0].name
    unit.write_text(unit.read_text("utf-8").replace("ProtectHome=", "ProtectHomes="))
    assert "ProtectHomes" in verified(folder)[1]


@pytest.mark.parametrize("unit", [*SERVICES, UNITS / "local-panel.conf"], ids=lambda unit: unit.name)
def test_every_line_of_a_service_stands_below_a_comment(unit):
    section = unit.read_text("utf-8").partition("[Service]\n")[2].partition("\n[")[0]
    for block in re.split(r"\n\n", section):
        assert block.startswith("#"), block


def test_web_and_worker_are_limited_alike():
    limits = []
    for name in ("web", "worker"):
        parser = configparser.RawConfigParser(strict=False, interpolation=None)
        parser.optionxform = str
        parser.read_string((UNITS / f"shoplaunch-{name}.service").read_text("utf-8"))
        limits.append(set(parser["Service"].items()))
    assert {key for key, _ in limits[0] ^ limits[1]} == {
        "ExecStart", "ExecStartPost", "KillMode", "RuntimeDirectory", "RuntimeDirectoryMode",
    }  # fmt: skip


def test_prometheus_asks_where_the_units_show_their_numbers():
    (looks,) = yaml.safe_load((PROJECT / "packaging" / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = (one["targets"] for one in looks["static_configs"])
    (worker,) = re.findall(r"^ExecStart=.* worker --metrics (\S+)$", unit_text("worker"), re.MULTILINE)
    assert targets == [Config.bind, worker]


def unit_text(name):
    return (UNITS / f"shoplaunch-{name}.service").read_text("utf-8")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_begins_after_each_database_server_of_its_machine_and_ends_before_it(unit):
    (after,) = re.findall(r"^After=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
    # Of MariaDB, of MySQL and of PostgreSQL, as Debian and Ubuntu name them
    assert {"mariadb.service", "mysql.service", "postgresql.service"} <= set(after.split())


def test_old_backups_go_and_with_them_what_killed_ones_left(tmp_path):
    (line,) = re.findall(r"^ExecStartPost=(.*)$", unit_text("backup"), re.MULTILINE)
    # Where the file system has no nameless files, one that is killed leaves its own, with keys in it
    for name, days in (("new.backup", 10), ("old.backup", 20), (".shoplaunch-backup.abc", 20), ("notes", 20)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - days * 86_400,) * 2)
    subprocess.run([word.replace(BACKUPS, str(tmp_path)) for word in line.split()], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"new.backup", "notes"}


@pytest.mark.parametrize("name", ["packaging/debian/postinst", PAGE])
def test_nothing_that_is_run_lies_among_documents_which_a_system_may_leave_out(name):
    text = (PROJECT / name).read_text("utf-8")
    assert "local-panel.sh" in text and "sh /usr/share/doc" not in text


def test_the_package_needs_the_authorities_by_which_it_knows_panels():
    control = (PROJECT / "packaging" / "debian" / "control").read_text("utf-8")
    (needs,) = re.findall(r"^Depends: (.*)$", control, re.MULTILINE)
    assert "ca-certificates" in needs.split(", ")


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_scripts_of_the_package_know_every_unit_that_begins_by_itself(script):
    begin = [unit for unit in UNITS.iterdir() if "[Install]" in unit.read_text("utf-8")]
    words = re.findall(r"[\w.-]+", (PROJECT / "packaging" / "debian" / script).read_text("utf-8"))
    assert {unit.name for unit in begin} <= set(words)


@pytest.mark.root
def test_what_makes_the_services_roots_has_nothing_to_say_and_may_be_repeated(tmp_path):
    machine = Machine(tmp_path / "local")
    try:
        for unit in UNITS.iterdir():
            shutil.copy(unit, machine.path("/usr/lib/systemd/system") if unit.suffix in UNIT else machine.path("/srv"))
        machine.run("mkdir", "-p", STATE, BACKUPS)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", *(f"{name}.timer" for name in TIMERS))
        for _ in range(2):
            assert machine.run("sh", "/srv/local-panel.sh") == ""
        assert all(is_active(machine, f"{name}.timer") for name in TIMERS)
        assert machine.run("systemctl", "show", "--property=User", "--value", "shoplaunch-worker").strip() == "root"
        # What a later version puts there is in force
        with machine.path("/srv/local-panel.conf").open("a") as lines:
            lines.write("Nice=3\n")
        machine.run("systemctl", "daemon-reload")
        assert machine.run("systemctl", "show", "--property=Nice", "--value", "shoplaunch-worker").strip() == "3"
    finally:
        machine.close()


@pytest.mark.root
def test_a_service_that_sees_of_proc_but_processes_knows_who_listens_on_this_machine():
    assert "ProcSubset=pid\n" in (UNITS / "shoplaunch-worker.service").read_text("utf-8")
    assert "AF_NETLINK" not in (UNITS / "shoplaunch-worker.service").read_text("utf-8")
    # As the kernel refuses what RestrictAddressFamilies does not name
    code = """
import socket
from controller.network import connection_ends
connection_ends._SOCK_DIAG = 999
server = socket.create_server(("127.0.0.1", 0))
there = connection_ends.place(server.getsockname())
print([end.listens for end in connection_ends.ends(there, there)])
"""
    inner = 'mount -t proc -o subset=pid proc /proc && exec "$@"'
    command = ["unshare", "--mount", "--pid", "--fork", "sh", "-c", inner, "sh", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout == "[True]\n", done.stderr
