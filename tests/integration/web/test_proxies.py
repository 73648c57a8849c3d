"""The shipped configurations of nginx and Caddy: what passes, what is kept away, and slow clients before them."""

import copy
import json
import shutil
import socket
import ssl
import tempfile
import time
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter

from controller.db.identities.logins import MAX_PER_ADDRESS
from controller.panels.local.private_stack.stack import free_port
from shared.events import make_event
from tests.support.servers.web import proxy as proxies
from tests.support.servers.web.tls_site import Authority
from tests.support.worlds.web_site import Site, an_order, csrf_of

SECONDS = 40
#: More than the controller has threads.
CONNECTIONS = 40
HALVES = {
    "half a header": b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: ",
    "half a body": b"POST /api/v1/agent/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n"
    b"Content-Length: 5000\r\n\r\n{",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def controller():
    """A controller that trusts one proxy (tests.support.worlds.web_site.Site)."""
    with Site(SHOPLAUNCH_TRUSTED_PROXIES="1") as running:
        # Where nginx' user may enter
        running.home.chmod(0o711)
        running.socket = running.home / "socket"
        yield running.start(f"unix:{running.socket}")


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request, controller, authority, tmp_path_factory):
    """The proxy in front of it, sending static files from a folder of its own."""
    with in_front(request.param, controller.port, authority, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@contextmanager
def in_front(kind, behind, authority, folder):
    """A running proxy in front of `behind`, a port or a socket; static files lie where its user may read them."""
    if proxies.program(kind) is None:
        pytest.skip(f"{kind} is not installed")
    folder.chmod(0o755)
    static = Path(tempfile.mkdtemp(prefix="shoplaunch-static-"))
    static.chmod(0o755)
    (static / "own.css").write_text("/* sent by the proxy */")
    running = proxies.Proxy(kind, folder, behind, static, authority.issue("localhost"))
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(static)


@pytest.fixture
def site(controller, proxy, authority, monkeypatch):
    """The controller as it is reached through the proxy."""
    return reached_through(proxy, controller, authority, monkeypatch)


def reached_through(proxy, controller, authority, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    behind = copy.copy(controller)
    behind.url = proxy.url
    return behind


def connected(proxy, authority):
    context = ssl.create_default_context(cafile=str(authority.file))
    plain = socket.create_connection(("127.0.0.1", proxy.port), SECONDS)
    return context.wrap_socket(plain, server_hostname="localhost")


def test_orders_reports_pages_and_files_pass(site):
    assert site.signed("POST", "/api/v1/orders", json.dumps(an_order()).encode()).status_code == 202
    job = site.put(site.order(), "restoring", step="agent")
    assert site.report(site.agent_token(job), make_event(job.id, 1, 0, "heartbeat", time.time())).status_code == 202
    assert requests.get(f"{site.url}/admin/login", timeout=SECONDS).status_code == 200
    sent = requests.get(f"{site.url}/static/own.css?v=1", timeout=SECONDS)
    assert (sent.text, sent.headers["X-Content-Type-Options"]) == ("/* sent by the proxy */", "nosniff")
    assert "max-age=2592000" in sent.headers["Cache-Control"]


def test_a_body_nobody_would_read_is_refused(site, proxy):
    sent = requests.post(f"{site.url}/api/v1/orders", data=b"x" * 600_000, timeout=SECONDS)
    # Debian's Caddy notices it while it keeps the request, and says that as if nobody had answered
    assert sent.status_code == {"nginx": 413, "caddy": 502}[proxy.kind]


def test_numbers_are_for_this_machine(site, proxy):
    elsewhere = HTTPAdapter()
    elsewhere.init_poolmanager(1, 1, source_address=("127.0.0.9", 0))
    stranger = requests.Session()
    stranger.mount("https://", elsewhere)
    assert stranger.get(f"{site.url}/healthz", timeout=SECONDS).status_code == 200
    assert stranger.get(f"{site.url}/metrics", timeout=SECONDS).status_code == 403
    assert requests.get(f"{site.url}/metrics", timeout=SECONDS).status_code == 200


def test_a_client_that_names_other_addresses_counts_as_itself(site):
    assert_counted_as_itself(site)


def assert_counted_as_itself(site):
    with requests.Session() as browser:
        page = browser.get(f"{site.url}/admin/login", timeout=SECONDS)
        codes = []
        for number in range(MAX_PER_ADDRESS + 1):
            form = {"user": uuid.uuid4().hex, "password": "wrong", "csrf_token": csrf_of(page.text)}
            forged = {"X-Forwarded-For": f"192.0.2.{number}", "Referer": page.url}
            sent = browser.post(f"{site.url}/admin/login", data=form, headers=forged, timeout=SECONDS)
            codes.append(sent.status_code)
    site.forget_failed_logins()
    assert codes[-1] == 429, codes


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_by_a_socket_as_the_files_say_everything_passes_and_senders_count_as_themselves(
    controller, authority, tmp_path, monkeypatch, kind
):
    with in_front(kind, controller.socket, authority, tmp_path) as proxy:
        site = reached_through(proxy, controller, authority, monkeypatch)
        test_orders_reports_pages_and_files_pass(site)
        test_numbers_are_for_this_machine(site, proxy)
        assert_counted_as_itself(site)


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_no_log_of_a_proxy_holds_what_was_asked_for(authority, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    # Nobody listens behind it, as while the controller is restarted
    with in_front(kind, free_port(), authority, tmp_path) as proxy:
        for url in (proxy.url, *proxy.plain):
            page = f"{url}/status/t0ken"
            sent = requests.get(page, headers={"Referer": page}, allow_redirects=False, timeout=SECONDS)
            assert sent.status_code == (502 if url == proxy.url else 301)
    logs = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file() and "log" in path.name}
    assert logs and [name for name, text in logs.items() if "t0ken" in text] == []


@pytest.mark.parametrize("part", HALVES.values(), ids=HALVES)
def test_slow_senders_hold_nothing_and_are_sent_away(site, proxy, authority, part):
    with ExitStack() as stack:
        slow = [stack.enter_context(connected(proxy, authority)) for _ in range(CONNECTIONS)]
        for one in slow:
            one.sendall(part)
        for _ in range(3):
            assert requests.get(f"{site.url}/healthz", timeout=SECONDS).status_code == 200
            assert site.signed("POST", "/api/v1/orders", json.dumps(an_order()).encode()).status_code == 202
        for one in slow:
            # Closed by the proxy: an empty answer, or one that says why
            one.settimeout(SECONDS)
            try:
                answer = b"".join(iter(lambda one=one: one.recv(65536), b""))
            except (ssl.SSLError, ConnectionResetError):
                answer = b""
            assert b" 200 " not in answer and b" 202 " not in answer
