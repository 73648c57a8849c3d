"""Hosts that run PHP in different ways, each with an account whose launcher leaves evidence."""

import pytest

from controller.panels.cpanel.start.starter import Starter
from tests.integration.starter.launched import put_launcher
from tests.support.php_hosts import PhpHost

KEY, JOB = b"k" * 32, "abcdefgh12"


@pytest.fixture
def host_of():
    """Return a function that starts a PhpHost of a kind, with a launcher and its first starter in place."""
    hosts = []

    def start(kind, ini=None, *, launcher="", **more):
        host = PhpHost(kind, ini, **more)
        host.__enter__()
        hosts.append(host)
        host.own(put_launcher(host.home, launcher))
        host.own(host.home / ".shoplaunch")
        host.starter = place(host)
        return host

    yield start
    for host in hosts:
        host.__exit__()


def place(host, attempt=1):
    """A starter lies in the document root; return it."""
    starter = Starter(KEY, JOB, attempt)
    path = host.root / starter.name
    path.write_bytes(starter.content(host.user, str(host.home)))
    path.chmod(0o644)
    host.own(path)
    return starter
