"""Nobody but the server itself hears the password of a database the controller logs in to: its own, the one a template
is packed from, and those it makes for accounts."""

import contextlib
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from controller.bundles.source.servers import connections
from controller.db.connection.engine import make_engine
from controller.panels.local.check import _mariadb
from controller.panels.local.private_stack.stack import free_port
from controller.panels.local.services.mariadb import Databases
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError
from tests.attacks.co_tenants.database_machine import MALLORY, Impostor
from tests.attacks.co_tenants.test_database_door import PEM, REQUESTS, pem, reveals
from tests.attacks.table import attack
from tests.support.servers.web.tls_site import Authority

PASSWORD = "Geheim" + "0123456789ab"


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def impostor():
    """Call it to start a neighbour's server; what it says is as in tests.attacks.co_tenants.impostor."""
    started = []

    def start(**how):
        started.append(Impostor([], {"uid": MALLORY, **how}))
        return started[-1]

    yield start
    for one in started:
        one.heard()


@pytest.fixture
def taken():
    """A socket's path in a folder everybody may write to and enter."""
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        Path(folder).chmod(0o1777)
        yield str(Path(folder) / "s")


def own_database(address):
    make_engine(f"mysql://shoplaunch:{PASSWORD}@{address}").connect()


def template(address):
    connections.connect(
        connections.parse_url(f"mysql://shop:{PASSWORD}@{address}", connections.SOURCE), "source_database"
    )


WAYS = {"the controller's own": (own_database, "database_busy"), "a template's": (template, "source_database")}


@attack(
    "A neighbour on the controller's machine holds the port of its database server, or of a template's, and asks for "
    "every authentication plug-in.",
    "Nothing is answered that reveals the password.",
)
@pytest.mark.parametrize("encrypts", [False, True], ids=["plain", "encrypted by the neighbour"])
@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("way", WAYS)
def test_a_stand_in_at_the_port_learns_no_password(impostor, key, tmp_path, way, request_of, encrypts):
    first, answers, _ = REQUESTS[request_of]
    answers = [(b"\x01" + pem(key) if one is PEM else one).hex() for one in answers]
    more = {"certificate": Authority(tmp_path).issue("localhost").read_text()} if encrypts else {}
    port = free_port()
    server = impostor(tcp=[port], greeting=first, answers=answers, **more)
    log_in, code = WAYS[way]
    with pytest.raises(ShoplaunchError) as error:
        log_in(f"127.0.0.1:{port}/shop")
    packets, connections_ = server.heard()
    assert not reveals(packets, PASSWORD, key)
    assert connections_ == 1
    assert error.value.code == code
    assert PASSWORD not in error.value.message


@attack(
    "A neighbour on the packer's machine, where no database server has a socket, holds the port instead.",
    "`localhost` means a socket: the port is not tried, and neither password nor rows come from there.",
)
def test_localhost_is_never_a_port(impostor, monkeypatch):
    monkeypatch.setattr(connections, "SOCKETS", ())
    port = free_port()
    server = impostor(tcp=[port])
    with pytest.raises(ShoplaunchError, match=r"source_database.*127\.0\.0\.1"):
        template(f"localhost:{port}/shop")
    assert server.heard() == ([], 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_its_certificate_proves_gets_the_password_it_asks_for(impostor, tmp_path, way):
    authority, port = Authority(tmp_path), free_port()
    server = impostor(tcp=[port], certificate=authority.issue("127.0.0.1").read_text(), greeting="sha256_password")
    with contextlib.suppress(ShoplaunchError, TypeError):
        # It is no database server: what comes after the log-in fails
        WAYS[way][0](f"127.0.0.1:{port}/shop?ssl_ca={authority.file}")
    assert any(PASSWORD.encode() in packet for packet in server.heard()[0])


@attack(
    "A neighbour holds the socket of the controller's database server, or of a template's.",
    "Who listens is looked at before anything is sent.",
)
@pytest.mark.parametrize("way", WAYS)
def test_a_stand_in_at_the_socket_hears_nothing(impostor, taken, way):
    server = impostor(unix=[taken])
    log_in, code = WAYS[way]
    with pytest.raises(ShoplaunchError) as error:
        log_in(f"localhost/shop?unix_socket={taken}")
    assert server.heard()[0] == []
    assert error.value.code == code
    assert "nobody" in error.value.message


@attack(
    "A neighbour holds the socket by which panel `local` makes accounts' databases, and would hear their passwords.",
    "Nothing is sent, and `server check` is red.",
)
def test_panel_local_makes_no_database_at_a_stand_in(impostor, taken):
    server = impostor(unix=[taken])
    settings = LocalSettings.from_dict({"mariadb_socket": taken})
    with pytest.raises(ShoplaunchError) as error:
        Databases(settings).ensure_user("alice", "alice_shop", PASSWORD)
    row = _mariadb(settings)
    assert server.heard()[0] == []
    assert error.value.code == "db_socket_foreign"
    assert (row.ok, row.essential) == (False, True)
    assert "nobody" in row.message
    assert "mariadb_uid" in row.advice


def test_a_server_that_is_away_is_reported_as_such(tmp_path):
    settings = LocalSettings.from_dict({"mariadb_socket": str(tmp_path / "s")})
    with pytest.raises(ShoplaunchError) as error:
        Databases(settings).ensure_user("alice", "alice_shop", PASSWORD)
    assert error.value.code == "panel_unreachable"
    assert not _mariadb(settings).ok
    with pytest.raises(ShoplaunchError) as error:
        own_database(f"localhost/x?unix_socket={tmp_path}/s")
    assert error.value.code == "database_busy"
