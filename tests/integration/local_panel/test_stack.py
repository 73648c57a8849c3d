"""The private services: started once, found again, stopped and removed without touching others."""

import http.client
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from controller.panels.local.private_stack.stack import Stack, free_port
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.machine.changed_machine import NAMELESS, run_where
from tests.support.servers.databases.mariadb import certificate_options
from tests.support.servers.local_server import as_user

pytestmark = pytest.mark.root


@pytest.fixture
def directory():
    path = Path(tempfile.mkdtemp(prefix="shoplaunch-stack-"))
    path.chmod(0o755)
    yield path
    Stack(path / "stack").remove()
    shutil.rmtree(path)


def stack_in(folder):
    """Return a stack in `folder` whose database has a certificate: to make one takes seconds with each start."""
    return Stack(folder, mariadb_options=certificate_options())


def pids(stack):
    return {str(path): path.read_text() for path in stack.directory.glob("*/*.pid")}


def test_starting_twice_starts_once_and_another_object_finds_it(directory):
    stack = stack_in(directory / "stack")
    assert set(stack.status().values()) == {False}
    stack.start()
    first = pids(stack)
    assert len(first) == 2 + len(stack.php_versions())
    again = stack_in(directory / "stack")
    again.start()
    assert pids(again) == first
    assert again.http_port == stack.http_port
    assert set(again.status().values()) == {True}
    again.stop()
    assert set(stack.status().values()) == {False}
    assert pids(stack) == {}
    stack.start()
    assert set(stack.status().values()) == {True}


def test_two_stacks_live_side_by_side(directory):
    one, two = stack_in(directory / "stack"), stack_in(directory / "other")
    try:
        one.start()
        two.start()
        assert one.http_port != two.http_port
        one.stop()
        assert set(two.status().values()) == {True}
    finally:
        two.remove()
    assert not two.directory.exists()


def test_a_killed_service_is_started_again(directory):
    stack = stack_in(directory / "stack")
    stack.start()
    for pid in pids(stack).values():
        os.kill(int(pid), 9)
    for _ in range(1000):
        if not any(stack.status().values()):
            break
    stack.start()
    assert set(stack.status().values()) == {True}


def test_an_unknown_host_gets_nothing_and_only_root_is_the_database_s_root(directory):
    stack = Stack(directory / "stack")
    stack.start()
    connection = http.client.HTTPConnection("127.0.0.1", stack.http_port, timeout=120)
    connection.request("GET", "/")
    assert connection.getresponse().status == 404
    connection.close()
    command = ["mariadb", "--no-defaults", f"--socket={stack.mariadb_socket}", "--user=root", "-e", "SELECT 1"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert as_user("www-data", *command).returncode != 0


def test_what_does_not_start_is_said_with_its_own_words(directory):
    stack = Stack(directory / "stack", mariadb_options=["--no-such-option"])
    with pytest.raises(ShoplaunchError) as failure:
        stack.start()
    assert failure.value.code == "panel_refused"
    assert "no-such-option" in str(failure.value)


INSTALLING = """
import sys
from pathlib import Path
from controller.panels.local.private_stack import config
from shared.errors import ShoplaunchError
try:
    config.install_mariadb(Path(sys.argv[1]))
except ShoplaunchError as error:
    print(error)
"""


STARTING = """
import socket
import sys
from pathlib import Path
from controller.panels.local.private_stack.stack import Stack
for name in ("localhost", socket.gethostname()):
    try:
        print(name, socket.getaddrinfo(name, 80))
    except socket.gaierror:
        pass
stack = Stack(Path(sys.argv[1]))
stack.start()
print(sorted(set(stack.status().values())))
"""


@attack(
    "the demo or the private services are set up on a machine where neither its own name nor localhost resolves",
    "database, PHP and Apache are made and answer all the same",
)
def test_where_no_name_resolves_all_services_start(directory):
    assert run_where(NAMELESS, STARTING, directory / "stack") == "[True]\n"
    assert (directory / "stack" / "mariadb" / "data" / "mysql").is_dir()


@attack(
    "MariaDB's installer fails and says why on standard output alone",
    "the error shows the installer's own words, and no half-made database is left",
)
def test_what_the_installer_says_on_standard_output_is_reported(directory):
    said = run_where(["mount --bind /dev/null /usr/sbin/mariadbd"], INSTALLING, directory / "stack")
    assert "panel_refused: mariadb-install-db ended with" in said
    assert "mariadbd" in said
    assert not (directory / "stack" / "data").exists()


def test_a_chosen_port_is_never_one_the_system_gives_to_outgoing_connections():
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = [free_port() for _ in range(50)]
    assert all(1024 < port < first for port in ports), ports
    assert len(set(ports)) > 1
