"""Ways into the database as hosts offer them, through the library the agent carries; what the refusals are called."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent.database import OPENING
from controller.bundles.agent_build import PROJECT, fetch_wheels
from controller.panels.local.stack import free_port
from shared.bundle import SESSION
from tests.mariadb import start_private, stop_private
from tests.tls_site import Authority

ASK = """
import json, sys
sys.path[1:1] = json.loads(sys.argv[1])
from agent import database
from agent.database import connect, run
from shared.errors import ShoplaunchError
values = json.loads(sys.stdin.read())
if values.pop("db.no_sockets", False):
    database.SOCKETS = database.OPTION_FILES = ()
try:
    connection = connect(values)
    status = dict(run(connection, "SHOW STATUS LIKE 'Ssl_cipher'"))
    variables = dict(run(connection, "SHOW SESSION VARIABLES"))
    names = ("wait_timeout", "innodb_lock_wait_timeout", "lock_wait_timeout", "time_zone", "sql_mode",
             "foreign_key_checks", "unique_checks", "character_set_client", "max_statement_time")
    print(json.dumps({"encrypted": bool(status["Ssl_cipher"]), "session": {name: variables[name] for name in names},
                      "ends": connection._sock.gettimeout() == database.READ_SECONDS}))
except ShoplaunchError as error:
    print(json.dumps({"code": error.code, "retryable": error.retryable, "message": error.message}))
