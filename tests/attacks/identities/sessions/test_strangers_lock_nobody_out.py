"""Wrong passwords of strangers keep no operator out: of the same proxy, network or user."""

import json
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.db.connection.engine import make_engine
from controller.db.identities.logins import MAX_PER_ADDRESS, MAX_PER_USER, LoginThrottle, network
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.clock import Clock
from tests.support.state.installing import install
from tests.support.state.state_database import make_tables
from tests.support.worlds.web_site import csrf_of

PASSWORD = "correct horse battery"
PROXY = "192.0.2.80"


@pytest.fixture
def app(tmp_path):
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path / "home")})
    install(config)
    for name in ("nora", "omid"):
        installation.set_operator(config, name, PASSWORD)
    service = open_service(config)
    yield create_app(config, service)
    service.installation.engine.dispose()


def sign_in(browser, user="nora", password=PASSWORD, address=PROXY):
    where = {"REMOTE_ADDR": address}
    page = browser.get("/admin/login", environ_base=where).text
    form = {"user": user, "password": password, "csrf_token": csrf_of(page)}
    return browser.post("/admin/login", data=form, environ_base=where).status_code


def guess(app, times, user, address=PROXY):
    return [sign_in(app.test_client(), user, "wrong", address) for _ in range(times)]


@attack("a stranger behind the same proxy types ten wrong passwords", "an operator's own device signs in all the same")
def test_a_device_that_has_signed_in_before_passes(app):
    own = app.test_client()
    assert sign_in(own) == 303
    own.delete_cookie("shoplaunch")
    assert guess(app, MAX_PER_ADDRESS + 1, "nora") == [401] * MAX_PER_ADDRESS + [429]
    assert sign_in(own) == 303
    assert sign_in(app.test_client()) == 429


@attack("a stranger guesses one operator's password from everywhere", "the operator's own device does not wait")
def test_a_users_own_device_does_not_wait_for_strangers(app):
    own = app.test_client()
    assert sign_in(own) == 303
    for number in range(MAX_PER_USER):
        assert guess(app, 1, "nora", f"198.51.100.{number}") == [401]
    assert guess(app, 1, "nora", "198.51.100.99") == [429]
    assert sign_in(own) == 303


@attack(
    "a page of a stranger's, or a monitor, asks for the head of the login again and again from the operators' network",
    "that is no attempt: nobody has to wait",
)
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "GET"])
def test_looking_at_the_login_is_no_attempt(app, method):
    for _ in range(MAX_PER_ADDRESS + 1):
        where = {"REMOTE_ADDR": PROXY}
        form = {"user": "nora", "password": "wrong"}
        assert app.test_client().open("/admin/login", method=method, data=form, environ_base=where).status_code == 200
    assert sign_in(app.test_client()) == 303


@attack("somebody takes the cookie of a device along to guess", "it guesses as often as an address, for its user alone")
def test_a_device_guesses_no_more_often_than_an_address(app):
    own = app.test_client()
    assert sign_in(own) == 303
    assert [sign_in(own, password="wrong") for _ in range(MAX_PER_ADDRESS + 1)] == [401] * MAX_PER_ADDRESS + [429]
    assert guess(app, 0, "omid") == []
    # It has never been omid's
    guess(app, MAX_PER_ADDRESS, "omid")
    assert sign_in(own, "omid") == 429


@pytest.mark.sampled(of=2)
@attack("somebody makes up the cookie of a device", "it is none")
@pytest.mark.parametrize("cookie", ["x", "eyJub3JhIjoieCJ9.aSDd.AAAA", "eyJub3JhIjoieCJ9"])
def test_a_made_up_device_is_none(app, cookie):
    guess(app, MAX_PER_ADDRESS, "nora")
    forged = app.test_client()
    forged.set_cookie("shoplaunch_device", cookie, path="/admin")
    assert sign_in(forged) == 429


@attack("somebody guesses from every address of an IPv6 network", "the network is one sender")
def test_a_network_of_ipv6_is_one_sender(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'state.db'}")
    make_tables(engine)
    throttle = LoginThrottle(engine, Clock())
    for number in range(MAX_PER_ADDRESS):
        throttle.begin(f"u{number}", f"2001:db8:1:2::{number:x}")
    with pytest.raises(ShoplaunchError, match="login_throttled"):
        throttle.begin("u", "2001:db8:1:2:ffff::1")
    throttle.begin("u", "2001:db8:1:3::1")
    engine.dispose()


def test_what_counts_as_one_sender():
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") == "192.0.2.1"
    assert network("fe80::1%eth0") == network("fe80::2") == "fe80::/64"
    assert network("") == "" and network("unix:") == "unix:"


@attack(
    "somebody guesses through a proxy that writes each connection's port behind the address",
    "the address is one sender",
)
@pytest.mark.parametrize("form", ["192.0.2.1:%d", "[2001:db8::1]:%d"], ids=["IPv4", "IPv6"])
def test_connections_of_an_address_are_one_sender(form):
    assert len({network(form % port) for port in (1, 443, 65535)}) == 1
    assert network("192.0.2.1:99") == "192.0.2.1" and network("[2001:db8::1]") == network("2001:db8::2")


@attack(
    "an account of the machine connects to the web server's socket as if it were the proxy, and names addresses",
    "doctor is red as long as accounts may enter the socket's folder",
)
@pytest.mark.parametrize(("mode", "red"), [(0o755, True), (0o711, True), (0o710, False), (0o700, False)])
def test_doctor_looks_at_the_folder_of_the_proxys_socket(mode, red):
    with tempfile.TemporaryDirectory(prefix="slproxy") as folder:
        Path(folder).chmod(0o755)
        place = Path(folder, "web")
        place.mkdir()
        place.chmod(mode)
        home = {"SHOPLAUNCH_HOME": f"{folder}/home", "SHOPLAUNCH_PUBLIC_URL": "https://control.invalid"}
        home |= {"SHOPLAUNCH_TRUSTED_PROXIES": "1", "SHOPLAUNCH_BIND": f"unix:{place}/socket"}
        install(load_config(home))
        rows = json.loads(CliRunner().invoke(main, ["doctor", "--json"], env=home).stdout)
        assert ([row["ok"] for row in rows if row["name"] == "proxies' socket"] == [False]) is red


@attack("the proxy in front is not named in the settings", "doctor is red: everybody would be one sender")
@pytest.mark.parametrize("url, hops, red", [("https", 0, True), ("https", 1, False), ("http", 0, False)])
def test_doctor_asks_for_the_proxies(tmp_path, url, hops, red):
    place = {"http": "http://127.0.0.1:8000", "https": "https://control.invalid"}[url]
    home = {"SHOPLAUNCH_HOME": str(tmp_path / "home"), "SHOPLAUNCH_PUBLIC_URL": place}
    home["SHOPLAUNCH_TRUSTED_PROXIES"] = str(hops)
    install(load_config(home))
    rows = json.loads(CliRunner().invoke(main, ["doctor", "--json"], env=home).stdout)
    (row,) = [row for row in rows if row["name"] == "trusted proxies"]
    assert row["ok"] is not red
    assert ("trusted_proxies" in row["advice"]) is red
