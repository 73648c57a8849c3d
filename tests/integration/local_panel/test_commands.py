"""`shoplaunch server …` and `skeleton …` on a real private server and a real installation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from controller.db import tables
from controller.db.connection.engine import make_engine
from controller.settings.loading import load_config
from controller.this_machine import this_machine
from shared.encoding import sha256_hex
from tests.support.state.installing import install
from tests.support.users.commands import run_within

pytestmark = pytest.mark.root
COMMAND = str(Path(sys.executable).parent / "shoplaunch")


@pytest.fixture(scope="module")
def installation(server):
    """SHOPLAUNCH_HOME of an installation that knows the private server; returns a function that runs commands."""
    home = server.directory / "controller"
    home.mkdir()
    lines, php = ["[local]"], []
    for name, value in server.stack.local_settings().items():
        if name == "php":
            for one in value:
                php += ["[[local.php]]", *(f"{key} = {json.dumps(item)}" for key, item in one.items())]
        else:
            lines.append(f"{name} = {json.dumps(value)}")
    (home / "shoplaunch.toml").write_text("\n".join(lines + php) + "\n")
    config = load_config({"SHOPLAUNCH_HOME": str(home)})
    install(config)
    (config.agent / "run").write_bytes(b"#!/bin/sh\n")
    (config.agent / "agent.pyz").write_bytes(b"agent of this installation")

    def run(*words, code=0, answer=""):
        done = run_within(words, {"SHOPLAUNCH_HOME": str(home)}, answer)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stdout + done.stderr

    run.config = config
    return run


@pytest.fixture(scope="module")
def name(installation):
    installation("server", "add", "one", "--panel", "local")
    return "one"


@pytest.mark.sampled(of=2, rests=True)
def test_a_server_is_added_once_and_listed(installation, name):
    here = this_machine()
    assert json.loads(installation("server", "list", "--json")) == [
        {"name": "one", "panel": "local", "url": "", "user": "", "state": "ready", "reason": "", "start": "auto",
         "last_start": "", "channel": "stable", "machine": "" if here is None else here.host}
    ]  # fmt: skip
    assert "one" in installation("server", "list")
    assert "name_taken" in installation("server", "add", "one", "--panel", "local", code=1)


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["add", "a b", "--panel", "local"], 2, "name"),
        (["add", "x", "--panel", "other"], 2, "other"),
        (["add", "x", "--panel", "local", "--url", "https://x"], 2, "--url"),
        (["add", "x", "--panel", "cpanel"], 2, "--token-file"),
        (["check", "unknown"], 1, "server_unknown"),
    ],
)
def test_wrong_use_is_reported_and_adds_nothing(installation, name, words, code, said):
    assert said in installation("server", *words, code=code)
    assert len(json.loads(installation("server", "list", "--json"))) == 1


def test_without_an_installation_it_is_said_so(tmp_path):
    done = subprocess.run(
        [COMMAND, "server", "list"],
        env={**os.environ, "SHOPLAUNCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "not_initialised" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_ends_with_1_for_an_unusable_server_and_0_where_only_optional_parts_are_missing(
    installation, name, server
):
    installation("skeleton", "remove", name, "--yes")
    assert "no agent" in installation("server", "check", name)
    installation("skeleton", "install", name)
    rows = json.loads(installation("server", "check", name, "--json"))
    assert {row["ok"] for row in rows} == {True}
    server.stack.stop()
    try:
        assert "database" in installation("server", "check", name, code=1)
    finally:
        server.stack.start()


@pytest.mark.sampled(of=2, rests=True)
def test_the_skeleton_is_installed_shown_outdated_and_removed(installation, name):
    assert "KiB" in installation("skeleton", "install", name)
    shown = json.loads(installation("skeleton", "status", name, "--json"))
    assert shown["agent_sha256"] == sha256_hex(b"agent of this installation")
    assert shown["current"] is True
    (installation.config.agent / "agent.pyz").write_bytes(b"a newer agent")
    assert "outdated" in installation("skeleton", "status", name)
    installation("skeleton", "install", name)
    assert "current" in installation("skeleton", "status", name)
    installation("skeleton", "remove", name, "--yes")
    assert "nothing installed" in installation("skeleton", "status", name)


@pytest.mark.sampled(of=2, rests=True)
def test_a_bundle_s_cost_is_shown_and_asked_for(installation, name, server):
    assert "bundle_unknown" in installation("skeleton", "install", name, "--with-bundle", "shop", "--yes", code=1)
    engine = make_engine(installation.config.database_url)
    content = os.urandom(3 * 1024 * 1024)
    row = {"name": "shop", "sha256": sha256_hex(content), "manifest_sha256": "0" * 64, "size": len(content)}
    with engine.begin() as connection:
        connection.execute(sa.insert(tables.bundles).values(**row, application="x", version="1", added_at=0))
    assert "bundle_missing" in installation("skeleton", "install", name, "--with-bundle", "shop", "--yes", code=1)
    (installation.config.bundles / "shop.bundle").write_bytes(content)
    refused = installation("skeleton", "install", name, "--with-bundle", "shop", code=1, answer="n\n")
    assert "3.0 MiB" in refused
    assert json.loads(installation("skeleton", "status", name, "--json"))["bundle_sha256"] is None
    installation("skeleton", "install", name, "--with-bundle", "shop", "--yes")
    assert json.loads(installation("skeleton", "status", name, "--json"))["bundle_sha256"] == sha256_hex(content)
    installation("skeleton", "install", name)
    assert json.loads(installation("skeleton", "status", name, "--json"))["bundle_sha256"] is None


@pytest.mark.sampled(of=3, rests=True)
def test_sweep_clears_only_accounts_that_never_had_a_job(installation, name, server):
    installation("skeleton", "install", name)
    idle, busy, broken = server.new_account(), server.new_account(), server.new_account()
    engine = make_engine(installation.config.database_url)
    with engine.begin() as connection:
        values = {
            column.name: "" if isinstance(column.type, sa.String) else 0
            for column in tables.jobs.c
            if not column.nullable
        }
        values.update(id="job-1", server=name, account=busy.user, order="{}", facts="{}", progress="{}")
        connection.execute(sa.insert(tables.jobs).values(**values))
    panel = server.panel()
    assert idle.user in installation("skeleton", "sweep", name, code=1, answer="n\n")
    assert panel.list_folder(idle, ".shoplaunch") is not None
    home = Path(broken.home)
    home.rename(home.with_name("aside"))
    try:
        said = installation("skeleton", "sweep", name, "--yes", code=3)
        assert f"{idle.user}: cleared" in said
        assert broken.user in said
        assert panel.list_folder(idle, ".shoplaunch") is None
        assert panel.list_folder(busy, ".shoplaunch") is not None
    finally:
        home.with_name("aside").rename(home)
    installation("skeleton", "sweep", name, "--yes")
    assert "Nothing to clear" in installation("skeleton", "sweep", name)
    assert panel.list_folder(broken, ".shoplaunch") is None
