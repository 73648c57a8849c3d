"""What Apache knows of all sites is shown to no account, whatever its `.htaccess` asks for."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from controller.panels.local import check
from controller.panels.local.private_stack.config import APACHE_MODULES
from controller.panels.local.services.apache import SHARED_MODULES, hides_requests
from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer

pytestmark = pytest.mark.root

TOKEN = "token-of-the-victims-office"
SECONDS = 30


@pytest.fixture(scope="module")
def server():
    server = LocalServer().start()
    yield server
    server.stop()


@pytest.fixture
def with_modules(server):
    """A second Apache with the same sites, which loads other modules too; yields a function of their names."""
    folder = Path(tempfile.mkdtemp(prefix="shoplaunch-status-"))
    binary, config, pid = server.settings().apache[0], folder / "apache2.conf", folder / "status.pid"

    def written(*names):
        port, home = free_port(), server.stack.apache
        text = (home / "apache2.conf").read_text()
        loaded = [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in names]
        found = [one.read_text() for one in sorted((home / "sites").glob("*.conf"))]
        whole = "\n".join([text.partition("IncludeOptional")[0], *loaded, *found]) + "\n"
        whole = whole.replace(f":{server.stack.http_port}\n", f":{port}\n").replace(
            f":{server.stack.http_port}>", f":{port}>"
        )
        config.write_text(whole.replace(f"{home}/run", str(folder)).replace(f"{home}/apache2.pid", str(pid)))
        return [binary, "-f", str(config)], port

    yield written
    if pid.exists():
        number = int(pid.read_text())
        os.kill(number, signal.SIGTERM)
        while pid.exists():
            time.sleep(0.05)
    shutil.rmtree(folder)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def asked(port, domain, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": domain, "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()


@attack("An account's .htaccess asks for the status of the whole server, where Apache has that module, as Debian's has",
        "it names no request, host or visitor of anybody")  # fmt: skip
def test_the_servers_status_names_nobodys_requests(server, with_modules):
    victim, attacker = server.new_account(), server.new_account()
    server.panel().put_file(attacker, "public_html/all/.htaccess", b"SetHandler server-status\n", 0o644)
    server.panel().put_file(victim, "public_html/office.html", b"office", 0o644)
    command, port = with_modules("status")
    subprocess.run([*command, "-k", "start"], check=True)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if asked(port, victim.domain, f"/office.html?{TOKEN}") == (200, b"office"):
                break
        time.sleep(0.1)
    for _ in range(20):
        assert asked(port, victim.domain, f"/office.html?{TOKEN}")[0] == 200
    status, shown = asked(port, attacker.domain, "/all/status")
    # It is the status, or nothing to see
    assert status in (200, 403, 404)
    assert status != 200 or b"Server uptime" in shown
    assert TOKEN.encode() not in shown
    assert victim.domain.encode() not in shown


@attack("A server's Apache has modules by which a .htaccess shows every site's text, or runs code in Apache itself",
        "`server check` names them, and how they are switched off")  # fmt: skip
def test_modules_that_concern_all_accounts_are_named(server, with_modules):
    assert "info_module" in SHARED_MODULES
    rows = {row.name: row for row in check.check_server(server.settings())}
    assert rows["apache's shared modules"].ok
    command, _port = with_modules("info")
    rows = {row.name: row for row in check.check_server(server.settings(apache=command))}
    row = rows["apache's shared modules"]
    assert (row.ok, row.essential) == (False, True)
    assert "a2dismod info" in row.advice


@attack("Sites of an earlier version are served by an Apache whose status names every account's requests",
        "`server check` names it until the first site is written anew")  # fmt: skip
def test_a_status_that_older_sites_do_not_hide_is_named(tmp_path):
    sites = tmp_path / "sites.conf"
    assert hides_requests(sites)
    sites.write_text("# shoplaunch account=alice domain=alice.example\n<VirtualHost *:80>\n</VirtualHost>\n")
    assert not hides_requests(sites)
    sites.write_text("# shoplaunch account=alice domain=alice.example\nExtendedStatus Off\n")
    assert hides_requests(sites)
