"""What other accounts of the machine can read of the agent and of the controller's hands holds no secret."""

import contextlib
import secrets
import subprocess
import sys

import pytest

from tests.attacks.table import attack
from tests.integration.agent_work.conftest import Shop, bundle  # noqa: F401 - fixtures
from tests.integration.conftest import agent  # noqa: F401 - a fixture
from tests.support.servers.local_server import LocalServer
from tests.support.worlds.accounts import remove_account

pytestmark = pytest.mark.root

#: Reads whatever the kernel shows of every process, again and again, until its input ends; what it has seen it prints.
EYES = """
import collections, os, select, sys
seen, own, looks, at = set(), str(os.getpid()), collections.Counter(), 0
PLACES = ("cmdline", "environ", "comm", "status", "stat", "maps", "io", "stack", "wchan", "auxv", "mountinfo", "cgroup",
          "cwd", "exe", "root", "mem", "fd", "fdinfo", "map_files", "task")
def look(path):
    try:
        if os.path.islink(path):
            return os.fsencode(os.readlink(path))
        if os.path.isdir(path):
            return b" ".join(look(path + "/" + name) for name in os.listdir(path)) if path.count("/") < 4 else b""
        with open(path, "rb") as stream:
            return stream.read(1 << 20)
    except (OSError, ValueError):
        return b""
print("up", flush=True)
while not select.select([0], [], [], 0)[0]:
    there = [one for one in os.listdir("/proc") if one.isdigit() and one != own]
    # New ones again and again, some of the others in each turn: on a busy machine all of them take longer than it lives
    for process in [one for one in there if looks[one] < 20] + (there + there)[at : at + 10]:
        looks[process] += 1
        seen.update(look("/proc/" + process + "/" + place) for place in PLACES)
    at = (at + 10) % len(there)
    for folder in ("/tmp", "/dev/shm", "/run", "/var/tmp"):
        seen.update(os.fsencode(name) for name in os.listdir(folder))
sys.stdout.buffer.write(b"\\n".join(seen))
"""
#: What is to be seen, or nothing would be proved.
DECOY = "a-word-that-everybody-sees"


@pytest.fixture
def neighbour(tmp_path):
    """Another account of the machine."""
    name, home = "sl" + secrets.token_hex(5), str(tmp_path / "nonexistent")
    subprocess.run(["useradd", "-M", "-d", home, "-s", "/bin/sh", "--expiredate", "1", name], check=True)
    yield name
    remove_account(name, list)


@contextlib.contextmanager
def watched_by(neighbour, found):
    """The neighbour looks meanwhile; what it saw is added to the list `found`."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    # First, so that the first look at everything finds it, however long that takes
    decoy = subprocess.Popen([sys.executable, "-c", "input()", DECOY], stdin=subprocess.PIPE)
    eyes = subprocess.Popen(["/usr/bin/python3", "-I", "-c", EYES], user=neighbour, group=neighbour,
                            extra_groups=[], cwd="/", **pipes)  # fmt: skip
    try:
        assert eyes.stdout.readline() == b"up\n"
        yield
    finally:
        found.append(eyes.communicate(b"\n", timeout=120)[0])
        decoy.communicate(b"\n", timeout=120)


@attack("A neighbour reads whatever /proc shows of the agent and its helper while they restore a shop",
        "no password, token or key of the shop stands there")  # fmt: skip
def test_a_neighbour_reads_no_secret_of_an_agent(mariadb_server, bundle, controller, keys, agent, neighbour):  # noqa: F811
    found = []
    with contextlib.closing(Shop(mariadb_server, bundle, controller, keys, agent)) as shop:
        job = shop.drop()
        with watched_by(neighbour, found):
            assert shop.run() == 0, shop.errors
    (seen,) = found
    assert DECOY.encode() in seen and b"agent.pyz" in seen
    secrets = [job["callback"]["token"], shop.db_password, job["values"]["secret.cookie_key"]]
    assert [secret for secret in secrets if secret.encode() in seen] == []


@attack("A neighbour reads whatever /proc shows while panel `local` makes a database user, a job file and a cron line",
        "no password and nothing of the job file stands there")  # fmt: skip
def test_a_neighbour_reads_no_secret_of_the_controllers_hands(neighbour):
    server, found = LocalServer(), []
    try:
        server.start()
        account, panel = server.new_account(), server.panel()
        database, user = panel.database_names(account)
        panel.ensure_database(account, database)
        with watched_by(neighbour, found):
            for number in range(5):
                panel.ensure_database_user(account, user, f"open-sesame-{number}")
                panel.put_file(account, ".shoplaunch/job", b"signed-and-secret" * number, 0o600)
                panel.read_file(account, ".shoplaunch/job")
                panel.ensure_cron(account, f"* * * * * true # shoplaunch:seven{number}")
    finally:
        server.stop()
    (seen,) = found
    # What is over in a moment need not be seen at all
    assert DECOY.encode() in seen
    assert b"open-sesame" not in seen and b"signed-and-secret" not in seen
