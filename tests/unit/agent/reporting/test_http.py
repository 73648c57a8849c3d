"""The HTTP door: where it goes, what it believes, what it tells."""

import datetime
import socket
import ssl
import subprocess
import threading
import types
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.base.deadline_socket import Exchange
from agent.reporting.downloads import GRACE_SECONDS, LEAST_RATE, Pace
from agent.reporting.http import HttpClient, check_address, safe_address
from shared.errors import ShoplaunchError
from tests.support.clock import Clock
from tests.support.machine.dead_address import dead_address
from tests.support.machine.interpreters import interpreter
from tests.support.worlds.agent_box import PROJECT


class Handler(BaseHTTPRequestHandler):
    seen = ()

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.path, dict(self.headers), body))
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere/200")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


def serve(context=None):
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


@pytest.fixture
def plain():
    server = serve()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def secure(tmp_path):
    """A TLS server for `localhost` under a CA of its own; `.ca` is its PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    formats = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(key.private_bytes(*formats) + pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    server = serve(context)
    server.ca = pem.decode()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [200, 202, 301, 307, 401, 409, 410, 500, 503])
def test_every_answer_is_handed_back_and_no_redirect_followed(plain, status):
    answer = HttpClient().post(f"http://127.0.0.1:{plain.server_port}/{status}", b"{}", {"Authorization": "Bearer x"})
    assert (answer.status, answer.body) == (status, b"ok")
    assert [path for path, _, _ in plain.seen] == [f"/{status}"]


def report(door, url):
    return door.post(url, b"{}", {"Authorization": "Bearer x"}).status


def fetch(door, url):
    with door.get_from(url, 0, {"Authorization": "Bearer x"}) as response:
        return response.status


both_ways = pytest.mark.parametrize("ask", [report, fetch])


@both_ways
def test_a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent(secure, ask):
    with pytest.raises(ShoplaunchError, match="tls_untrusted"):
        ask(HttpClient(), f"https://localhost:{secure.server_port}/202")
    assert secure.seen == []


@both_ways
def test_the_jobs_own_authority_is_believed(secure, ask):
    assert ask(HttpClient(secure.ca), f"https://localhost:{secure.server_port}/202") == 202


@both_ways
def test_a_certificate_for_another_name_is_refused(secure, ask):
    with pytest.raises(ShoplaunchError, match="tls_untrusted"):
        ask(HttpClient(secure.ca), f"https://127.0.0.1:{secure.server_port}/202")
    assert secure.seen == []


ASK = """
import sys
sys.path.insert(0, sys.argv[1])
from agent.base.deadline_socket import Exchange
from agent.reporting.downloads import GRACE_SECONDS, LEAST_RATE
from agent.reporting.http import HttpClient
from shared.errors import ShoplaunchError
for url in sys.argv[3:]:
    try:
        print(HttpClient(sys.argv[2]).post(url, b"{}", {}).status)
    except ShoplaunchError as error:
        print(error.code)
print("stringprep" in sys.modules)
"""


@pytest.mark.parametrize("series", [f"3.{minor}" for minor in range(6, 14)])
def test_names_are_verified_by_every_python_and_none_is_translated_without_need(secure, series):
    urls = [f"https://{host}:{secure.server_port}/202" for host in ("localhost", "127.0.0.1")]
    command = [interpreter(series), "-I", "-S", "-c", ASK, str(PROJECT), secure.ca, *urls]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    # 3.6 compares names itself
    assert done.stdout.split() == ["202", "tls_untrusted", str(series == "3.6")]


def test_an_authority_file_without_certificates_is_refused():
    with pytest.raises(ShoplaunchError, match="job_invalid"):
        HttpClient("not a certificate")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://",
        "https://user:pass@example.com/",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://0.0.0.0/",
        "https://[",
        "https://[example.com]/",
        "https://example.com:99999/",
        "https://example.com:port/",
    ],
)
def test_addresses_that_are_never_talked_to(url):
    with pytest.raises(ShoplaunchError, match="job_invalid"):
        check_address(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/x", "http://127.0.0.1:8000/", "http://[::1]/", "http://localhost/"]
)
def test_addresses_that_may_be_talked_to(url):
    assert check_address(url) == url


def test_nobody_there_is_a_failure_that_a_retry_may_mend(plain):
    port = plain.server_port
    plain.shutdown()
    plain.server_close()
    with pytest.raises(ShoplaunchError) as caught:
        HttpClient().post(f"http://127.0.0.1:{port}/202?token=secret", b"{}", {})
    assert caught.value.code == "callback_failed" and caught.value.retryable
    assert "secret" not in caught.value.message


@pytest.fixture
def breaking_off():
    """The port of a server whose answer ends before its Content-Length."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        found, _ = listener.accept()
        with found:
            found.recv(65536)
            found.sendall(b'HTTP/1.1 202 Accepted\r\nContent-Length: 60\r\n\r\n{"acknowledged": 1')

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.close()
    thread.join(60)


def test_an_answer_that_ends_too_early_is_none(breaking_off):
    with pytest.raises(ShoplaunchError) as caught:
        HttpClient().post(f"http://127.0.0.1:{breaking_off}/", b"{}", {})
    assert caught.value.code == "callback_failed"


