"""A server with SSH as root and a site: what one way cannot, the other does, within the same five seconds."""

import socket
import subprocess
from pathlib import Path

import pytest

from controller.db.connection.engine import reading
from controller.db.machines import servers
from controller.panels.cpanel.start import at_once
from controller.panels.start import stops
from tests.integration.cpanel_shops.test_start_at_once import key_of, start_of, starters, until_over
from tests.integration.cpanel_shops.test_start_by_other_hosts import served
from tests.support.servers.ssh_server import SSHD, SshServer

pytestmark = [pytest.mark.root, pytest.mark.skipif(not Path(SSHD).exists(), reason="no sshd here")]


@pytest.fixture
def both(world, tmp_path, monkeypatch):
    """A server whose SSH as root answers at no port, and whose sites start agents; `lead(port)` leads it elsewhere."""
    world.settings["ssh"] = "root@127.0.0.1"
    config = tmp_path / "ssh_config"
    monkeypatch.setattr(at_once, "ssh_settings", lambda: config)

    def lead(port):
        config.write_text(f"Host *\n Port {port}\n")

    lead(1)
    world.rings()
    world.lead, world.ssh_config = lead, config
    opened = world.open_panel

    def open_panel():
        panel = opened()

        def stopped():
            with reading(world.engine) as connection:
                return stops(servers.get(connection, "cp1").start_learned, world.clock())

        object.__setattr__(panel.known, "starter_stopped", stopped)
        return panel

    world.open_panel = open_panel
    return world


def test_where_ssh_cannot_the_site_starts_the_agent(both):
    job = both.sold()
    assert (start_of(both, job)["way"], start_of(both, job)["reason"]) == ("web", "")
    until_over(both, job)
    assert both.job(job).state == "live", both.trouble(job)
    assert starters(both, job) == []


@pytest.mark.sampled(of=2, rests=True)
def test_an_sshd_that_says_nothing_leaves_the_site_its_time(both):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        both.lead(silent.getsockname()[1])
        job = both.sold()
    assert start_of(both, job)["way"] == "web"
    until_over(both, job)
    assert both.job(job).state == "live", both.trouble(job)


def test_where_ssh_starts_it_nothing_is_put_into_the_document_root(both, monkeypatch):
    server = SshServer("root").start()
    try:
        both.ssh_config.write_text(server.client_config.read_text())
        hosting = both.new_account()
        # Who may not begin a session is not begun for by `su`
        subprocess.run(["usermod", "--expiredate", "", hosting.user], check=True)
        monkeypatch.setattr(at_once.Ring, "_by_the_site", None)
        job = both.sold(hosting)
        assert start_of(both, job)["way"] == "ssh"
        until_over(both, job)
    finally:
        server.stop()
    assert both.job(job).state == "live", both.trouble(job)
    assert starters(both, job) == []


@pytest.mark.sampled(of=2, rests=True)
def test_what_is_learned_of_starters_leaves_ssh_its_try_and_puts_no_starter_there(both):
    hosting, other = both.new_account(), both.new_account()
    with served(both, hosting, "mod_php"):
        job = both.sold(hosting)
    assert start_of(both, job)["reason"] == "php_not_the_account"
    tried = []
    real = at_once.Ring._by_ssh
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at_once.Ring, "_by_ssh", lambda ring, seconds: (tried.append(seconds), real(ring, seconds))[1])
        both.clock.pass_by(5)
        second = both.sold(other)
    # All of the time is its own
    assert len(tried) == 1 and tried[0] > 4
    assert start_of(both, second)["reason"] == "php_not_the_account"
    assert starters(both, second) == [] and key_of(both)
    with reading(both.engine) as connection:
        learned = servers.get(connection, "cp1").start_learned
    # What was not tried again does not make it younger
    assert learned.at == start_of(both, job)["at"]
    both.until(job)
    assert both.job(job).state == "live", both.trouble(job)
    assert starters(both, job) == []
