"""Only the machine's own services answer the controller at its machine: an account at their ports hears no secret."""

import socket
import subprocess
import sys
from email.message import EmailMessage
from pathlib import Path

import pytest

from controller.billing.whmcs.api import NeverAsked, WhmcsApi
from controller.billing.whmcs.settings import WhmcsSettings
from controller.jobs.engine.broker import link
from controller.jobs.shop.checks.visits import Site, Visitor
from controller.network import local_peers, smtp
from controller.object_store.store import ObjectStore
from controller.settings.sections import BundleStoreConfig, EngineConfig
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from tests.attacks.table import attack

pytestmark = pytest.mark.root

PROGRAM = Path(__file__).with_name("false_site.py")
#: A neighbour's account, and a user within a namespace of an account's own.
ACCOUNTS = [54321, 654321]
PASSWORD = "Sesame-77"


@pytest.fixture
def listener():
    """A function: somebody takes a port; it returns that and what ends it and returns all that was heard."""
    started = []

    def listen(uid, address="127.0.0.1", accepts=True):
        command = [sys.executable, "-I", str(PROGRAM), str(uid), address, "accepts" if accepts else "waits"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        port = int(process.stdout.readline())

        def end():
            process.kill()
            return process.communicate()[0]

        return port, end

    yield listen
    for process in started:
        process.kill()
        process.communicate()


def sign_in(port, ip="127.0.0.1"):
    """Sign in to the shop at the port as the check of a new shop does; return the failure."""
    visitor = Visitor(Site(ip, port, ShopAddress.on_usual_port("shop.example.com")), timeout=60)
    with pytest.raises(ShoplaunchError) as failure:
        visitor.open("/admin/", "back_office", {"passwd": PASSWORD})
    assert failure.value.code == "check_failed"
    return failure.value.message


@attack(
    "an account takes the web server's port while that is restarted, and answers the check of a neighbour's shop",
    "the check fails and names the user; not even the request is sent, let alone the administrator's password",
)
@pytest.mark.parametrize("uid", ACCOUNTS)
def test_an_account_at_the_web_servers_port_hears_no_password(listener, uid):
    port, end = listener(uid)
    assert f"the user {uid}" in sign_in(port)
    assert PASSWORD not in end()


@attack(
    "the account accepts the connection only once it was looked at, or listens by IPv6 for IPv4 as well",
    "who listens there is looked at, too",
)
@pytest.mark.parametrize("address", ["127.0.0.1", "::", "::ffff:127.0.0.1"])
def test_a_connection_that_waits_to_be_accepted_is_an_accounts_as_well(listener, address):
    port, _end = listener(ACCOUNTS[0], address, accepts=False)
    assert f"the user {ACCOUNTS[0]}" in sign_in(port)


@attack(
    "the account binds its socket to the interface of the machine's own connections, accepts, and listens no more",
    "its end of the connection is found at that interface",
)
def test_an_end_that_is_bound_to_an_interface_is_an_accounts_as_well():
    code = f"""
import os, socket
os.setuid({ACCOUNTS[0]})
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
listening.bind(("127.0.0.1", 0))
listening.listen()
print(listening.getsockname()[1], flush=True)
taken, _peer = listening.accept()
listening.close()
print("taken", flush=True)
taken.recv(1)
"""
    with subprocess.Popen([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True) as account:
        port = int(account.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as connection:
            assert account.stdout.readline() == "taken\n"
            with pytest.raises(local_peers.Foreign, match=f"the user {ACCOUNTS[0]}"):
                local_peers.require_no_account(connection)


def test_an_account_is_seen_by_ipv6(listener):
    port, end = listener(ACCOUNTS[0], "::1")
    assert f"the user {ACCOUNTS[0]}" in sign_in(port, "::1")
    assert PASSWORD not in end()


@pytest.mark.parametrize("uid", [0, 33, 65534])
def test_the_systems_own_web_server_is_heard(listener, uid):
    port, end = listener(uid)
    site = Site("127.0.0.1", port, ShopAddress.on_usual_port("shop.example.com"))
    answer = Visitor(site, timeout=60).open("/", "front")
    assert answer.body == b"Welcome!"
    assert "GET / HTTP/1.1" in end()


@attack(
    "an account takes the port of this machine's WHMCS while that is restarted, and waits for its secret",
    "nothing is sent, and the failure names the user; it is tried again like any WHMCS that is away",
)
@pytest.mark.parametrize("uid", ACCOUNTS)
def test_an_account_at_the_port_of_whmcs_hears_no_secret(listener, tmp_path, uid):
    port, end = listener(uid)
    file = tmp_path / "secret"
    file.write_text(PASSWORD)
    file.chmod(0o600)
    named = {"url": f"http://127.0.0.1:{port}", "identifier": "shoplaunch", "secret_file": str(file)}
    with pytest.raises(NeverAsked) as failure:
        WhmcsApi(WhmcsSettings.from_dict({**named, "department": 1, "admin": "support"})).call("AddTicketReply")
    assert failure.value.code == "whmcs_unreachable" and f"the user {uid}" in failure.value.message
    assert PASSWORD not in end()


@attack(
    "an account takes the port of an object store of this machine while that is restarted",
    "nothing is sent: neither a bundle that was paid for, nor a signed request",
)
def test_an_account_at_the_port_of_a_store_gets_no_bundle(listener, tmp_path):
    port, end = listener(ACCOUNTS[0])
    bundle = tmp_path / "bundle"
    bundle.write_text(PASSWORD)
    named = {"endpoint": f"http://127.0.0.1:{port}", "bucket": "shops", "access_key": "key", "secret_key": "secret"}
    with pytest.raises(ShoplaunchError, match=f"the user {ACCOUNTS[0]}"):
        ObjectStore(BundleStoreConfig(**named)).put("x.bundle", bundle, "0" * 64, 1.0)
    assert "PUT" not in end()


@attack(
    "an account takes the port of this machine's mail server while that is restarted, and waits for clients' mails",
    "no mail is handed to it, and the failure names the user; it is tried again like any server that is away",
)
def test_an_account_at_the_port_of_the_mail_server_gets_no_mail(listener):
    port, end = listener(ACCOUNTS[0])
    mail = EmailMessage()
    mail["To"], mail["From"] = "client@client.example", "shops@example.com"
    mail.set_content(PASSWORD)
    with pytest.raises(smtp.NotDelivered, match=f"the user {ACCOUNTS[0]}"):
        smtp.deliver(smtp.MailServer("127.0.0.1", port), mail, 5, 5)
    assert "client@client.example" not in end()


@attack(
    "an account takes the port of this machine's broker while that is restarted, and waits for its password",
    "nothing is sent, and the log names the user: the workers look by themselves",
)
@pytest.mark.parametrize("uid", ACCOUNTS)
@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_an_account_at_the_port_of_the_broker_hears_no_password(listener, scheme, uid):
    port, end = listener(uid)
    broker = link.of(EngineConfig(kind="celery", broker_url=f"{scheme}://user:{PASSWORD}@127.0.0.1:{port}"))
    connection = broker.connection()
    with pytest.raises(Exception) as failure:
        broker.open(connection)
    link.close(connection)
    assert f"the user {uid}" in link.reason(failure.value)
    assert set(end().split()) <= {"b''"}
