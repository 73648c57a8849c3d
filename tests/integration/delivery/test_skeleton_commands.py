"""`shoplaunch skeleton …` on a cPanel server: installed, seen, paid for knowingly, swept."""

import json
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.db import bundles, jobs, tables
from controller.db.bundles import Bundle
from controller.db.connection.engine import make_engine, transact
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from shared.encoding import sha256_hex
from tests.support.servers.ssh_server import SshServer
from tests.support.state.installing import install
from tests.support.users.commands import run_within

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def reseller(server):
    """(user, token) of a reseller whose account has a shell."""
    user, token = server.reseller()
    subprocess.run(["usermod", "-s", "/bin/sh", "-p", "*", user], check=True)
    return user, token


@pytest.fixture(scope="module")
def home(server, reseller, files, bundle, tmp_path_factory):
    """SHOPLAUNCH_HOME of an installation that knows the server as `web1` and has the bundle `classic`."""
    folder = tmp_path_factory.mktemp("home")
    config = load_config({"SHOPLAUNCH_HOME": str(folder)})
    install(config)
    (config.agent / "run").write_bytes(files.launcher)
    (config.agent / "agent.pyz").write_bytes(files.agent)
    (config.bundles / "classic.bundle").write_bytes(bundle.read_bytes())
    row = Bundle("classic", sha256_hex(bundle.read_bytes()), bundle.stat().st_size, "0" * 64, "sample", "1", 1.0)
    transact(make_engine(config.database_url), lambda connection: bundles.add(connection, row))
    (folder / "token").write_text(reseller[1])
    return folder


@pytest.fixture(scope="module")
def run(home):
    """Return a function that runs one command; it returns what was said."""

    def command(*words, code=0, answer=""):
        done = run_within(words, {"SHOPLAUNCH_HOME": str(home)}, answer)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stdout + done.stderr

    return command


@pytest.fixture(scope="module")
def name(run, home, server, reseller):
    words = ["--url", server.url, "--user", reseller[0], "--token-file", str(home / "token"), "--ca", server.ca_file]
    run(
        "server",
        "add",
        "web1",
        "--panel",
        "cpanel",
        *words,
        "--option",
        "skeleton=reseller",
        "--option",
        "package=shop",
    )
    return "web1"


@pytest.fixture(scope="module")
def ssh(run, home, name, reseller):
    """The server's skeleton is reached by SSH."""
    one = SshServer(reseller[0]).start()
    (home / "ssh_config").write_text(one.client_config.read_text())
    run("server", "set", name, "--option", f"ssh={one.target}")
    yield one
    one.stop()


@pytest.mark.sampled(of=3, rests=True)
def test_it_is_installed_seen_and_removed(whm, run, name, reseller, files):
    assert json.loads(run("skeleton", "status", name, "--json"))["agent_sha256"] is None
    said = run("skeleton", "install", name)
    assert "current" in said and sha256_hex(files.agent) in said
    status = json.loads(run("skeleton", "status", name, "--json"))
    assert (status["current"], status["agent_sha256"]) == (True, sha256_hex(files.agent))
    assert (whm.skeleton(reseller[0]) / ".shoplaunch" / "run").read_bytes() == files.launcher
    run("skeleton", "remove", name, "--yes")
    assert "nothing installed" in run("skeleton", "status", name)


@pytest.mark.sampled(of=3, rests=True)
def test_an_account_that_never_had_a_job_is_swept_and_no_other(whm, run, home, name, reseller):
    run("skeleton", "install", name)
    idle, busy = (whm.add_account(owner=reseller[0]) for _ in range(2))
    config = load_config({"SHOPLAUNCH_HOME": str(home)})
    service = open_service(config)
    order = {
        "server": name, "bundle": "classic", "domain": busy.domain, "email": "o@example.com", "account": busy.user,
    }  # fmt: skip
    service.orders.place(order, source="command")
    assert "Clear 1 account(s)" in run("skeleton", "sweep", name, answer="n\n", code=1)
    assert (Path(idle.home) / ".shoplaunch").exists()
    assert run("skeleton", "sweep", name, "--yes") == f"{idle.user}: cleared\n"
    assert not (Path(idle.home) / ".shoplaunch").exists()
    assert (Path(busy.home) / ".shoplaunch" / "agent.pyz").exists()
    assert run("skeleton", "sweep", name, "--yes") == "Nothing to clear.\n"
    with service.installation.engine.begin() as connection:
        assert jobs.accounts_with_jobs(connection, name) == {busy.user}


