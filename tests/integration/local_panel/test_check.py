"""`server check`: everything is right on a good server, and what is wrong is named with advice."""

import pytest

pytestmark = pytest.mark.root


def rows(server, **changes):
    return {row.name: row for row in server.panel(**changes).check()}


def test_a_good_server_passes_except_for_what_is_not_running_here(server):
    wrong = {name for name, row in rows(server).items() if not row.ok}
    # No skeleton was installed.
    assert wrong <= {"skeleton"}


def test_checking_changes_nothing(server):
    from tests.support.servers.local_server import snapshot

    watched = [server.stack.apache / "sites", server.home_base, *(php.pools for php in server.stack.php_versions())]
    before = snapshot(*watched)
    rows(server)
    assert snapshot(*watched) == before


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"mariadb_socket": "/nowhere/x.sock"}, "database", "does not answer"),
        ({"apache": ["/nowhere/apache2"]}, "apache", "cannot be run"),
        ({"apache_sites": "/nowhere"}, "apache", "/nowhere"),
        ({"home_base": "/nowhere"}, "home base", "/nowhere"),
        ({"home_base": "/tmp"}, "home base", "writable"),
        ({"free_disk_bytes": 10**15}, "disk", "free"),
        ({"php": []}, "php", "no PHP-FPM"),
    ],
)
def test_what_is_wrong_is_named_with_advice(server, changes, name, words):
    row = rows(server, **changes)[name]
    assert not row.ok
    assert words in row.message
    assert row.advice or name == "home base"


def test_a_php_that_cannot_run_is_named(server):
    php = dict(server.stack.local_settings()["php"][0], command=["/bin/false"], version="9.9")
    assert not rows(server, php=[php])["php 9.9"].ok
