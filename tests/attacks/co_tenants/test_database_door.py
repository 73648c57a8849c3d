"""Only the database server itself hears of an account's database password."""

import hashlib
import secrets
import sys

import pymysql
import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.attacks.co_tenants.database_machine import MALLORY, NAMELESS, Machine
from tests.attacks.co_tenants.impostor import SALT
from tests.attacks.table import attack
from tests.support.servers.web.tls_site import Authority

TAKEN = "/tmp/mysql.sock"
PORT = 3306
SALTED = SALT + b"\0"


@pytest.fixture(scope="module")
def machine():
    made = Machine()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def tidy(machine):
    yield
    machine.tidy()


@pytest.fixture(scope="module")
def server(machine):
    return machine.start_server()


@pytest.fixture(scope="module")
def key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def password():
    return "Pw" + secrets.token_hex(12)


@pytest.fixture
def known(server):
    """An account's database: the values of a job that names no socket."""
    name, user, password = server.new_database()
    return {"name": name, "user": user, "password": password}


def reveals(packets, password, key):
    """Return whether a listener that got `packets` and has the private `key` knows `password`, or what is as good."""
    plain = password.encode()
    secret = [plain, hashlib.sha1(plain).digest(), hashlib.sha256(plain).digest()]
    if any(one in packet for one in secret for packet in packets):
        return True
    return any(_decrypted(packet, key).startswith(plain) for packet in packets)


def _decrypted(packet, key):
    how = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    try:
        hidden = key.decrypt(packet, how)
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return bytes(one ^ SALT[number % len(SALT)] for number, one in enumerate(hidden))


def pem(key):
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form)


def switch(plugin, data=SALTED):
    return b"\xfe" + plugin.encode() + b"\0" + data


@attack(
    "A neighbour holds /tmp/mysql.sock and 127.0.0.1:3306 while the database server is away, and asks for the password "
    "in clear.",
    "The agent says nothing at either, names who sits there, and goes on trying.",
)
def test_a_neighbour_at_socket_and_port_hears_nothing_while_the_server_is_away(machine, password, key):
    answers = [switch("mysql_clear_password").hex()]
    impostor = machine.impostor(unix=[TAKEN], tcp=[PORT], answers=answers)
    answer = machine.ask({"password": password})
    packets, _ = impostor.heard()
    assert packets == []
    assert (answer["code"], answer["retryable"]) == ("db_socket_foreign", True)
    assert "nobody" in answer["message"]
    assert password not in answer["message"]


LIMITS = {
    "max_connections": 1040,
    "max_user_connections": 1203,
    "MAX_USER_CONNECTIONS": 1226,
}


def exhausted(server, known, limit):
    """Return the connections by which a neighbour leaves none for the account."""
    if limit == "max_connections":
        server.query("SET GLOBAL max_connections = 10")
        held = []
        # The last one is kept for administrators
        while len(held) < 11:
            held.append(server.root_connection())
        return held
    if limit == "max_user_connections":
        # Settable while the server runs only where it is not 0 from the start
        server.query("SET GLOBAL max_user_connections = 1")
    else:
        server.query(f"ALTER USER `{known['user']}`@localhost WITH MAX_USER_CONNECTIONS 1")
    return [
        pymysql.connect(unix_socket=server.socket, user=known["user"], password=known["password"], ssl_disabled=True)
    ]


@attack(
    "A neighbour takes the last connection of the real server (1040, 1203, 1226) and waits at the other doors.",
    "The agent waits for the real server, and says so; no other door is tried.",
)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_server_without_a_free_connection_is_waited_for_and_no_other_door_is_tried(machine, server, known, limit):
    impostor = machine.impostor(unix=[TAKEN], tcp=[PORT], answers=[switch("mysql_clear_password").hex()])
    if limit == "max_user_connections":
        server.stop()
        server.start("--max-user-connections=5")
    held = exhausted(server, known, limit)
    try:
        answer = machine.ask(known)
    finally:
        if limit == "max_connections":
            # By a connection that is there: the server may need a moment to see that others are closed
            held[0].query("SET GLOBAL max_connections = 151")
        for one in held:
            one.close()
        if limit == "max_user_connections":
            server.stop()
            server.start()
        packets, connections = impostor.heard()
    assert (answer["code"], answer["retryable"]) == ("db_busy", True)
    assert answer["message"].startswith(str(LIMITS[limit]))
    assert (packets, connections) == ([], 0)
    # And then it is served
    assert machine.ask(known) == {"rows": [["1"]]}


