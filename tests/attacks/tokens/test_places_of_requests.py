"""What a request says of where it came to opens no page that something in front of us keeps closed."""

import socket

import pytest

from tests.attacks.table import attack

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
    "dots": (b"/x/../admin/login", b"A: b"),
    "a path of no ours": (b"/x", b"SCRIPT_NAME: /y"),
}


def asked(site, path, headers):
    """Return the status of the answer to GET `path`."""
    with socket.create_connection(("127.0.0.1", site.port), SECONDS) as connection:
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\nConnection: close\r\n\r\n" % (path, headers))
        connection.settimeout(SECONDS)
        said = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(said.split(b" ", 2)[1])


@attack(
    "a stranger behind a proxy that closes the operators' pages names a path in a header, or writes it differently",
    "headers of a sender change no path: there is nothing, and no failure of the controller",
)
@pytest.mark.parametrize(("path", "headers"), TRICKS.values(), ids=TRICKS)
def test_headers_name_no_path(site, path, headers):
    assert asked(site, b"/admin/login", b"A: b") == 200
    assert asked(site, path, headers) == 404
