"""`shoplaunch skeleton install --all`: every server that has a skeleton gets its channel's agent, and no other does."""

import json

import pytest

from tests.integration.delivery.test_skeleton_commands import home, reseller, run
from tests.support.servers.ssh_server import SshServer

__all__ = ["home", "reseller", "run"]
pytestmark = pytest.mark.root


@pytest.fixture
def servers(whm, home, run, reseller):
    """`web1` and `web2`, two resellers' of one server, and `gone`, which is not there: name -> folder of skeleton."""
    users = {"web1": reseller, "web2": whm.reseller()}
    for name, (user, token) in users.items():
        (home / "token").write_text(token)
        known = ["--url", whm.url, "--user", user, "--token-file", str(home / "token"), "--ca", str(whm.ca_file)]
        run("server", "add", name, "--panel", "cpanel", *known, "--option", "skeleton=reseller")
    known = ["--url", "https://127.0.0.1:9", "--user", "gone", "--token-file", str(home / "token")]
    run("server", "add", "gone", "--panel", "cpanel", *known, "--option", "skeleton=reseller")
    yield {name: whm.skeleton(user) / ".shoplaunch" for name, (user, _token) in users.items()}
    run("skeleton", "remove", "web1", "--yes")
    for name in ("web1", "web2", "gone"):
        run("server", "remove", name, "--yes")


@pytest.fixture
def update(home, newer, files):
    """Install another agent, as an update does."""
    yield lambda: (home / "agent" / "agent.pyz").write_bytes(newer.agent)
    (home / "agent" / "agent.pyz").write_bytes(files.agent)


def state(run, name):
    return json.loads(run("skeleton", "status", name, "--json"))


def test_each_that_has_one_gets_the_new_agent_whatever_another_server_does(servers, run, update):
    run("skeleton", "install", "web1")
    update()
    assert state(run, "web1")["current"] is False
    # 3: one could not be reached
    said = run("skeleton", "install", "--all", code=3)
    assert "web2: nothing installed" in said and "panel_unreachable: gone" in said
    assert state(run, "web1")["current"] is True
    assert not servers["web2"].exists()


def test_one_with_a_bundle_stays_as_it_is_and_the_command_for_it_is_named(servers, home, run, reseller, update):
    ssh = SshServer(reseller[0]).start()
    try:
        (home / "ssh_config").write_text(ssh.client_config.read_text())
        run("server", "set", "web1", "--option", f"ssh={ssh.target}")
        run("skeleton", "install", "web1", "--with-bundle", "classic", "--yes")
        before = state(run, "web1")
        update()
        said = run("skeleton", "install", "--all", code=3)
        assert "`shoplaunch skeleton install web1 --with-bundle NAME`" in said
        assert state(run, "web1") == {**before, "current": False}
    finally:
        ssh.stop()
        run("server", "set", "web1", "--option", "ssh=")


@pytest.mark.sampled(of=3, rests=True)
def test_a_server_gets_the_agent_of_its_channel(servers, run, update, files):
    run("skeleton", "install", "web1")
    run("agent", "keep", "--channel", "late")
    run("server", "set", "web1", "--channel", "late")
    update()
    run("skeleton", "install", "--all", code=3)
    assert (servers["web1"] / "run").read_bytes() == files.launcher
    assert state(run, "web1")["current"] is True
    kept = json.loads(run("agent", "status", "--json"))[0]["agent"]
    run("agent", "follow", "--channel", "late")
    assert state(run, "web1")["current"] is False
    assert kept in run("agent", "list")
    run("skeleton", "install", "--all", code=3)
    assert state(run, "web1")["current"] is True
    run("server", "set", "web1", "--channel", "stable")


@pytest.mark.parametrize("words", [(), ("web1", "--all"), ("--all", "--with-bundle", "classic")])
def test_what_is_not_clear_changes_nothing(run, words):
    assert "name one SERVER, or --all without a bundle" in run("skeleton", "install", *words, code=2)
