"""Debian's Caddy in front of the package, with the Caddyfile as it is shipped: by the socket, for nobody else."""

import json
import shutil
import subprocess

import pytest

from tests.support.waiting import wait_until
from tests.system.packages.machines.machine import Machine
from tests.system.packages.machines.operating import UNITS, is_active

pytestmark = [pytest.mark.root, pytest.mark.nightly]
EXAMPLE = "/usr/share/doc/shoplaunch/examples/caddy/Caddyfile"
#: As its comments say, with a certificate of Caddy's own authority: nobody outside signs one here.
CADDY = f"""
sed -i '1i bind = "unix:/run/shoplaunch-web/socket"\\ntrusted_proxies = 1' /etc/shoplaunch/shoplaunch.toml
systemctl start {" ".join(UNITS)}
by_socket=$(sed -n 's,.*`: \\(reverse_proxy unix/.*\\)$,\\1,p' {EXAMPLE})
sed -e "s,reverse_proxy 127.0.0.1:8000,$by_socket," -e 's,^control.example.com {{,&\\n\\ttls internal,' \\
    {EXAMPLE} >/etc/caddy/Caddyfile
systemctl start caddy
"""
#: Asks Caddy of this machine for a page by its name, and prints status and headers.
VISIT = """
import http.client, json, socket, ssl, sys
name = "control.example.com"
asked = http.client.HTTPSConnection(name, timeout=60)
plain = socket.create_connection(("127.0.0.1", 443), 60)
asked.sock = ssl._create_unverified_context().wrap_socket(plain, server_hostname=name)
asked.request("GET", sys.argv[1])
answer = asked.getresponse()
print(json.dumps([answer.status, {name.lower(): value for name, value in answer.getheaders()}]))
"""


def visited(machine, path):
    """Return status and headers of a page that Caddy answers with."""
    return json.loads(machine.run("python3", "-c", VISIT, path))


def is_reached(machine):
    """Return whether the controller answers through Caddy."""
    asked = subprocess.run(machine.words("python3", "-c", VISIT, "/healthz"), capture_output=True, text=True)
    return asked.stdout.startswith("[200,")


@pytest.fixture
def machine(package, tmp_path):
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not installed")
    made = Machine(tmp_path / "front")
    try:
        made.run("dpkg", "-i", made.give(package))
        made.run("shoplaunch", "init", "--operator-email", "operator@example.com")
        yield made
    finally:
        made.close()


def test_caddy_reaches_the_socket_sends_static_files_itself_and_others_do_not_enter(machine):
    machine.run("sh", "-ec", CADDY)
    wait_until(lambda: is_active(machine, "caddy") and is_reached(machine))
    status, headers = visited(machine, "/static/shoplaunch.css")
    assert (status, headers["x-content-type-options"], headers["server"]) == (200, "nosniff", "Caddy")
    assert headers["cache-control"] == "public, max-age=2592000"
    assert visited(machine, "/admin/login")[0] == visited(machine, "/metrics")[0] == 200
    assert machine.run("ps", "-o", "user=", "-C", "caddy").split() == ["caddy"]
    assert machine.run("stat", "--format=%U %G %a", "/run/shoplaunch-web").split() == ["shoplaunch", "www-data", "750"]
    machine.run("setpriv", "--reuid=nobody", "--clear-groups", "ls", "/run/shoplaunch-web", code=2)