def test_name_servers_that_do_not_answer_hold_no_request_up(monkeypatch):
    over = threading.Event()

    def never(*_asked):
        over.wait(300)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", never)
    came = []

    def ask():
        try:
            HttpClient().post("https://controller.example/", b"{}", {}, deadline=0.5)
        except ShoplaunchError as error:
            came.append(error.code)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(60)
    over.set()
    assert came == ["callback_failed"]


@pytest.fixture
def dripping():
    """A server whose answer never ends: one byte at a time, from `cut` on (0: within the headers)."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60000

    def drip():
        found, _ = listener.accept()
        with found:
            found.recv(65536)
            found.sendall(answer[: server.cut])
            for position in range(server.cut, len(answer)):
                if over.wait(0.05):
                    return
                try:
                    found.sendall(answer[position : position + 1])
                except OSError:
                    return

    server = types.SimpleNamespace(cut=0, port=listener.getsockname()[1])
    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield server
    over.set()
    listener.close()
    thread.join(120)


@pytest.mark.parametrize("cut", [0, 60])
def test_an_answer_that_only_drips_is_given_up_at_the_deadline(dripping, cut):
    dripping.cut = cut
    url = f"http://127.0.0.1:{dripping.port}/202"
    with pytest.raises(ShoplaunchError, match=r"callback_failed.*time-out"):
        HttpClient().post(url, b"{}", {}, timeout=60, deadline=1)


def test_a_handshake_that_only_drips_is_given_up_at_the_deadline(dripping, secure):
    url = f"https://127.0.0.1:{dripping.port}/202"
    with pytest.raises(ShoplaunchError, match="callback_failed"):
        HttpClient(secure.ca).post(url, b"{}", {}, timeout=60, deadline=1)


def known_as(monkeypatch, *addresses):
    """Name servers give `addresses`, (family, (host, port)), for every name."""
    found = [(family, socket.SOCK_STREAM, 0, "", where) for family, where in addresses]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: found)


def test_an_address_where_nobody_is_leaves_time_for_the_next(plain, monkeypatch):
    with dead_address() as dead:
        known_as(monkeypatch, (socket.AF_INET, dead), (socket.AF_INET, plain.server_address))
        answer = HttpClient().post("http://localhost:80/202", b"{}", {}, timeout=6, deadline=6)
    assert answer.status == 202


def test_an_address_this_machine_knows_no_way_to_is_passed_over(plain, monkeypatch):
    known_as(monkeypatch, (socket.AF_UNSPEC, plain.server_address), (socket.AF_INET, plain.server_address))
    assert HttpClient().post("http://localhost:80/202", b"{}", {}).status == 202


def test_a_download_lasts_as_long_as_enough_of_it_arrives():
    clock = Clock()
    slow, fair = (Exchange(15, GRACE_SECONDS, rate=LEAST_RATE, clock=clock) for _ in range(2))
    for exchange in (slow, fair):
        exchange.allow(10**9)
    for _ in range(int(GRACE_SECONDS)):
        clock.pass_by(1)
        slow.came(1)
        fair.came(LEAST_RATE)
    clock.pass_by(1)
    assert fair.left() > 0
    with pytest.raises(socket.timeout):
        slow.left()


def test_what_came_fast_at_first_is_no_leave_to_drip():
    clock = Clock()
    exchange = Exchange(15, GRACE_SECONDS, rate=LEAST_RATE, clock=clock)
    exchange.allow(10**12)
    exchange.came(10**9)
    for _ in range(int(GRACE_SECONDS)):
        clock.pass_by(1)
        exchange.came(LEAST_RATE // 100)
    clock.pass_by(1)
    with pytest.raises(socket.timeout):
        exchange.left()
    assert exchange.is_over()


def test_bytes_of_many_requests_may_fall_behind_and_never_get_ahead():
    clock = Clock()
    pace = Pace(120, clock=clock)
    pace.arrived(10**9, LEAST_RATE)
    for _ in range(11):
        clock.pass_by(10)
        pace.arrived(0, LEAST_RATE)
    assert not pace.is_too_slow()
    clock.pass_by(11)
    pace.arrived(0, LEAST_RATE)
    assert pace.is_too_slow()
    # What half of the rate was promised for
    for _ in range(100):
        clock.pass_by(10)
        pace.arrived(LEAST_RATE * 10, LEAST_RATE // 2)
    assert not pace.is_too_slow()


def test_an_answer_in_pieces_is_read_whole(dripping):
    dripping.cut = 60_045
    url = f"http://127.0.0.1:{dripping.port}/202"
    answer = HttpClient().post(url, b"{}", {}, deadline=60)
    assert (answer.status, len(answer.body)) == (202, 60_000)


def test_an_environment_proxy_is_not_used(plain, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert HttpClient().post(f"http://127.0.0.1:{plain.server_port}/202", b"{}", {}).status == 202


def test_an_address_is_logged_without_login_and_query():
    assert safe_address("https://u:p@example.com:8443/a/b?token=x#y") == "https://example.com:8443/a/b"