@attack(
    "A neighbour holds the very socket that the job names, in a folder that everybody may write to.",
    "Nothing is sent: who listens is looked at first.",
)
def test_the_socket_a_job_names_is_proven_too(machine, password):
    impostor = machine.impostor(unix=["/tmp/named.sock"])
    answer = machine.ask({"password": password, "socket": "/tmp/named.sock"})
    assert impostor.heard()[0] == []
    assert (answer["code"], answer["retryable"]) == ("db_socket_foreign", True)


@attack(
    "A neighbour links /tmp/mysql.sock to a socket of root's that is not the one the account's database is at.",
    "A link counts as what it leads to only where no account could have made it.",
)
def test_a_neighbours_link_is_none_however_right_what_it_leads_to(machine, server, known):
    machine.run("ln", "-s", "/run/mysqld/mysqld.sock", TAKEN)
    assert machine.ask({**known, "socket": TAKEN}) == {"rows": [["1"]]}
    machine.run("chown", "-h", str(MALLORY), TAKEN)
    answer = machine.ask({**known, "socket": TAKEN})
    assert (answer["code"], answer["retryable"]) == ("db_socket_foreign", True)
    machine.run("ln", "-s", "loop", "/tmp/loop")
    assert machine.ask({**known, "socket": "/tmp/loop"})["code"] == "db_unreachable"


#: What setfacl -m u:mallory:rwx writes: user, mallory, group, mask, others.
ACCESS_LIST = f"""
import os, struct, sys
entries = ((1, 7, 2**32 - 1), (2, 7, {MALLORY}), (4, 5, 2**32 - 1), (16, 7, 2**32 - 1), (32, 5, 2**32 - 1))
packed = b"".join(struct.pack("<HHI", *entry) for entry in entries)
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + packed)
"""


@attack(
    "A neighbour owns the folder in which the real server listens, and may put another socket there at any moment.",
    "The folder is judged, and every one above it: nothing is sent.",
)
@pytest.mark.parametrize("way", ["its folder", "a folder above", "group", "access list"])
def test_no_account_may_own_or_write_a_folder_above_the_socket(machine, server, known, way):
    machine.run("rm", "-rf", "/run/above")
    machine.run("mkdir", "-p", "/run/above/below")
    machine.run("mount", "--bind", server.directory, "/run/above/below")
    path = "/run/above/below/mysql.sock"
    try:
        assert machine.ask({**known, "socket": path}) == {"rows": [["1"]]}
        spoiled = {
            "its folder": ["chmod", "777", "/run/above/below"],
            "a folder above": ["chown", str(MALLORY), "/run/above"],
            "group": ["sh", "-c", f"chgrp {MALLORY} /run/above && chmod g+w /run/above"],
            "access list": [sys.executable, "-c", ACCESS_LIST, "/run/above"],
        }
        machine.run(*spoiled[way])
        answer = machine.ask({**known, "socket": path})
        assert (answer["code"], answer["retryable"]) == ("db_socket_foreign", True), answer
        assert "/run/above" in answer["message"]
    finally:
        server.directory.chmod(0o755)
        machine.run("umount", "/run/above/below")


@attack(
    "A neighbour links /tmp/mysql.sock to a socket in a folder of his.",
    "Links are resolved first; what is judged is where they lead.",
)
def test_a_link_is_judged_by_where_it_leads(machine, password):
    machine.run("install", "-d", "-o", str(MALLORY), "/tmp/his")
    impostor = machine.impostor(unix=["/tmp/his/s"])
    machine.run("ln", "-s", "/tmp/his/s", TAKEN)
    answer = machine.ask({"password": password, "socket": TAKEN})
    assert impostor.heard() == ([], 0)
    assert answer["code"] == "db_socket_foreign"
    assert "/tmp/his" in answer["message"]


@attack(
    "Somebody without a name in this system (CageFS hides neighbours, a container's users have none) listens.",
    "That is no proof, and has a code of its own; the operator names the server's uid (setting db_uid).",
)
def test_a_listener_without_a_name_is_nobody_until_the_operator_says_so(machine, password):
    machine.run("install", "-d", "-m", "1777", "/run/caged")
    impostor = machine.impostor(uid=NAMELESS, unix=["/run/caged/s"])
    machine.run("chmod", "755", "/run/caged")
    asked = {"password": password, "socket": "/run/caged/s"}
    answer = machine.ask(asked)
    assert (answer["code"], answer["retryable"]) == ("db_socket_unnamed", False)
    assert str(NAMELESS) in answer["message"]
    # Another number than the operator's is still nobody
    assert machine.ask({**asked, "uid": str(NAMELESS + 1)})["code"] == "db_socket_unnamed"
    named = machine.ask({**asked, "uid": str(NAMELESS)})
    packets, _ = impostor.heard()
    assert "code" not in named or not named["code"].startswith("db_socket"), named
    assert packets != []


