"""A worker elsewhere says at its start what its machine lacks: keys, agent, bundles; a command names its servers."""

import os
import shutil
import signal
from dataclasses import replace

import pytest
from click.testing import CliRunner

from controller.cli import main, worker
from controller.jobs.engine.worker import Worker
from controller.keys import ensure_keys
from controller.setup import worker_needs
from controller.setup.installation import add_api_key
from tests.support.worlds.agent_box import sample_members, small_manifest, write_bundle


@pytest.fixture
def config(world):
    """The settings of an installation in use, as on the machine of a worker that has everything."""
    found = replace(world.config, database_url=world.engine.url.render_as_string(hide_password=False))
    add_api_key(found, "billing")
    world.add_bundle("second", folders=True)
    return found


def lacking(world):
    """Return the codes and messages of what bundles lack."""
    return [(one.code, one.message) for one in worker_needs.lacking(world.service)]


@pytest.fixture(autouse=True)
def never_started(monkeypatch):
    """A worker that starts although it lacks something works until it is stopped: here it fails."""

    def start(_worker):
        raise AssertionError("it starts")

    monkeypatch.setattr(Worker, "start", start)


def home_of(config):
    return {"SHOPLAUNCH_HOME": str(config.agent.parent), "SHOPLAUNCH_DATABASE_URL": config.database_url}


def begun(config, *words):
    """Start `shoplaunch worker`, which cannot; return what it says."""
    done = CliRunner().invoke(main, ["worker", *words], env=home_of(config))
    assert done.exit_code == 1
    return done.output


@pytest.fixture
def started(world, config, monkeypatch):
    """Return a function that runs `shoplaunch worker` with some words, asked to end at once; it returns the worker."""
    monkeypatch.setattr(worker, "open_service", lambda _config: world.service)
    found = []

    def start(one):
        found.append(one)
        os.kill(os.getpid(), signal.SIGTERM)

    def run(*words):
        monkeypatch.setattr(Worker, "start", start)
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}
        try:
            CliRunner().invoke(main, ["worker", *words], env=home_of(config), catch_exceptions=False)
        finally:
            signal.alarm(0)
            for number, handler in before.items():
                signal.signal(number, handler)
        (one,) = found
        return one

    return run


def test_a_worker_that_has_everything_lacks_nothing(world, config):
    worker_needs.require_keys(config)
    worker_needs.require_agent(config)
    assert lacking(world) == []


def test_a_worker_without_a_key_file_does_not_start(config):
    (config.keys / "encryption").unlink()
    said = begun(config)
    assert said.startswith("keys_lost: ") and "encryption" in said and "copy" in said


def test_a_worker_with_the_keys_of_another_installation_does_not_start(config):
    shutil.rmtree(config.keys)
    ensure_keys(config.keys)
    assert begun(config).startswith("keys_lost: ")


@pytest.mark.parametrize("name", ["run", "agent.pyz"])
def test_a_worker_without_the_agent_does_not_start(config, name):
    (config.agent / name).unlink()
    said = begun(config)
    assert said.startswith("agent_not_built: ") and name in said and "copy of the folder agent" in said


@pytest.mark.usefixtures("config")
def test_a_worker_names_each_bundle_that_is_missing_or_another(world):
    (world.config.bundles / "second.bundle").unlink()
    ((code, message),) = lacking(world)
    assert code == "bundle_missing" and message.startswith("bundle second: ")
    members = sample_members()
    write_bundle(world.config.bundles / "second.bundle", members, small_manifest(members))
    assert [one for one, _message in lacking(world)] == ["bundle_digest"]


def test_a_worker_that_lacks_a_bundle_says_so_and_starts(config, started, caplog):
    (config.bundles / "second.bundle").unlink()
    started()
    assert "bundle_missing: bundle second: " in caplog.text and "copy of the folder bundles" in caplog.text


def test_a_worker_moves_the_jobs_of_the_servers_that_its_command_names(started):
    one = started("--server", "web1", "--server", "eu-*")
    assert one._counted().serves == "web1, eu-*"
    assert [name in one._own for name in ("web1", "eu-2", "us-1")] == [True, True, False]


def test_a_worker_does_not_start_with_what_is_no_server(config):
    said = begun(config, "--server", "eu/*")
    assert said.startswith("config_invalid: ") and "eu/*" in said
