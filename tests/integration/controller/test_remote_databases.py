"""A cPanel server whose databases are on another host: `server check` is red before any order where no agent could get
in, and the job says by what the agent knows the database."""

import hashlib
import socket
import ssl
import struct
import threading

import pytest

from controller.jobs.shop.values import _proof
from controller.panels.base import DatabaseEndpoint
from controller.panels.cpanel.account import database_door
from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.settings import CpanelSettings
from controller.panels.local.private_stack.stack import free_port
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError
from tests.attacks.co_tenants.database_machine import MALLORY, Impostor
from tests.support.servers.web.tls_site import Authority

REMOTE = Answer(True, {"host": "127.0.0.1", "is_remote": "1"})


@pytest.fixture
def remote(monkeypatch):
    """Call it to start a server that says what it is given; return by what name the panel calls it."""
    started = []

    def start(**how):
        port = free_port()
        monkeypatch.setattr(database_door, "PORT", port)
        started.append(Impostor([], {"uid": MALLORY, "tcp": [port], **how}))
        return started[-1]

    yield start
    for one in started:
        one.heard()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def look(**settings):
    return database_door.check(CpanelSettings.from_dict(settings), REMOTE)


def certificate_of(path):
    text = path.read_text()
    return text[text.index("-----BEGIN CERTIFICATE-----") :]


def test_a_certificate_that_proves_the_server_is_well(remote, authority):
    path = authority.issue("127.0.0.1")
    remote(certificate=path.read_text())
    found = look(db_tls="ca", db_ca=str(authority.file))
    assert (found.ok, found.essential) == (True, True), found.message
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate_of(path))).hexdigest()
    assert look(db_tls="pin", db_pin=f"{'00' * 32},{pin.upper()}").ok


@pytest.mark.parametrize("settings", [{}, {"db_tls": "verify"}, {"db_tls": "pin", "db_pin": "0" * 64}])
def test_a_certificate_that_proves_nothing_is_red(remote, authority, settings):
    remote(certificate=authority.issue("127.0.0.1").read_text())
    found = look(**settings)
    assert (found.ok, found.essential) == (False, True), found.message
    assert "certificate" in found.message
    assert "db_tls" in found.advice


def test_a_certificate_of_another_name_is_red(remote, authority):
    remote(certificate=authority.issue("other.example").read_text())
    found = look(db_tls="ca", db_ca=str(authority.file))
    assert (found.ok, found.essential) == (False, True), found.message


@pytest.mark.parametrize("settings", [{}, {"db_tls": "verify"}])
def test_a_server_that_does_not_encrypt_is_red_unless_it_is_set_to_plain(remote, settings):
    server = remote()
    found = look(**settings)
    assert (found.ok, found.essential) == (False, True), found.message
    assert "does not encrypt" in found.message
    assert look(db_tls="plain").ok
    assert server.heard()[0] == []


@pytest.mark.parametrize("plugin", ["caching_sha2_password", "sha256_password", "mysql_clear_password"])
def test_plain_is_red_where_users_log_in_by_what_would_reveal_their_password(remote, plugin):
    remote(greeting=plugin)
    found = look(db_tls="plain")
    assert (found.ok, found.essential) == (False, True), found.message
    assert plugin in found.message


def test_a_server_that_only_accounts_reach_is_a_note(monkeypatch):
    monkeypatch.setattr(database_door, "PORT", free_port())
    found = look(db_tls="verify")
    assert (found.ok, found.essential) == (False, False)


def test_a_greeting_that_never_ends_is_no_greeting_and_red(remote):
    remote(drips=255)
    found = look(db_tls="plain")
    assert (found.ok, found.essential) == (False, True)
    assert "no database server" in found.message


def refusal(number, words):
    """Return the packet by which a database server refuses a connection before its greeting."""
    payload = b"\xff" + struct.pack("<H", number) + words
    return struct.pack("<I", len(payload))[:3] + b"\0" + payload