@attack(
    "A neighbour without a name listens in /tmp while the server is away, to end jobs for good.",
    "Where everybody may write that is a neighbour like any other: the agent goes on trying.",
)
def test_a_nameless_listener_ends_no_job_permanently(machine, password):
    impostor = machine.impostor(uid=NAMELESS, unix=[TAKEN])
    machine.run("mv", "/run/mysqld", "/run/away")
    try:
        answer = machine.ask({"password": password})
    finally:
        machine.run("mv", "/run/away", "/run/mysqld")
    assert impostor.heard() == ([], 0)
    assert (answer["code"], answer["retryable"]) == ("db_socket_foreign", True)


@attack(
    "A neighbour came to listen where everything belongs to root by now.",
    "Whose process listens is asked of the connection itself.",
)
def test_whose_process_listens_counts_however_right_the_folder_looks(machine, password):
    machine.run("install", "-d", "-m", "1777", "/run/late")
    impostor = machine.impostor(unix=["/run/late/s"])
    machine.run("chown", "root", "/run/late/s")
    machine.run("chmod", "755", "/run/late")
    answer = machine.ask({"password": password, "socket": "/run/late/s"})
    assert impostor.heard() == ([], 1)
    assert (answer["code"], answer["retryable"]) == ("db_socket_foreign", True)
    assert "who listens" in answer["message"]


@attack(
    "An operator's slip names an account's uid as the database server's.",
    "An account is never the database server.",
)
def test_an_accounts_uid_is_never_taken_for_the_servers(machine, password):
    impostor = machine.impostor(unix=["/tmp/slip.sock"])
    answer = machine.ask({"password": password, "socket": "/tmp/slip.sock", "uid": str(MALLORY)})
    assert impostor.heard()[0] == []
    assert answer["code"] == "db_socket_foreign"


#: What a server may ask for in the end -> (the plug-in it names first, its answers, the code); PEM is its public key.
PEM = object()
REQUESTS = {
    "clear text": ("mysql_native_password", [switch("mysql_clear_password")], "db_auth_unsafe"),
    "clear text after caching_sha2": ("caching_sha2_password", [switch("mysql_clear_password", b"")], "db_auth_unsafe"),
    "a dialog": ("mysql_native_password", [switch("dialog", b"\x04Password: ")], "db_auth_unsafe"),
    "sha256 from the start": ("sha256_password", [PEM], "db_auth_unsafe"),
    "sha256 later": ("mysql_native_password", [switch("sha256_password"), PEM], "db_auth_unsafe"),
    "the whole of caching_sha2 from the start": ("caching_sha2_password", [b"\x01\x04", PEM], "db_auth_unsafe"),
    "the whole of caching_sha2 later": (
        "mysql_native_password", [switch("caching_sha2_password"), b"\x01\x04", PEM], "db_auth_unsafe",
    ),
    "a key nobody asked for": ("caching_sha2_password", [PEM], "db_auth_unsafe"),
    "the hash from before 2004": ("mysql_native_password", [switch("mysql_old_password", SALT[:8])], "db_auth_unsafe"),
    "the hash from before 2004 as it was": ("mysql_native_password", [b"\xfe"], "db_auth_unsafe"),
    "ed25519": ("mysql_native_password", [switch("client_ed25519", SALT + SALT[:12])], "db_auth_plugin"),
    "ed25519 from the start": ("client_ed25519", [b"\x01"], "db_auth_unsafe"),
    "a dialog from the start": ("dialog", [b"\x04Password: "], "db_auth_unsafe"),
    "a ticket of Kerberos": ("mysql_native_password", [switch("auth_gssapi_client", b"db@REALM\0")], "db_auth_plugin"),
    "a ticket of Windows": ("mysql_native_password", [switch("authentication_windows_client", b"")], "db_auth_plugin"),
    "a second password": ("mysql_native_password", [switch("mysql_native_password"), b"\x02"], "db_auth_unsafe"),
    "what the agent does not know": ("mysql_native_password", [switch("parsec")], "db_auth_plugin"),
}  # fmt: skip


