"""Nobody but the server itself hears the password of a controller's database on PostgreSQL."""

import contextlib
import socket
import ssl
import struct
import tempfile
import threading
from pathlib import Path

import pytest

from controller.db.connection.engine import make_engine, reading
from controller.panels.local.private_stack.stack import free_port
from shared.errors import ShoplaunchError
from tests.attacks.co_tenants.database_machine import MALLORY, Impostor
from tests.attacks.table import attack
from tests.support.servers.web.tls_site import Authority

PASSWORD = "Geheim" + "0123456789ab"
SECONDS = 30
#: As a server asks for the password: in clear, as a digest of MD5, by SCRAM (of another's password), not at all.
REQUESTS = {
    "in clear": struct.pack("!i", 3),
    "MD5": struct.pack("!i", 5) + b"salt",
    "SCRAM": struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0",
    "not at all": struct.pack("!i", 0),
}
#: What a client asks for before it begins.
TLS, GSS = 80877103, 80877104


class StandIn:
    """A neighbour at `port` who speaks as PostgreSQL does; `heard` is what came after the request for the password."""

    def __init__(self, request, certificate=None):
        self.heard, self._request, self._certificate = b"", request, certificate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        connection, _ = self._listener.accept()
        connection.settimeout(SECONDS)
        with contextlib.suppress(OSError), connection:
            self._speak(connection)

    def _speak(self, connection):
        while True:
            size, code = struct.unpack("!ii", _exactly(connection, 8))
            if code == TLS and self._certificate is not None:
                connection.sendall(b"S")
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(self._certificate)
                connection = context.wrap_socket(connection, server_side=True)
            elif code in (TLS, GSS):
                connection.sendall(b"N")
            else:
                break
        _exactly(connection, size - 8)
        connection.sendall(b"R" + struct.pack("!i", 4 + len(self._request)) + self._request)
        self.heard = connection.recv(65536)

    def close(self):
        self._listener.close()
        self._thread.join(SECONDS)


def _exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionResetError
        data += piece
    return data


@pytest.fixture
def stand_in():
    """Call it to start one (StandIn)."""
    started = []

    def start(*arguments):
        started.append(StandIn(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.close()


def refusal(address):
    with pytest.raises(ShoplaunchError) as caught:
        make_engine(f"postgresql://shoplaunch:{PASSWORD}@{address}").connect()
    assert PASSWORD not in caught.value.message
    return caught.value


@attack(
    "A neighbour on the controller's machine holds the port of its PostgreSQL, and asks for the password in every way.",
    "Nothing is answered that reveals the password, and nobody who does not know it is taken for the server.",
)
@pytest.mark.parametrize("encrypts", [False, True], ids=["plain", "encrypted by the neighbour"])
@pytest.mark.parametrize("request_of", REQUESTS)
def test_a_stand_in_at_the_port_learns_no_password(stand_in, tmp_path, request_of, encrypts):
    certificate = Authority(tmp_path).issue("localhost") if encrypts else None
    server = stand_in(REQUESTS[request_of], certificate)
    error = refusal(f"127.0.0.1:{server.port}/state?connect_timeout=3")
    server.close()
    assert error.code == "database_busy" and error.retryable
    # By SCRAM a client begins with a number of its own, which says nothing
    assert server.heard == b"" or (request_of == "SCRAM" and server.heard.startswith(b"p"))
    assert PASSWORD.encode() not in server.heard


@attack(
    "The same, where the settings name the authority of the server's certificate.",
    "A certificate of another authority, or of another name, proves nothing: the password is not sent.",
)
@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_another_certificate_proves_nothing(stand_in, tmp_path, name):
    for folder in ("own", "other"):
        (tmp_path / folder).mkdir()
    own, other = Authority(tmp_path / "own"), Authority(tmp_path / "other")
    certificate = (own if name == "other.example" else other).issue(name)
    server = stand_in(REQUESTS["in clear"], certificate)
    assert refusal(f"localhost:{server.port}/state?ssl_ca={own.file}").code == "database_busy"
    server.close()
    assert server.heard == b""


def test_a_server_that_its_certificate_proves_gets_the_password_it_asks_for(stand_in, tmp_path):
    authority = Authority(tmp_path)
    server = stand_in(REQUESTS["in clear"], authority.issue("localhost"))
    # It is no database server: what comes after the log-in fails
    refusal(f"localhost:{server.port}/state?ssl_ca={authority.file}&connect_timeout=3")
    server.close()
    assert server.heard == b"p" + struct.pack("!i", 5 + len(PASSWORD)) + PASSWORD.encode() + b"\0"


@attack(
    "A neighbour holds the socket of the controller's PostgreSQL.",
    "Who listens is looked at before anything is sent.",
)
def test_a_stand_in_at_the_socket_hears_nothing():
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        Path(folder).chmod(0o1777)
        server = Impostor([], {"uid": MALLORY, "unix": [f"{folder}/.s.PGSQL.5432"]})
        error = refusal(f"/state?host={folder}")
        assert server.heard()[0] == []
    assert error.code == "database_busy"
    assert "nobody" in error.message and "socket_uid" in error.message


def test_the_server_itself_is_reached_by_its_socket_and_by_its_port(postgresql_server):
    name = postgresql_server.new_database()
    for url in (postgresql_server.url(name), postgresql_server.url_of_port(name)):
        engine = make_engine(url)
        with reading(engine) as connection:
            assert connection.exec_driver_sql("SELECT current_database()").scalar() == name
        engine.dispose()
    postgresql_server.drop_database(name)


def test_for_a_server_with_digests_of_md5_the_error_says_what_to_change(postgresql_server):
    name = postgresql_server.new_database()
    postgresql_server.query("SET password_encryption = 'md5'; CREATE ROLE digested LOGIN PASSWORD 'known'")
    hba = postgresql_server.data / "pg_hba.conf"
    before = hba.read_text()
    hba.write_text("host all digested 127.0.0.1/32 md5\n" + before)
    postgresql_server.query("SELECT pg_reload_conf()")
    try:
        engine = make_engine(f"postgresql://digested:known@127.0.0.1:{postgresql_server.port}/{name}")
        with pytest.raises(ShoplaunchError, match="scram-sha-256") as caught:
            engine.connect()
    finally:
        hba.write_text(before)
        postgresql_server.query("SELECT pg_reload_conf()")
        postgresql_server.query("DROP ROLE digested")
    assert caught.value.code == "database_busy" and "known" not in caught.value.message
    postgresql_server.drop_database(name)


def test_a_server_that_is_away_is_reported_as_such(tmp_path):
    assert refusal(f"/state?host={tmp_path}").code == "database_busy"
    assert refusal(f"127.0.0.1:{free_port()}/state").code == "database_busy"
