"""What a request says of where it came to opens no page that something in front of us keeps closed."""

import socket

import pytest

from tests.attacks.table import attack
from tests.support.worlds.web_site import Site

SECONDS = 30
#: What a server in front that closes /admin lets through, as it looks at the path alone.
TRICKS = {
    "a folder of its own": (b"/x/admin/login", b"SCRIPT_NAME: /x"),
    "another name of it": (b"/x/admin/login", b"X-Script-Name: /x\r\nX-Forwarded-Prefix: /x"),
    "a path in a header": (
        b"/x",
        b"PATH_INFO: /admin/login\r\nX-Original-URL: /admin/login\r\nX-Rewrite-URL: /admin/login",
    ),
    "two slashes": (b"//x/admin/login", b"A: b"),
    "two slashes and no more": (b"//admin/login", b"A: b"),
    "three slashes": (b"///admin/login", b"A: b"),
    "two slashes within": (b"/admin//login", b"A: b"),
    "a letter as its number": (b"/%61dmin/login", b"A: b"),
    "a slash as its number": (b"/admin%2Flogin", b"A: b"),
    "a whole address": (b"http://x/admin/login", b"A: b"),
    "a whole address of no host": (b"http:///admin/login", b"A: b"),
    "numbers of monitoring": (b"//metrics", b"A: b"),
    "dots": (b"/x/../admin/login", b"A: b"),
    "a path of no ours": (b"/x", b"SCRIPT_NAME: /y"),
}


def said(site, path, headers):
    """Return what is answered to GET `path`, bytes."""
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\nConnection: close\r\n\r\n" % (path, headers))
        connection.settimeout(SECONDS)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def asked(site, path, headers):
    """Return the status of the answer to GET `path`."""
    return int(said(site, path, headers).split(b" ", 2)[1])


@attack(
    "a stranger behind a proxy that closes the operators' pages names a path in a header, or writes it differently",
    "headers of a sender change no path: there is nothing, and no failure of the controller",
)
@pytest.mark.parametrize(("path", "headers"), TRICKS.values(), ids=TRICKS)
def test_headers_name_no_path(site, path, headers):
    assert asked(site, b"/admin/login", b"A: b") == 200
    assert asked(site, path, headers) == 404


@pytest.fixture(scope="module")
def behind():
    """A controller that counts a proxy in front of it."""
    with Site(SHOPLAUNCH_TRUSTED_PROXIES="1") as site:
        yield site.start()


#: Where a framework sends senders on to the same path, spelled differently.
SENT_ON = (b"/admin", b"/admin//login", b"/static//shoplaunch.css", b"/", b"/admin/", b"/admin/jobs", b"//admin")


@attack(
    "a stranger names a scheme and a host of his own in headers that a proxy passes on",
    "no answer leads there: what caches keep of it is the same for everybody",
)
@pytest.mark.parametrize("path", SENT_ON)
def test_nobody_is_sent_on_to_what_a_header_names(behind, path):
    headers = b"X-Forwarded-Proto: javascript\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example"
    head = said(behind, path, headers).split(b"\r\n\r\n")[0]
    places = [line for line in head.split(b"\r\n") if line.lower().startswith(b"location:")]
    assert all(place.startswith(b"Location: /admin/") for place in places), places