def look_at(monkeypatch, said):
    """Check a server that says `said` to each connection and ends it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setattr(database_door, "PORT", listening.getsockname()[1])

        def answer():
            connection, _address = listening.accept()
            with connection:
                connection.sendall(said)

        answering = threading.Thread(target=answer)
        answering.start()
        found = look(db_tls="verify")
        answering.join()
    return found


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "no database server"),
        (b"\x06\0\0\0\x093.20\0", "no database server"),
        (b"\x02\0\0\0\x0a\0", "no database server"),
        (refusal(1040, b"Too many connections"), "Too many connections"),
    ],
    ids=["another-service", "another-protocol", "cut", "no-connection-is-free"],
)
def test_an_address_that_answers_wrongly_is_red(monkeypatch, said, why):
    found = look_at(monkeypatch, said)
    assert (found.ok, found.essential) == (False, True), found.message
    assert why in found.message
    assert f"127.0.0.1:{database_door.PORT}" in found.advice


@pytest.mark.parametrize(
    "said",
    [
        b"",
        refusal(1129, b"Host '192.0.2.1' is blocked because of many connection errors"),
        refusal(1130, b"Host '192.0.2.1' is not allowed to connect to this MySQL server"),
    ],
    ids=["closed", "blocked", "not-allowed"],
)
def test_a_server_that_refuses_the_controllers_address_is_a_note(monkeypatch, said):
    found = look_at(monkeypatch, said)
    assert (found.ok, found.essential) == (False, False), found.message


def test_a_file_of_authorities_that_is_gone_is_red(tmp_path, authority):
    text = tmp_path / "text"
    text.write_text("none")
    for path in (tmp_path / "gone", text):
        found = look(db_tls="ca", db_ca=str(path))
        assert (found.ok, found.essential) == (False, True), found.message


@pytest.mark.parametrize("spoil", [lambda pem: pem[:400], lambda pem: pem.replace("M", "!"), lambda pem: pem[:28]])
def test_a_file_of_authorities_that_is_broken_is_red_and_no_job_gets_it(remote, tmp_path, authority, spoil):
    remote(certificate=authority.issue("127.0.0.1").read_text())
    broken = tmp_path / "broken"
    broken.write_text(spoil(authority.file.read_text()))
    found = look(db_tls="ca", db_ca=str(broken))
    assert (found.ok, found.essential) == (False, True), found.message
    assert "db_ca" in found.message
    with pytest.raises(ShoplaunchError, match="config_invalid"):
        database_door.endpoint(CpanelSettings.from_dict({"db_tls": "ca", "db_ca": str(broken)}), REMOTE)


def test_a_file_of_authorities_may_say_in_any_script_whose_they_are(remote, tmp_path, authority):
    remote(certificate=authority.issue("127.0.0.1").read_text())
    named = tmp_path / "named"
    named.write_text("# مرجع صدور گواهی\n" + authority.file.read_text(), "utf-8")
    found = look(db_tls="ca", db_ca=str(named))
    assert (found.ok, found.essential) == (True, True), found.message


def test_a_server_on_the_same_machine_needs_none_of_this():
    local = Answer(True, {"host": "127.0.0.1", "is_remote": 0})
    settings = CpanelSettings.from_dict({"db_socket": "/srv/mysql/s", "db_uid": "989"})
    assert database_door.endpoint(settings, local) == DatabaseEndpoint("localhost", 3306, "/srv/mysql/s", uid=989)
    assert database_door.check(settings, local).ok


@pytest.mark.parametrize(
    "wrong",
    [
        {"db_uid": "-1"}, {"db_uid": "mysql"}, {"db_socket": "mysql.sock"}, {"db_socket": "/a/../b"},
        {"db_tls": "perhaps"}, {"db_tls": "ca"}, {"db_tls": "pin"}, {"db_pin": "12:34"},
        {"db_pin": "0" * 64 + ","}, {"db_ca": "ca.pem"},
    ],
)  # fmt: skip
def test_settings_that_prove_nothing_are_refused_when_they_are_given(wrong):
    with pytest.raises(ShoplaunchError) as error:
        CpanelSettings.from_dict(wrong)
    assert error.value.code == "config_invalid"
    assert next(iter(wrong)) in error.value.message


def test_a_job_says_by_what_the_database_is_known_and_nothing_where_that_is_usual(authority):
    assert _proof(DatabaseEndpoint("localhost", 3306, "/run/mysqld/mysqld.sock")) == {}
    assert _proof(DatabaseEndpoint("localhost", 3306, uid=989)) == {"db.uid": "989"}
    settings = CpanelSettings.from_dict({"db_tls": "ca", "db_ca": str(authority.file)})
    assert _proof(database_door.endpoint(settings, REMOTE)) == {
        "db.tls": "ca", "db.tls_ca": authority.file.read_text(),
    }  # fmt: skip
    pinned = CpanelSettings.from_dict({"db_tls": "pin", "db_pin": "0" * 64})
    assert _proof(database_door.endpoint(pinned, REMOTE)) == {"db.tls": "pin", "db.tls_pin": "0" * 64}
    # Whatever the panel calls it: nothing is taken on trust
    assert _proof(database_door.endpoint(CpanelSettings(), REMOTE)) == {"db.tls": "verify"}


def test_the_local_panels_user_of_the_database_is_a_number():
    assert LocalSettings.from_dict({"mariadb_uid": 989}).mariadb_uid == 989
    with pytest.raises(ShoplaunchError):
        LocalSettings.from_dict({"mariadb_uid": -1})
