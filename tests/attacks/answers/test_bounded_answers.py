"""No answer is larger or later than the controller and the agent allow, from any server."""

import os
import ssl
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.bundle.fetch import fetch
from agent.bundle.source import Source
from agent.reporting.http import HttpClient
from controller.billing import mail
from controller.billing.base import Alarm
from controller.billing.whmcs.api import WhmcsApi
from controller.billing.whmcs.check import ACTIONS
from controller.billing.whmcs.settings import WhmcsSettings
from controller.doctor import web
from controller.jobs.shop import tls
from controller.jobs.shop.checks import visits
from controller.panels.cpanel.account import own_account
from controller.panels.cpanel.api import whm
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.skeleton.ssh_store import SshStore
from controller.panels.local.crontab import Crontab
from controller.panels.local.services.apache import Sites
from controller.settings.sections import Config, MailConfig
from controller.shop_address import ShopAddress
from shared.errors import LANGUAGES, ShoplaunchError, advice
from tests.attacks.table import attack
from tests.fakes.whm.work.certificates import Authority
from tests.support import hostile_server
from tests.support.hostile_server import HostileServer
from tests.support.measured import PATIENCE, ended
from tests.support.waiting import wait_until

#: What a call may take of our memory, whatever comes.
MOST_MEMORY = 96 * 1024 * 1024
#: What may be on its way to a caller that has stopped to read, and what it may have read.
MOST_BYTES = 160 * 1024 * 1024
#: For calls that have to end by their deadline.
DEADLINE = 0.5


class Callers:
    """Every way in which we ask somebody else, against the server at `address`; each may raise ShoplaunchError."""

    def __init__(self, address, folder, seconds):
        self.address, self.folder, self.seconds = address, folder, seconds
        self.port = int(address.rpartition(":")[2])

    @property
    def _login(self):
        return whm.Login("web1", self.address, "root", "TOKEN", "")

    @property
    def _whm(self):
        return whm.Whm(self._login, ProcessBreaker(), 4)

    @property
    def _site(self):
        return visits.Site("127.0.0.1", self.port, ShopAddress.on_usual_port("shop.example"))

    def whm_look(self):
        return self._whm.call("accountsummary", read_only=True, seconds=self.seconds, user="alice")

    def whm_list(self):
        return self._whm.call("listaccts", read_only=True, seconds=self.seconds)

    def whm_act(self):
        return self._whm.call("createacct", seconds=self.seconds, username="alice")

    def uapi_read(self):
        return self._whm.uapi(
            "alice", "Fileman", "get_file_content", read_only=True, limit=1_000_000, file="state.json"
        )

    def uapi_act(self):
        return self._whm.uapi("alice", "Mysql", "create_database", name="alice_shop")

    def api2(self):
        return self._whm.api2("alice", "Cron", "listcron", read_only=True)

    def batch(self):
        return self._whm.batch([whm.Request("accountsummary", {"user": "alice"})] * 3)

    def probe(self):
        return self._whm.probe()

    def upload(self):
        source = self.folder / "shop.bundle"
        source.write_bytes(b"bundle")
        return own_account.OwnAccount(self._login, ProcessBreaker(), 4).upload("/home/alice", "shop.bundle", source)

    def whmcs(self, action="GetTicket"):
        secret = self.folder / "secret"
        secret.write_text("secret")
        given = {"url": self.address, "identifier": "id", "secret_file": str(secret), "department": 1, "admin": "admin"}
        given["timeout_seconds"] = max(1, int(self.seconds))
        return WhmcsApi(WhmcsSettings.from_dict(given)).call(action)

    def visit(self):
        return visits.visit(self._site, "/", "front", timeout=self.seconds)

    def visit_file(self):
        return visits.Visitor(self._site, self.seconds).open("/a.css", "front", most=65536)

    def sign_in(self):
        return visits.Visitor(self._site, self.seconds).open("/login", "office", {"user": "a", "password": "b"})

    def redirect(self):
        return visits.redirect(self._site, "/", "front", timeout=self.seconds)

    def doctor_web(self):
        return list(web.web(Config(home=self.folder, public_url=self.address)))

    def apache(self):
        settings = SimpleNamespace(http_ip="127.0.0.1", http_port=self.port)
        return Sites(settings)._answer("shop.example", "0123456789abcdef")

    def agent_report(self):
        return HttpClient().post(self.address + "/api/v1/agent/events", b"{}", {}, deadline=self.seconds)

    def agent_fetch(self):
        pinned = {"url": self.address + "/shop.bundle", "size": 1_000_000, "manifest_sha256": "0" * 64}
        return fetch(Source(pinned, HttpClient()), str(self.folder / "fetched"), idle_seconds=0, sleep=lambda _: None)


