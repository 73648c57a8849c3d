"""Nobody but the bounded modules opens a connection or reads what a program prints without an end."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
#: What opens connections by itself, without a deadline over all or a limit in bytes.
CALLING = (
    "requests", "urllib3", "httpx", "aiohttp", "urllib.request", "http.client", "smtplib", "ftplib", "poplib",
    "imaplib", "xmlrpc", "asyncio", "socketserver", "telnetlib", "nntplib", "pycurl", "paramiko",
)  # fmt: skip
#: Folders and modules that may: each is one of the bounded ones.
BOUNDED = (
    "controller/network/",
    "agent/reporting/http.py",
    "agent/base/deadline_socket.py",
    "agent/reporting/downloads.py",
)
#: Calls of the module `socket` that reach other machines.
REACHING = ("socket", "create_connection", "getaddrinfo", "gethostbyname", "gethostbyaddr")
#: module -> why it may use them: nothing comes in through what it opens.
OWN_MACHINE = {
    "controller/jobs/shop/checks/visits.py": "asks whether an address is one of this machine's",
    "shared/database/unix_socket.py": "a Unix socket, whose peer it judges before a byte is sent",
    "shared/controller_socket.py": "the same; what comes in through it is bounded where it is read",
    "controller/web/server/agent_socket.py": "listens at a Unix socket, and sees whether one still listens",
    "controller/jobs/lifecycle/wakeup.py": "Unix datagrams in a folder that is closed; a message says nothing",
    "controller/bundles/source/servers/private_server.py": "holds a name of a socket: no other takes the same user",
    "controller/panels/local/private_stack/stack.py": "finds a free port",
    "controller/panels/local/private_stack/processes.py": "sees whether a daemon of its own listens",
    "controller/panels/local/services/php_fpm.py": "sees whether PHP listens",
}
#: Names that only read what a library found, or name its failures.
HARMLESS = {"controller/jobs/shop/checks/visits.py": {"http.client"}}
SOURCES = sorted(
    path.relative_to(PROJECT).as_posix()
    for folder in ("agent", "controller", "shared")
    for path in (PROJECT / folder).rglob("*.py")
)


def imported(tree):
    """Return every module a module imports, the names behind `from` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def reaching(tree):
    """Return the calls `socket.X(…)` that reach other machines, and those of what was imported from `socket`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in REACHING:
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "socket":
                yield node.func.attr
        elif isinstance(node, ast.ImportFrom) and node.module == "socket":
            yield from (one.name for one in node.names if one.name in REACHING)


class AtRunTime(ast.NodeTransformer):
    """Leaves out what only a type checker reads."""

    def visit_If(self, node):
        return None if isinstance(node.test, ast.Name) and node.test.id == "MYPY" else self.generic_visit(node)


def parsed(path):
    return AtRunTime().visit(ast.parse((PROJECT / path).read_text("utf-8")))


def found(path):
    """Return what a module does that only bounded ones may."""
    tree = parsed(path)
    modules = set(imported(tree))
    libraries = {name for name in CALLING for one in modules if one == name or one.startswith(name + ".")}
    calls = set() if path in OWN_MACHINE else set(reaching(tree))
    return (libraries - HARMLESS.get(path, set())) | calls


@pytest.mark.parametrize("path", [path for path in SOURCES if not path.startswith(BOUNDED)])
def test_no_other_module_opens_a_connection(path):
    assert found(path) == set()


@pytest.mark.parametrize("path", [*OWN_MACHINE, *HARMLESS])
def test_what_is_excepted_still_needs_it(path):
    tree = parsed(path)
    assert set(reaching(tree)) or set(imported(tree)) & HARMLESS.get(path, set())


@pytest.mark.parametrize(
    "text",
    ["import requests", "from urllib import request", "import urllib.request as web", "import http.client",
     "from smtplib import SMTP", "import socket\nsocket.create_connection(('a', 1))",
     "from socket import create_connection", "def f():\n    import requests.adapters"],
)  # fmt: skip
def test_the_scan_sees_every_way_to_write_it(text, monkeypatch):
    monkeypatch.setattr(f"{__name__}.parsed", lambda _path: ast.parse(text))
    assert found("controller/anything.py")


#: Whose words are not the controller's own: accounts, other machines, their files.
OTHERS = (
    "controller/panels/cpanel/",
    "controller/panels/local/as_account/run.py",
    "controller/panels/local/commands.py",
    "controller/panels/local/crontab.py",
    "controller/jobs/",
    "controller/billing/",
)


@pytest.mark.parametrize("path", [path for path in SOURCES if path.startswith(OTHERS)])
def test_no_module_reads_without_an_end_what_others_print(path):
    assert "subprocess" not in set(imported(parsed(path)))