@attack(
    "A machine at the address of a remote database asks for every authentication plug-in there is.",
    "On a way that is not proven nothing is answered that reveals the password, and the code says which way is.",
)
@pytest.mark.parametrize("request_of", REQUESTS)
def test_no_plug_in_gets_the_password_on_a_way_that_is_not_proven(machine, password, key, request_of):
    first, answers, code = REQUESTS[request_of]
    answers = [b"\x01" + pem(key) if one is PEM else one for one in answers]
    impostor = machine.impostor(tcp=[PORT], greeting=first, answers=[one.hex() for one in answers])
    answer = machine.ask({"host": "127.0.0.1", "port": str(PORT), "password": password, "tls": "plain"})
    packets, connections = impostor.heard()
    assert not reveals(packets, password, key)
    assert (answer["code"], answer["retryable"]) == (code, False)
    assert connections == 1


@attack(
    "A machine in between takes the server's offer to encrypt away, or shows a certificate of his own.",
    "A remote database is spoken to over a proven connection only, unless its server is set to `plain`.",
)
@pytest.mark.parametrize("mode", ["", "verify", "ca", "pin"])
def test_a_remote_server_that_does_not_encrypt_hears_nothing(machine, password, tmp_path, mode):
    impostor = machine.impostor(tcp=[PORT], answers=[switch("mysql_clear_password").hex()])
    authority = Authority(tmp_path).file.read_text()
    known = {"host": "127.0.0.1", "port": str(PORT), "password": password}
    answer = machine.ask({**known, "tls": mode, "tls_pin": "0" * 64, "tls_ca": authority})
    packets, connections = impostor.heard()
    assert (packets, connections) == ([], 1)
    assert (answer["code"], answer["retryable"]) == ("db_tls", False)


@attack(
    "A database server asks the agent for a file of the account in the place of an answer (LOAD DATA LOCAL).",
    "No file is sent, and the connection ends.",
)
def test_a_server_that_asks_for_a_file_gets_none(machine, password):
    # Login, character set, autocommit; then each statement is answered by the request
    ok = "00000002000000"
    impostor = machine.impostor(tcp=[PORT], answers=[ok, ok, ok, *[(b"\xfb/etc/passwd").hex()] * 20])
    answer = machine.ask({"host": "127.0.0.1", "port": str(PORT), "password": password, "tls": "plain"})
    packets, _ = impostor.heard()
    assert not any(b"root:" in one for one in packets)
    assert (answer["code"], answer["retryable"]) == ("db_asks_for_files", False)


@attack(
    "A machine at the address sends a greeting that never ends.",
    "It is read up to a limit in bytes and within one deadline.",
)
def test_an_endless_greeting_ends(machine, password):
    impostor = machine.impostor(tcp=[PORT], drips=255)
    answer = machine.ask({"host": "127.0.0.1", "port": str(PORT), "password": password, "tls": "plain"})
    packets, _ = impostor.heard()
    assert packets == []
    assert (answer["code"], answer["retryable"]) == ("db_unreachable", True)
    assert "limit" in answer["message"]


@attack(
    "A machine in between encrypts, with a certificate of his own or of another name.",
    "The agent ends the connection before it has named even the user.",
)
@pytest.mark.parametrize("mode", ["verify", "ca", "ca of another name", "pin"])
def test_a_certificate_that_is_not_the_servers_ends_the_connection(machine, password, tmp_path, mode):
    right, wrong = (Authority(made) for made in (tmp_path / "right", tmp_path / "wrong") if not made.mkdir())
    shown = right.issue("other.example") if "name" in mode else wrong.issue("localhost", "127.0.0.1")
    answers = [switch("mysql_clear_password").hex()]
    impostor = machine.impostor(tcp=[PORT], certificate=shown.read_text(), answers=answers)
    known = {"host": "127.0.0.1", "port": str(PORT), "password": password, "tls": mode.split()[0]}
    answer = machine.ask({**known, "tls_pin": "0" * 64, "tls_ca": right.file.read_text()})
    packets, connections = impostor.heard()
    # The wish to encrypt: flags, sizes, a character set
    assert [len(one) for one in packets if len(one) > 0] == [32]
    assert connections == 1
    assert (answer["code"], answer["retryable"]) == ("db_tls", False)


def test_the_real_server_serves_through_the_link_to_its_socket(machine, server, known):
    assert machine.ask(known, "SELECT CURRENT_USER()") == {"rows": [[f"{known['user']}@localhost"]]}