CALLERS = [name for name in vars(Callers) if not name.startswith("_")]


@pytest.fixture
def quick(monkeypatch):
    """Deadlines a test can wait for."""
    monkeypatch.setattr(whm, "ANSWER_SECONDS", DEADLINE)
    monkeypatch.setattr(whm, "QUICK_SECONDS", DEADLINE)
    monkeypatch.setattr(whm, "READ_PAUSE_SECONDS", 0)
    monkeypatch.setattr(own_account, "UPLOAD_SECONDS", DEADLINE)
    monkeypatch.setattr(web, "TIMEOUT_SECONDS", DEADLINE)
    monkeypatch.setattr("agent.reporting.downloads.GRACE_SECONDS", DEADLINE)


@attack(
    "A panel, WHMCS, a shop or a bundle's server says nothing, or one byte at a time, for ever",
    "every call ends at its one deadline, from the first packet to the last byte",
)
@pytest.mark.sampled(of=3, each=("caller",))
@pytest.mark.parametrize("habit", hostile_server.SLOW, ids=lambda one: one.__name__)
@pytest.mark.parametrize("caller", CALLERS)
def test_a_server_that_only_drips_is_given_up_at_the_deadline(caller, habit, tmp_path, quick):
    with HostileServer(habit) as server:
        result, _ = ended(getattr(Callers(server.address, tmp_path, DEADLINE), caller))
        if isinstance(result, ShoplaunchError):
            assert result.retryable, result
        assert server.asked
        # It may have had all it wants, and a caller that takes a status for the answer is content with headers
        assert server.sent < 100_000


@attack(
    "A panel, WHMCS, a shop or a bundle's server answers without end, with gigabytes packed as gzip, or with "
    "documents that take a multiple of their size once read",
    "no call reads more than its function's limit, unpacks anything, or keeps a connection whose answer went on",
)
@pytest.mark.sampled(of=3, each=("caller",))
@pytest.mark.parametrize("habit", hostile_server.LARGE, ids=lambda one: one.__name__)
@pytest.mark.parametrize("caller", CALLERS)
def test_no_answer_fills_the_memory_or_is_read_for_ever(caller, habit, tmp_path):
    with HostileServer(habit) as server:
        _result, memory = ended(getattr(Callers(server.address, tmp_path, 120), caller))
        assert memory < MOST_MEMORY
        assert server.sent < MOST_BYTES and not server.took_enough
        assert 1 <= len(server.asked) <= 20


#: What a caller says of an answer that is too large.
TOO_LARGE = {
    "panel_answer_too_large": ["whm_look", "whm_list", "whm_act", "uapi_read", "uapi_act", "api2", "batch", "upload"],
    "whmcs_answer_too_large": ["whmcs"],
    "check_failed": ["visit", "sign_in", "redirect"],
}


@attack(
    "A panel or WHMCS announces an answer of terabytes",
    "it is refused by its announced length, not one byte of it read, with a code that says that waiting is of no use",
)
@pytest.mark.parametrize(("code", "caller"), [(code, name) for code, names in TOO_LARGE.items() for name in names])
def test_an_answer_that_is_too_large_has_a_code_of_its_own_and_is_not_asked_for_again(code, caller, tmp_path):
    with HostileServer(hostile_server.announces_terabytes) as server:
        result, memory = ended(getattr(Callers(server.address, tmp_path, 120), caller))
        assert isinstance(result, ShoplaunchError) and result.code == code
        assert len(server.asked) == 1
        # Less than the smallest limit: nothing of the body was read
        assert memory < 3 * 1024 * 1024


