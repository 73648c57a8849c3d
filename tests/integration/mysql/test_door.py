"""Ways into a MySQL through the library the agent carries, on a Python that has nothing else; what it limits."""

import hashlib
import json
import ssl
import subprocess
import threading

import pytest

from agent.database import access, ledger
from controller.agent_archive.build import fetch_wheels
from controller.agent_archive.locations import PROJECT
from controller.panels.local.private_stack.stack import free_port
from shared.errors import ShoplaunchError
from tests.support.servers.databases.mariadb import stop_private
from tests.support.servers.databases.mysql import HINT, find, start_private

ASK = """
import json, sys
sys.path[1:1] = json.loads(sys.argv[1])
from agent.database.access import connect, run
from shared.errors import ShoplaunchError
try:
    connection = connect(json.loads(sys.stdin.read()))
    status = dict(run(connection, "SHOW STATUS LIKE 'Ssl_cipher'"))
    variables = dict(run(connection, "SHOW SESSION VARIABLES"))
    print(json.dumps({"encrypted": bool(status["Ssl_cipher"]), "session": variables}))
except ShoplaunchError as error:
    print(json.dumps({"code": error.code, "retryable": error.retryable, "message": error.message}))
"""


def ask(**values):
    """Return what connecting as the agent with `values` (names without `db.`) gives on an account's bare Python."""
    wheels = [str(PROJECT), *map(str, fetch_wheels())]
    done = subprocess.run(
        ["/usr/bin/python3", "-S", "-c", ASK, json.dumps(wheels)],
        input=json.dumps({"db." + name: value for name, value in values.items()}),
        capture_output=True, text=True, check=True, cwd=PROJECT,
    )  # fmt: skip
    return json.loads(done.stdout)


class Door:
    """A MySQL on socket and TCP with one database; its user may come through either."""

    def __init__(self, *options):
        self.port = str(free_port())
        self.server = start_private(
            ["--skip-networking=0", "--bind-address=127.0.0.1", f"--port={self.port}", *options]
        )
        self.name, self.user, self.password = self.server.new_database()
        self.allow(self.user, "127.0.0.1")

    def allow(self, user, host, how="IDENTIFIED BY"):
        self.server.query(f"CREATE USER `{user}`@'{host}' {how} %s", self.password)
        self.server.query(f"GRANT ALL ON `{self.name}`.* TO `{user}`@'{host}'")

    def values(self, **changes):
        known = {"host": "localhost", "port": "", "socket": self.server.socket, "name": self.name, "user": self.user,
                 "password": self.password}  # fmt: skip
        return {**known, **changes}

    def over_tcp(self, **changes):
        """Values over TCP: proven by the certificate where there is one."""
        certificate = self.server.data / "server-cert.pem"
        proof = {"tls": "plain"}
        if self.encrypts:
            pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.read_text())).hexdigest()
            proof = {"tls": "pin", "tls_pin": pin}
        return self.values(host="127.0.0.1", port=self.port, **proof, **changes)


@pytest.fixture(scope="module", params=["TLS", "no TLS"])
def door(request):
    """A MySQL as it comes, with a certificate of its own making; and one that cannot encrypt."""
    if find() is None:
        pytest.skip(HINT)
    door = Door("--skip-name-resolve", *([] if request.param == "TLS" else ["--tls-version="]))
    door.encrypts = request.param == "TLS"
    yield door
    stop_private(door.server)


def test_the_default_way_of_logging_in_serves_over_the_socket(door):
    (plugin,) = door.server.query("SELECT plugin FROM mysql.user WHERE user=%s AND host='localhost'", door.user)[0]
    assert plugin == "caching_sha2_password"
    session = ask(**door.values())["session"]
    assert (session["wait_timeout"], session["lock_wait_timeout"], session["time_zone"]) == ("120", "30", "+00:00")
    assert (session["foreign_key_checks"], session["max_execution_time"]) == ("OFF", "0")
    assert "STRICT_ALL_TABLES" in session["sql_mode"]


