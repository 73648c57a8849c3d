"""Ways into the database as hosts offer them, through the library the agent carries; what the refusals are called."""

import hashlib
import json
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent.database.access import OPENING
from controller.agent_archive.build import fetch_wheels
from controller.agent_archive.locations import PROJECT
from controller.panels.local.private_stack.stack import free_port
from shared.bundle import SESSION
from tests.support.machine.interpreters import interpreter
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.servers.web.tls_site import Authority

ASK = """
import json, sys
sys.path[1:1] = json.loads(sys.argv[1])
from agent.database import access as database
from agent.database.access import connect, run
from shared.errors import ShoplaunchError
values = json.loads(sys.stdin.read())
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


def ask(python=sys.executable, **values):
    """Return what connecting as the agent with `values` (names without `db.`) gives, by the interpreter `python`."""
    wheels = [str(PROJECT), *map(str, fetch_wheels())]
    done = subprocess.run(
        [python, "-c", ASK, json.dumps(wheels)],
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


def over_tcp(door, **changes):
    """Return the values of `door` over TCP, without encryption unless `changes` say so."""
    return door.values(**{"host": "127.0.0.1", "port": str(door.port), "socket": "", "tls": "plain", **changes})


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


def _certificate_in(path):
    text = path.read_text()
    return text[text.index("-----BEGIN CERTIFICATE-----") :]


@pytest.fixture(scope="module")
def encrypting():
    """A server whose certificate nobody here knows; only since MariaDB 11.4 it makes one by itself."""
    with tempfile.TemporaryDirectory() as folder:
        # The server reads it as a user of its own
        Path(folder).chmod(0o755)
        authority = Authority(Path(folder))
        certificate = authority.issue("localhost", "127.0.0.1")
        certificate.chmod(0o644)
        door = Door("--skip-name-resolve", f"--ssl-cert={certificate}", f"--ssl-key={certificate}")
        door.allow("127.0.0.1")
        door.authority = authority.file.read_text()
        door.pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(_certificate_in(certificate))).hexdigest()
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


def test_a_server_that_resolves_no_names_knows_a_local_user_from_no_host(plain):
    answer = ask(**over_tcp(plain))
    # No new password would help
    assert (answer["code"], answer["retryable"]) == ("db_access_denied", False)
    assert "'127.0.0.1'" in answer["message"]


def test_a_wrong_password_on_a_server_that_resolves_names_is_one_over_tcp_too(resolving):
    assert "session" in ask(**over_tcp(resolving))
    assert ask(**over_tcp(resolving, password="wrong"))["code"] == "db_access_denied"


def test_a_server_that_serves_nobody_from_this_host_says_so(plain):
    for user, host in plain.server.query("SELECT user, host FROM mysql.global_priv WHERE host != 'localhost'"):
        plain.server.query(f"DROP USER `{user}`@`{host}`")
    answer = ask(**over_tcp(plain))
    assert (answer["code"], answer["message"][:4]) == ("db_host_refused", "1130")


def test_localhost_is_never_taken_for_a_port_of_this_machine(plain):
    plain.allow("127.0.0.1")
    answer = ask(**plain.values(socket="", port=str(plain.port)))
    assert answer["code"] in ("db_unreachable", "db_access_denied", "db_socket_foreign"), answer


def proofs(door):
    """Return the values by which the certificate of `door` is proven, in each way there is."""
    pins = f"{'0' * 64}, {door.pin.upper()}"
    return {"ca": {"tls": "ca", "tls_ca": door.authority}, "pin": {"tls": "pin", "tls_pin": pins}}


@pytest.mark.parametrize("way", ["ca", "pin"])
def test_a_remote_server_whose_certificate_is_proven_is_used_encrypted(encrypting, way):
    assert ask(**over_tcp(encrypting, **proofs(encrypting)[way]))["encrypted"]


@pytest.mark.parametrize("series", ["3.6", "3.7"])
def test_certificates_prove_as_much_to_the_oldest_pythons(encrypting, plain, series):
    python = interpreter(series)
    assert "session" in ask(python, **plain.values())
    for proof in proofs(encrypting).values():
        assert ask(python, **over_tcp(encrypting, **proof))["encrypted"]
    # The last leads to the same server, by a name its certificate does not hold
    wrong = [{"tls": "verify"}, {"tls": "pin", "tls_pin": "0" * 64}, {**proofs(encrypting)["ca"], "host": "127.1"}]
    for proof in wrong:
        assert ask(python, **over_tcp(encrypting, **proof))["code"] == "db_tls"
    assert ask(python, **over_tcp(plain, **proofs(encrypting)["ca"]))["code"] == "db_tls"


@pytest.mark.parametrize("tls", ["", "verify"])
def test_a_certificate_nobody_here_knows_is_none_by_default(encrypting, tls):
    answer = ask(**over_tcp(encrypting, tls=tls))
    assert (answer["code"], answer["retryable"]) == ("db_tls", False)


@pytest.mark.parametrize("more", [{"tls": "ca"}, {"tls": "ca", "tls_ca": "none"}, {"tls": "pin"},
                                  {"tls": "pin", "tls_pin": "12:34"}, {"tls": "perhaps"}])  # fmt: skip
def test_settings_that_prove_nothing_are_reported_before_anybody_is_called(more):
    answer = ask(host="nowhere.invalid", port="1", socket="", name="n", user="u", password="p", **more)
    assert (answer["code"], answer["retryable"]) == ("db_tls", False)


def test_nobody_is_waited_for_for_ever_by_whatever_door(plain, resolving, encrypting):
    doors = [plain.values(), over_tcp(resolving), over_tcp(encrypting, **proofs(encrypting)["pin"])]
    for values in doors:
        assert ask(**values)["ends"]


def test_a_host_set_to_plain_is_used_without_encryption(plain):
    plain.server.query(f"DROP USER IF EXISTS `{plain.user}`@127.0.0.1")
    plain.allow("127.0.0.1")
    answer = ask(**over_tcp(plain))
    assert answer.get("encrypted") is False, answer


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"password": "wrong"}, "db_access_denied"),
        ({"user": "nobody_here"}, "db_access_denied"),
        ({"name": "not_mine"}, "db_privileges"),
        ({"socket": "/nonexistent/mysql.sock"}, "db_unreachable"),
        ({"host": "127.0.0.1", "port": "1", "tls": "plain"}, "db_unreachable"),
    ],
)
def test_refusals_have_their_own_codes_and_reveal_no_password(plain, changes, code):
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