#: Largest answer that an action of WHMCS needs, in KiB; of all others `FEW`.
LISTS = dict.fromkeys(("GetEmails", "GetTickets", "GetTicket"), 8192)
TEXTS = dict.fromkeys(("GetClientsProducts", "GetClientsDetails", "GetAdminUsers"), 1024)
FEW = 256


@attack(
    "WHMCS, or whatever answers in its place, says megabytes where an action has a few fields to tell",
    "each action has a limit of its own: only lists, tickets and texts of clients may be long",
)
@pytest.mark.parametrize("action", [*ACTIONS, "GetAdminUsers", "GetSupportDepartments", "WhmcsDetails"])
def test_each_action_of_whmcs_says_no_more_than_it_needs(action, tmp_path):
    most = {**LISTS, **TEXTS}.get(action, FEW) * 1024
    assert _asked(action, most, tmp_path)["result"] == "success"
    assert _asked(action, most + 1, tmp_path).code == "whmcs_answer_too_large"


def _asked(action, size, folder):
    """Return what comes of an answer to `action` that has `size` bytes."""

    def says(send, _wait):
        send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b'{"result": "success"}'.ljust(size))

    with HostileServer(says) as server:
        return ended(lambda: Callers(server.address, folder, 60).whmcs(action))[0]


@attack(
    "A panel that redirects every call sends our token to another host",
    "no call with a login follows a redirect",
)
@pytest.mark.parametrize("caller", [*TOO_LARGE["panel_answer_too_large"], "whmcs", "agent_report", "agent_fetch"])
def test_no_login_is_carried_to_another_host(caller, tmp_path):
    with HostileServer(hostile_server.redirects_for_ever) as other:

        def away(send, _wait):
            send(f"HTTP/1.1 307 Elsewhere\r\nLocation: {other.address}/\r\nContent-Length: 0\r\n\r\n".encode())

        with HostileServer(away) as server:
            ended(getattr(Callers(server.address, tmp_path, 60), caller))
            assert server.asked
        assert other.asked == []


@pytest.mark.sampled(of=2)
@attack(
    "A server lets the handshake of TLS drip, or the answer behind it",
    "the deadline counts for the handshake and for what comes encrypted as well",
)
@pytest.mark.parametrize("habit", [hostile_server.is_silent, hostile_server.drips])
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["handshake", "answer"])
@pytest.mark.parametrize("caller", ["whm_look", "whm_act", "whmcs", "tls_look"])
def test_a_handshake_that_only_drips_is_given_up_at_the_deadline(caller, is_encrypted, habit, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    context = hostile_context(authority) if is_encrypted else None
    with HostileServer(habit, context, says_hello=not is_encrypted) as server:
        address = f"https://127.0.0.1:{server.port}"
        callers = Callers(address, tmp_path, DEADLINE)
        monkeypatch.setattr(whm, "READ_PAUSE_SECONDS", 0)
        monkeypatch.setattr(Callers, "_login", whm.Login("web1", address, "root", "TOKEN", str(authority.ca_file)))
        made = WhmcsSettings.from_dict
        monkeypatch.setattr(WhmcsSettings, "from_dict", lambda given: made({**given, "ca": str(authority.ca_file)}))
        trusted = tls.context(Config(home=tmp_path, tls_ca=str(authority.ca_file)))
        look = lambda: tls.probe("127.0.0.1", server.port, "127.0.0.1", trusted, DEADLINE)  # noqa: E731
        result, _ = ended(look if caller == "tls_look" else getattr(callers, caller))
        if caller == "tls_look":
            assert result.valid is is_encrypted and bool(result.reason) is not is_encrypted
        else:
            assert isinstance(result, ShoplaunchError) and result.retryable
        assert server.sent < 100_000


def hostile_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.issue("127.0.0.1"))
    return context