def test_over_tcp_it_serves_where_the_server_encrypts_and_is_reported_where_it_does_not(door):
    # The server remembers whom it let in; then a hash is enough, and nothing has to be encrypted
    door.server.query("FLUSH PRIVILEGES")
    answer = ask(**door.over_tcp())
    if door.encrypts:
        assert answer["encrypted"]
    else:
        assert (answer["code"], answer["retryable"]) == ("db_auth_unsafe", False)
        assert door.password not in answer["message"]


def test_the_former_way_of_logging_in_serves_where_the_server_still_has_it(door):
    if not door.server.query("SELECT 1 FROM information_schema.plugins WHERE plugin_name='mysql_native_password'"):
        pytest.skip("this MySQL has no mysql_native_password any more")
    for host in ("localhost", "127.0.0.1"):
        door.allow("former", host, "IDENTIFIED WITH mysql_native_password BY")
    assert "session" in ask(**door.values(user="former"))
    assert ask(**door.over_tcp(user="former"))["encrypted"] is door.encrypts


@pytest.mark.parametrize(
    "changes,code",
    [
        ({"password": "wrong"}, "db_access_denied"),
        ({"user": "nobody_here"}, "db_access_denied"),
        ({"name": "not_mine"}, "db_privileges"),
        ({"socket": "/nonexistent/mysql.sock"}, "db_unreachable"),
    ],
)
def test_refusals_have_their_own_codes_and_reveal_no_password(door, changes, code):
    answer = ask(**door.values(**changes))
    assert (answer["code"], answer["retryable"]) == (code, code == "db_unreachable")
    assert door.password not in answer["message"]


def test_a_wrong_password_over_tcp_is_reported_as_such_where_the_server_encrypts(door):
    answer = ask(**door.over_tcp(password="wrong"))
    assert answer["code"] == ("db_access_denied" if door.encrypts else "db_auth_unsafe")


def test_a_database_user_that_may_not_connect_from_this_host_is_reported_as_such(door):
    door.allow("elsewhere", "192.0.2.1")
    answer = ask(**door.over_tcp(user="elsewhere"))
    # Newer servers ask strangers for a password all the same, and without encryption it cannot be given
    assert answer["code"] in (("db_access_denied",) if door.encrypts else ("db_access_denied", "db_auth_unsafe"))
    assert answer["retryable"] is False


@pytest.mark.parametrize("change", ["PASSWORD EXPIRE", "ACCOUNT LOCK"])
def test_a_locked_or_expired_user_is_refused_access(door, change):
    user = change.split()[0].lower()
    door.allow(user, "localhost")
    door.server.query(f"ALTER USER `{user}`@localhost {change}")
    answer = ask(**door.values(user=user))
    assert (answer["code"], answer["retryable"]) == ("db_access_denied", False)


@pytest.fixture
def values(door):
    return {"db." + name: value for name, value in door.values().items()}


def test_own_connections_are_ended_without_a_privilege_and_free_the_lock(door, values):
    name = "shoplaunch_" + "0" * 16
    holder, other = access.connect(values), access.connect(values)
    assert access.run(holder, "SELECT GET_LOCK(%s, 0)", (name,)) == ((1,),)
    assert ledger.holds_lock(holder, name)
    ledger.kill_others(other)
    assert access.run(other, "SELECT GET_LOCK(%s, 10)", (name,)) == ((1,),)
    with pytest.raises(ShoplaunchError) as caught:
        access.run(holder, "SELECT 1")
    assert caught.value.code == "db_unreachable"
    access.close(other)


def test_the_hosts_statement_time_limit_does_not_apply_to_the_agents_session(door, values):
    door.server.query("SET GLOBAL max_execution_time=300")
    try:
        connection = access.connect(values)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(access.run(connection, "SELECT SLEEP(1.5)")))
        thread.start()
        thread.join(120)
        # A statement that is cut off returns 1 from SLEEP
        assert answers == [((0,),)]
        access.close(connection)
    finally:
        door.server.query("SET GLOBAL max_execution_time=0")
