"""One account's site holds its share of Apache's processes, however it keeps them waiting: others' shops answer."""

import contextlib
import http.client
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from controller.panels.local import check
from controller.panels.local.blocks import FILE_NAME
from controller.panels.local.private_stack import config as private_stack
from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer, reload

pytestmark = pytest.mark.root

SLOTS, PROCESSES = 4, 10
#: More than this Apache has processes.
CONNECTIONS = 20
SECONDS = 30
REQUEST = "GET {path} HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n"
#: Takes every connection, says so in one byte, and answers none.
SILENT = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.bind(sys.argv[1])
    door.listen(500)
    kept = []
    while True:
        os.write(1, b"+")
        kept.append(door.accept())
"""


@pytest.fixture(scope="module")
def server():
    """A server whose Apache has few processes."""
    config = f"{private_stack.__name__}._APACHE_CONFIG"
    few = private_stack._APACHE_CONFIG.replace("MaxRequestWorkers 150", f"MaxRequestWorkers {PROCESSES}")
    # It starts more of them once a second only
    few = few.replace("StartServers 2", f"StartServers {PROCESSES}").replace(
        "SpareServers 2", f"SpareServers {PROCESSES}"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, few)
        server = LocalServer().start()
        yield server
        server.stop()


@contextlib.contextmanager
def silent(server, account):
    """What the account has in `hold` is answered by a program of its own; yields that."""
    door, uid = f"{account.home}/silent.sock", server.panel().reader(account)
    handler = f'SetHandler "proxy:unix:{door}|fcgi://localhost/"\n'.encode()
    server.panel().put_file(account, "public_html/hold/.htaccess", handler, 0o644)
    command = [shutil.which("python3", path="/usr/bin"), "-c", SILENT, door]
    with subprocess.Popen(command, user=uid, group=uid, stdout=subprocess.PIPE, bufsize=0) as program:
        try:
            assert program.stdout.read(1) == b"+"
            yield program
        finally:
            program.kill()


@pytest.fixture
def people(server):
    """A victim, and an attacker whose site is answered by a program of the attacker's."""
    panel = server.panel(apache_slots=SLOTS)
    accounts = [server.new_account(), server.new_account()]
    victim, attacker = (panel.ensure_account(one.user, one.domain, create=False, email="") for one in accounts)
    panel.put_file(victim, "public_html/shop.html", b"shop", 0o644)
    with silent(server, attacker) as program:
        yield victim, attacker, program


def request(server, domain):
    """Return a connection with a request to what never answers."""
    connection = socket.create_connection(("127.0.0.1", server.stack.http_port))
    connection.sendall(REQUEST.format(path="/hold/x", domain=domain).encode())
    return connection


@contextlib.contextmanager
def filled(server, domain, program):
    """The site holds as many processes as it may, each with a connection to its silent `program`."""
    end = time.monotonic() + SECONDS
    with contextlib.ExitStack() as stack:
        for _ in range(SLOTS):
            # A process that is about to end may still be counted
            while program.stdout not in ready(stack.enter_context(request(server, domain)), program.stdout):
                assert time.monotonic() < end
            program.stdout.read(1)
        yield


def ready(*streams):
    """Return those of the streams that have something to read; at least one."""
    found = select.select(streams, [], [], SECONDS)[0]
    assert found
    return found


def answered(connections, count):
    """Wait until `count` of the connections have an answer; return those that have."""
    end = time.monotonic() + SECONDS
    while len(found := ready(*connections)) < count:
        assert time.monotonic() < end, f"{len(found)} of {count}"
        time.sleep(0.05)
    return found


def asked(server, domain, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.stack.http_port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": domain, "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read() + str(answer.headers).encode()


@attack("An account's site keeps every request waiting, in more connections than Apache has processes",
        "it holds a few of them, the rest is refused, and others' shops answer")  # fmt: skip
def test_one_account_holds_its_share_of_apaches_processes(server, people):
    victim, attacker, _program = people
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(request(server, attacker.domain)) for _ in range(CONNECTIONS)]
        status, body = asked(server, victim.domain, "/shop.html")
        assert (status, body[:4]) == (200, b"shop")
        refused = answered(connections, CONNECTIONS - SLOTS)
        assert {one.recv(12) for one in refused} == {b"HTTP/1.1 503"}


@attack("An account whose site holds all it may asks on, with conditions in its .htaccess about others' files",
        "its .htaccess is not even read: it would be read with rights of the system's")  # fmt: skip
def test_a_refused_request_reads_no_htaccess(server, people):
    victim, attacker, program = people
    hidden = Path(victim.home, ".php", "error.log")
    hidden.write_text("something")
    condition = f"<If \"-s '{hidden}'\">\nHeader always set X-Seen yes\n</If>\n"
    server.panel().put_file(attacker, "public_html/look/.htaccess", condition.encode(), 0o644)
    server.panel().put_file(attacker, "public_html/look/own.txt", b"own", 0o644)
    assert asked(server, attacker.domain, "/look/own.txt")[0] == 200
    with filled(server, attacker.domain, program):
        status, shown = asked(server, attacker.domain, "/look/own.txt")
        assert status == 503
        assert b"X-Seen" not in shown


@attack("An account takes a domain that begins as another's does, so that processes of both are counted as one",
        "each account's are counted by its own name")  # fmt: skip
def test_domains_that_begin_alike_are_counted_apart(server):
    alike = "shop-with-a-rather-long-name-of-{}.example"
    panel = server.panel(apache_slots=SLOTS)
    one, other = (
        panel.ensure_account(server.new_user(), alike.format(name), create=True, email="") for name in ("a", "b")
    )
    panel.put_file(one, "public_html/shop.html", b"shop", 0o644)
    with silent(server, other) as program, filled(server, other.domain, program):
        assert asked(server, one.domain, "/shop.html")[0] == 200


@attack("Sites of an earlier version may hold all of Apache's processes",
        "`server check` says so, and the next order, or retry, on the server writes all of them anew")  # fmt: skip
def test_sites_of_an_earlier_version_are_written_anew(server, people):
    victim, attacker, _program = people
    settings = server.settings(apache_slots=SLOTS)
    path = Path(settings.apache_sites) / FILE_NAME
    path.write_text(path.read_text().replace("MaxClientsVHost", "# MaxClientsVHost"))
    reload(settings.apache_reload)
    row = next(row for row in check.check_server(settings) if row.name == "apache's processes")
    assert (row.ok, row.essential) == (False, False)
    assert "can hold all" in row.message
    server.panel(apache_slots=SLOTS).ensure_php(attacker, "7.0", None, [])
    row = next(row for row in check.check_server(settings) if row.name == "apache's processes")
    assert row.ok
    assert asked(server, victim.domain, "/shop.html")[0] == 200
