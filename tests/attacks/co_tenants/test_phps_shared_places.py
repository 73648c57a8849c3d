"""Extensions of PHP that keep something where all accounts can reach it keep nothing of an account's there."""

import http.server
import os
import subprocess
import threading
from pathlib import Path

import pytest

from controller.panels.local import php_versions
from tests.attacks.table import attack
from tests.support.servers.local_server import LocalServer, as_user

pytestmark = pytest.mark.root

NUMBER = 0x53484F50
WRITES = (
    f"<?php if (function_exists('shm_attach')) shm_put_var(shm_attach({NUMBER}, 1000), 1, 'of the victim');"
    f"if (function_exists('msg_get_queue')) msg_send(msg_get_queue({NUMBER}), 1, 'of the victim');"
    f"if (function_exists('shmop_open')) shmop_write(shmop_open({NUMBER + 1}, 'c', 0644, 20), 'of the victim', 0);"
    "echo 'shop';"
)
READS = (
    f"if (function_exists('shm_attach')) var_export(@shm_get_var(shm_attach({NUMBER}), 1));"
    f"if (function_exists('msg_get_queue')) @msg_receive(msg_get_queue({NUMBER}), 0, $t, 1000, $got, true, 1);"
    f"var_export($got ?? 0); if ($open = @shmop_open({NUMBER + 1}, 'a', 0, 0)) var_export(shmop_read($open, 0, 20));"
    "echo 'looked';"
)
KEEPS = (
    b"<?php try { $kept = (new Yac())->set('cart', 'of the victim'); } catch (Throwable) { $kept = false; }"
    b"echo $kept ? 'kept' : 'not kept';"
)
ORDERS = (
    b"<?php $carrier = new SoapClient('http://127.0.0.1:%d/s.wsdl', ['cache_wsdl' => WSDL_CACHE_DISK]);"
    b"try { $carrier->ship('password'); } catch (SoapFault) {} echo 'shipped';"
)
DESCRIPTION = """<?xml version="1.0"?><definitions name="C" targetNamespace="urn:c" xmlns:c="urn:c"
 xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
 xmlns="http://schemas.xmlsoap.org/wsdl/"><message name="q"><part name="a" type="xsd:string"/></message>
 <message name="r"/><portType name="P"><operation name="ship"><input message="c:q"/><output message="c:r"/></operation>
 </portType><binding name="B" type="c:P"><soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
 <operation name="ship"><soap:operation soapAction="x"/><input><soap:body use="literal" namespace="urn:c"/></input>
 <output><soap:body use="literal" namespace="urn:c"/></output></operation></binding><service name="S"><port name="P"
 binding="c:B"><soap:address location="http://127.0.0.1:%d/carrier"/></port></service></definitions>"""


def extension(name):
    """Return the file of the extension for the newest PHP, None where there is none."""
    if named := os.environ.get(f"SHOPLAUNCH_TEST_{name.upper()}"):
        return named
    command = ["php", "-r", "echo ini_get('extension_dir');"]
    folder = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return f"{folder}/{name}.so" if os.path.exists(f"{folder}/{name}.so") else None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose PHP has the extensions that are at hand."""
    folder = tmp_path_factory.mktemp("ini")
    lines = [f"extension={module}\n" for name in ("soap", "yac") if (module := extension(name))]
    folder.joinpath("more.ini").write_text("".join(lines))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHP_INI_SCAN_DIR", f":{folder}")
        server = LocalServer().start()
        yield server
        server.stop()


@pytest.fixture
def people(server):
    return server.new_account(), server.new_account()


def has(server, name):
    if name not in php_versions.extensions_of(server.settings().php[0]):
        pytest.skip(f"PHP's {name} is not installed (SHOPLAUNCH_TEST_{name.upper()} names its file)")


@attack("An account reads what another account's shop keeps in the system's memory (shm, shmop, msg), by its number",
        "nothing of any shop is there: PHP's own settings would open it to everybody")  # fmt: skip
def test_no_account_reads_what_anothers_shop_keeps_in_the_systems_memory(server, people):
    victim, attacker = people
    server.panel().put_file(victim, "public_html/index.php", WRITES.encode(), 0o600)
    try:
        server.get(victim.domain)
        found = as_user(attacker.user, "php", "-r", READS, timeout=60).stdout
        assert b"looked" in found
        assert b"of the victim" not in found
    finally:
        for kind, number in (("-M", NUMBER), ("-Q", NUMBER), ("-M", NUMBER + 1)):
            subprocess.run(["ipcrm", kind, str(number)], check=False, capture_output=True)


@attack("An account reads what another account's shop keeps in Yac",
        "nothing of any account is there")  # fmt: skip
def test_no_account_reads_what_anothers_shop_keeps_in_yac(server, people):
    has(server, "yac")
    victim, _attacker = people
    server.panel().put_file(victim, "public_html/index.php", KEEPS, 0o600)
    assert server.get(victim.domain) == (200, b"not kept")


class Carrier(http.server.BaseHTTPRequestHandler):
    """The service that a shop sends its login to; notes to where it was sent."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(DESCRIPTION.encode() % self.server.server_address[1])

    def do_POST(self):
        self.server.sent.append(self.path)
        self.send_error(500)

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def carrier():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Carrier) as service:
        service.sent = []
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield service
        service.shutdown()


@attack("An account puts a description of a carrier's service into /tmp, where PHP keeps those of all accounts' shops",
        "no shop reads it: each sends its login to the carrier")  # fmt: skip
def test_no_account_leads_anothers_soap_elsewhere(server, people, carrier):
    has(server, "soap")
    victim, attacker = people
    server.panel().put_file(victim, "public_html/index.php", ORDERS % carrier.server_address[1], 0o600)
    assert server.get(victim.domain) == (200, b"shipped")
    places = [Path("/tmp"), Path(victim.home, ".php", "tmp")]
    (kept,) = (one for place in places for one in place.glob(f"wsdl-{victim.user}-*"))
    false = kept.read_bytes().replace(b"/carrier", b"/robbers")
    kept.unlink()
    planted = places[0] / kept.name
    try:
        as_user(attacker.user, "dd", f"of={planted}", input=false)
        planted.chmod(0o644)
        assert server.get(victim.domain) == (200, b"shipped")
        assert carrier.sent == ["/carrier", "/carrier"]
    finally:
        planted.unlink()