def offer_packages(whm):
    """The server has packages of every kind."""
    whm.add_package("shop", quota=500)
    whm.add_package("mail", maxsql=0)
    whm.add_package("tiny", quota=1)


@pytest.mark.sampled(of=3, rests=True)
@pytest.mark.usefixtures("ssh")
def test_what_a_bundle_costs_is_said_before_it_is_put_there(whm, run, home, name, reseller, bundle):
    offer_packages(whm)
    for plan in ("shop", "mail", "mail"):
        whm.add_account(owner=reseller[0], plan=plan)
    folder = whm.skeleton(reseller[0]) / ".shoplaunch"
    said = run("skeleton", "install", name, "--with-bundle", "classic", answer="n\n", code=1)
    assert not (folder / "shop.bundle").exists()
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.split()[:1] != []}
    assert rows["shop"][0] == "1" and rows["shop"][-2:] == ["yes", "yes"]
    assert rows["mail"][0] == "2" and rows["mail"][-2:] == ["no", "yes"]
    assert rows["tiny"][-2:] == ["no", "no"]
    assert "get no shop and hold it all the same: default, mail, tiny" in said
    assert "Every account created from now on can copy the bundle classic" in said
    assert "marked as paid" not in said
    paid = sa.update(tables.bundles).values(paid=True)
    transact(make_engine(load_config({"SHOPLAUNCH_HOME": str(home)}).database_url), lambda found: found.execute(paid))
    said = run("skeleton", "install", name, "--with-bundle", "classic", answer="y\n")
    assert "The bundle classic is marked as paid" in said
    assert sha256_hex(bundle.read_bytes()) in said
    assert (folder / "shop.bundle").read_bytes() == bundle.read_bytes()
    assert json.loads(run("skeleton", "status", name, "--json"))["bundle_bytes"] == bundle.stat().st_size


@pytest.mark.sampled(of=3, rests=True)
def test_a_reseller_without_ssh_puts_a_bundle_there_with_a_token_of_the_account(whm, run, home, name, reseller, bundle):
    secret = whm.cpanel_token(reseller[0])
    (home / "own-token").write_text(secret)
    options = ("--option", "ssh=", "--option", f"cpanel_url={whm.cpanel_url}")
    run("server", "set", name, *options, "--cpanel-token-file", str(home / "own-token"))
    assert (
        secret not in run("server", "list", "--json") and secret.encode() not in (home / "shoplaunch.db").read_bytes()
    )
    folder = whm.skeleton(reseller[0]) / ".shoplaunch"
    run("skeleton", "install", name, "--with-bundle", "classic", "--yes")
    assert (folder / "shop.bundle").read_bytes() == bundle.read_bytes()
    assert json.loads(run("skeleton", "status", name, "--json"))["bundle_bytes"] == bundle.stat().st_size
    plain = run("server", "set", name, "--option", f"cpanel_token={secret}", code=1)
    assert "--cpanel-token-file" in plain and secret not in plain
    run("server", "set", name, "--option", "cpanel_token=", "--option", "cpanel_url=")
    assert "SSH" in run("skeleton", "install", name, "--with-bundle", "classic", "--yes", code=1)


def test_packages_are_read_in_every_shape(whm, run, name, ssh):
    offer_packages(whm)
    whm.quirks.packages = "wobbling"
    said = run("skeleton", "install", name, "--with-bundle", "classic", answer="n\n", code=1)
    assert "get no shop and hold it all the same: default, mail, tiny" in said