"""


def ask(**values):
    """Return what connecting as the agent with `values` (names without `db.`) gives.

    With `no_sockets` the places where this machine may have other servers' sockets are not looked at.
    """
    wheels = [str(PROJECT), *map(str, fetch_wheels())]
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(wheels)],
        input=json.dumps({"db." + name: value for name, value in values.items()}),
        capture_output=True, text=True, check=True, cwd=PROJECT,
    )  # fmt: skip
    return json.loads(done.stdout)


class Door:
    """A server on socket and TCP with one database."""

    def __init__(self, *options):
        self.port = free_port()
        self.server = start_private(
            ["--skip-networking=0", "--bind-address=127.0.0.1", f"--port={self.port}", *options]
        )
        self.name, self.user, self.password = self.server.new_database()

    def values(self, **changes):
        known = {"host": "localhost", "port": "", "socket": self.server.socket, "name": self.name, "user": self.user,
                 "password": self.password}  # fmt: skip
        return {**known, **changes}

    def allow(self, host, how="IDENTIFIED BY", secret=None):
        secret = self.password if secret is None else secret
        self.server.query(f"CREATE USER `{self.user}`@'{host}' {how} %s", secret)
        self.server.query(f"GRANT ALL ON `{self.name}`.* TO `{self.user}`@'{host}'")


@pytest.fixture(scope="module")
def plain():
    """A server without encryption that resolves no names."""
    door = Door("--skip-name-resolve", "--skip-ssl")
    yield door
    stop_private(door.server)


@pytest.fixture(scope="module")
def resolving():
    """A server that calls who comes over TCP from this machine `localhost`."""
    door = Door("--skip-ssl")
    yield door
    stop_private(door.server)


@pytest.fixture(scope="module")
def encrypting():
    """A server whose certificate nobody here knows; only since MariaDB 11.4 it makes one by itself."""
    with tempfile.TemporaryDirectory() as folder:
        # The server reads it as a user of its own
        Path(folder).chmod(0o755)
        certificate = Authority(Path(folder)).issue("db.example")
        certificate.chmod(0o644)
        door = Door("--skip-name-resolve", f"--ssl-cert={certificate}", f"--ssl-key={certificate}")
        door.allow("127.0.0.1")
        yield door
        stop_private(door.server)


def test_the_session_is_the_agreed_one(plain):
    session = ask(**plain.values())["session"]
    assert (session["wait_timeout"], session["innodb_lock_wait_timeout"], session["lock_wait_timeout"]) == (
        "120", "30", "30")  # fmt: skip
    assert (session["time_zone"], session["foreign_key_checks"], session["unique_checks"]) == ("+00:00", "OFF", "ON")
    assert session["character_set_client"] == "utf8mb4"
    assert "STRICT_ALL_TABLES" in session["sql_mode"]
    # All that is agreed on, and nothing before it
    assert [text for text, agreed in zip(OPENING[1:], SESSION, strict=True) if not text.startswith(agreed)] == []


def test_a_server_that_resolves_no_names_and_whose_socket_is_not_found_knows_a_local_user_from_no_host(plain):
    answer = ask(**plain.values(socket="", port=str(plain.port), no_sockets=True))
    # No new password would help
    assert (answer["code"], answer["retryable"]) == ("db_host_refused", False)
    assert "'127.0.0.1'" in answer["message"]


def test_a_wrong_password_on_a_server_that_resolves_names_is_one_over_tcp_too(resolving):
    known = resolving.values(socket="", port=str(resolving.port), no_sockets=True)
    assert "session" in ask(**known)
    assert ask(**{**known, "password": "wrong"})["code"] == "db_access_denied"


def test_a_server_that_serves_nobody_from_this_host_says_so(plain):
    for user, host in plain.server.query("SELECT user, host FROM mysql.global_priv WHERE host != 'localhost'"):
        plain.server.query(f"DROP USER `{user}`@`{host}`")
    for host in ("localhost", "127.0.0.1"):
        answer = ask(**plain.values(host=host, socket="", port=str(plain.port), no_sockets=True))
        assert (answer["code"], answer["message"][:4]) == ("db_host_refused", "1130")


def test_localhost_without_a_named_socket_finds_tcp(plain):
    plain.allow("127.0.0.1")
    answer = ask(**plain.values(socket="", port=str(plain.port)))
    assert answer.get("encrypted") is False, answer


def test_a_host_with_encryption_is_used_encrypted(encrypting):
    assert ask(**encrypting.values(host="127.0.0.1", port=str(encrypting.port)))["encrypted"]


def test_nobody_is_waited_for_for_ever_by_whatever_door(plain, resolving, encrypting):
    over_tcp = [door.values(host="127.0.0.1", port=str(door.port)) for door in (resolving, encrypting)]
    for values in (plain.values(), *over_tcp):
        assert ask(**values)["ends"]


def test_a_host_without_encryption_is_used_all_the_same(plain):
    plain.server.query(f"DROP USER IF EXISTS `{plain.user}`@127.0.0.1")
    plain.allow("127.0.0.1")
    answer = ask(**plain.values(host="127.0.0.1", port=str(plain.port)))
    assert answer.get("encrypted") is False, answer


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"password": "wrong"}, "db_access_denied"),
        ({"user": "nobody_here"}, "db_access_denied"),
        ({"name": "not_mine"}, "db_privileges"),
        ({"socket": "/nonexistent/mysql.sock"}, "db_unreachable"),
        ({"host": "127.0.0.1", "port": "1"}, "db_unreachable"),
    ],
)
def test_refusals_have_their_own_codes_and_tell_no_password(plain, changes, code):
    answer = ask(**plain.values(**changes))
    assert answer["code"] == code
    assert plain.password not in answer["message"]


def test_the_jobs_server_being_away_is_not_mistaken_for_a_refusal_of_another_one(plain):
    # Another server answers on TCP and refuses; the job's own socket is gone for a moment
    answer = ask(**plain.values(socket="/nonexistent/mysql.sock", port=str(plain.port), password="wrong"))
    assert (answer["code"], answer["retryable"]) == ("db_unreachable", True)


def test_a_way_of_logging_in_that_the_agent_cannot_serve_has_its_own_code(plain):
    plain.server.query("INSTALL SONAME 'auth_ed25519'")
    plain.server.query("CREATE USER strange@localhost IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
    answer = ask(**plain.values(user="strange", password="secret"))
    assert (answer["code"], answer["retryable"]) == ("db_auth_plugin", False)