# -- Mail, name servers, programs ------------------------------------------------------------------------------------


def speaks_without_end(send, _wait):
    """A mail server whose every answer goes on in one more line."""
    send(b"220 mail\r\n")
    while True:
        send(b"250-" + b"x" * 500 + b"\r\n")


def greets_without_end(send, _wait):
    """A line that never ends."""
    while True:
        send(b"220 " + b"x" * 65536)


def greets_slowly(send, wait):
    """One byte at a time."""
    while True:
        send(b"2")
        wait(0.2)


@attack(
    "A mail server answers without end, or one byte at a time",
    "the message waits for a better day: one deadline and one limit in bytes over the whole conversation",
)
@pytest.mark.parametrize("habit", [speaks_without_end, greets_without_end, greets_slowly, hostile_server.is_silent])
@pytest.mark.parametrize("starttls", [False, True])
def test_a_mail_server_holds_nobody_up(habit, starttls, monkeypatch):
    monkeypatch.setattr(mail, "TIMEOUT_SECONDS", DEADLINE)
    with HostileServer(habit, says_hello=True) as server:
        sender = mail.Mail(MailConfig(host="127.0.0.1", port=server.port, operator="o@example.com", starttls=starttls))
        result, memory = ended(lambda: sender.alarm(ALARM))
    assert (result.code, result.retryable) == ("mail_failed", True)
    assert memory < 8 * 1024 * 1024 and server.sent < 16 * 1024 * 1024


ALARM = Alarm(
    job="job00001", domain="shop.example.com", server="web1", state="failed", step="php", code="panel_refused",
    message="m", advice="a", admin_url="http://127.0.0.1:8000/",
)  # fmt: skip


@attack("Name servers never answer", "a call waits for them no longer than for everything else")
def test_name_servers_hold_nobody_up(monkeypatch):
    asked, over = [], threading.Event()
    address = ShopAddress.on_usual_port("shop.example")

    def never(host, *_more, **_options):
        asked.append(host)
        over.wait(PATIENCE)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", never)
    try:
        for call in (
            lambda: visits.visit(visits.Site("shop.example", 80, address), "/", "front", timeout=DEADLINE),
            lambda: whm.Whm(whm.Login("w", "https://web1.example", "root", "T"), ProcessBreaker(), 1).call(
                "x", seconds=1
            ),
        ):
            result, _ = ended(call)
            assert result.retryable and "name servers" in result.message
    finally:
        over.set()
    assert asked == ["shop.example", "web1.example"]


@attack(
    "A server answers a call over SSH without end, or an account's crontab has no end",
    "the program that brings it is ended with all it started, and nothing more of it is kept",
)
@pytest.mark.parametrize("caller", ["ssh", "crontab"])
def test_what_a_program_prints_is_read_up_to_a_limit(caller, tmp_path, monkeypatch):
    program = tmp_path / caller
    program.write_text(f"#!/bin/sh\nsleep 1000 & echo $! >{tmp_path}/started\nexec yes\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    settings = SimpleNamespace(crontab=str(program))
    call = {
        "ssh": lambda: SshStore("root@web1.example").read("a", 10),
        "crontab": lambda: Crontab(settings, "alice").lines(),
    }[caller]
    result, memory = ended(call)
    assert result.code == "panel_answer_too_large"
    assert memory < MOST_MEMORY
    wait_until(lambda: not is_running(int((tmp_path / "started").read_text())))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_advice_about_an_answer_without_end_is_for_an_account_s_crontab_and_file_too(language):
    text = advice("panel_answer_too_large", language)
    words = {"en": ("crontab", "file", "proxy"), "fa": ("crontab", "فایل", "پروکسی")}[language]
    assert [word for word in words if word not in text] == []


def is_running(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
