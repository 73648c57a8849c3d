"""Servers that are too old, lack something, or limit more than the shop bears are reported before anything is made."""

import tempfile

import pytest

from agent.database import access
from agent.stages import preflight
from shared.errors import ShoplaunchError
from tests.integration.agent_work.database.site import Site
from tests.support.servers.databases.mariadb import MariaDB, start_private, stop_private


@pytest.fixture(scope="module")
def small():
    """A server with pages of 4 KiB and packets of 4 KiB."""
    options = ["--innodb-page-size=4k", "--max-allowed-packet=4096", "--net-buffer-length=4096"]
    server = MariaDB(tempfile.mkdtemp(prefix="shoplaunch-mariadb-"), options)
    server.install("--innodb-page-size=4k")
    server.start()
    yield server
    stop_private(server)


@pytest.fixture
def site(small):
    made = Site(small)
    yield made
    made.close()


def refusal(site, **needs):
    site.manifest["requirements"] = {"max_statement_bytes": 1, "longest_key_bytes": 1, **needs}
    with pytest.raises(ShoplaunchError) as caught:
        preflight.check_database(site.attempt(1))
    return caught.value


def test_a_packet_smaller_than_the_largest_statement_is_reported(site):
    found = refusal(site, max_statement_bytes=200_000)
    assert (found.code, found.retryable) == ("db_packet", False)
    assert "4096" in found.message
    assert site.names() == set()


def test_keys_longer_than_the_server_can_hold_are_reported(site, monkeypatch):
    monkeypatch.setattr(preflight, "PACKET_MARGIN_BYTES", 0)
    found = refusal(site, longest_key_bytes=1500)
    assert (found.code, found.retryable) == ("db_key_length", False)
    assert not site.names() - {"shoplaunch_attempt", "shoplaunch_ledger"}


def test_what_fits_is_accepted(site, monkeypatch):
    monkeypatch.setattr(preflight, "PACKET_MARGIN_BYTES", 0)
    site.manifest["requirements"] = {"max_statement_bytes": 2000, "longest_key_bytes": 700}
    preflight.check_database(site.attempt(1))


WITHOUT_INNODB = ["--skip-innodb", "--default-storage-engine=Aria", "--default-tmp-storage-engine=Aria"]


@pytest.mark.parametrize(
    "options,code,named",
    [(["--version=10.1.48-MariaDB"], "db_version", "10.1"), (WITHOUT_INNODB, "db_engine", "innodb")],
    ids=["too old", "without InnoDB"],
)
def test_a_server_that_cannot_hold_the_shop_is_reported(options, code, named):
    server = start_private(options)
    try:
        found = refusal(Site(server))
        assert (found.code, found.retryable) == (code, False)
        assert named in found.message.lower()
        assert server.query("SELECT table_name FROM information_schema.tables WHERE table_schema LIKE 't%'") == ()
    finally:
        stop_private(server)


@pytest.fixture(scope="module")
def logging():
    """A server with a binary log, as those have that are copied to another."""
    server = start_private(["--log-bin=changes", "--server-id=1"])
    yield server
    stop_private(server)


def test_triggers_that_a_server_with_a_binary_log_lets_nobody_make_are_reported(logging):
    site = Site(logging)
    found = refusal(site, objects=["trigger"])
    assert (found.code, found.retryable) == ("db_trigger_denied", False)
    assert not site.names() - {"shoplaunch_attempt", "shoplaunch_ledger"}
    site.close()


def test_a_shop_without_triggers_is_welcome_on_a_server_with_a_binary_log(logging):
    site = Site(logging)
    site.manifest["requirements"] = {"max_statement_bytes": 1, "longest_key_bytes": 1, "objects": []}
    preflight.check_database(site.attempt(1))
    site.close()


def test_a_server_that_lets_nobody_wait_as_long_as_we_would_is_taken_as_it_is():
    limits = ["--maximum-lock-wait-timeout=5", "--maximum-wait-timeout=100"]
    server = start_private([*limits, "--sql-mode=STRICT_ALL_TABLES"])
    try:
        made = Site(server)
        connection = made.attempt(1).connect()
        found = access.run(connection, "SELECT @@lock_wait_timeout, @@wait_timeout, @@innodb_lock_wait_timeout")[0]
        assert found == (5, 100, 30)
        assert "STRICT_ALL_TABLES" in access.run(connection, "SELECT @@sql_mode")[0][0]
        access.close(connection)
        made.close()
    finally:
        stop_private(server)
