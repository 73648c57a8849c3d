"""Agents are built and kept while keys come and go: each trusts the keys there are, and none that was retired."""

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.agent_archive import versions
from controller.agent_archive.build import packed
from controller.doctor.registry import CHECKS
from controller.keys import load_keys
from controller.setup import agent_channels, installation, key_retirement
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, LAUNCHER_FILE
from tests.attacks.table import attack
from tests.support.machine.file_locks import somebody_waits
from tests.support.state.installing import install
from tests.support.waiting import wait_until
from tests.support.worlds.rotated_keys import Silence

SECONDS = 120


def retire(config):
    """Retire all keys but the newest."""
    key_retirement.retire(config, lambda known: installation.install_agent(config, known), Silence(), at_once=True)


#: What changes the keys, and the agent with them.
CHANGES = {"key rotate": installation.rotate_keys, "key retire": retire}


@pytest.fixture
def config(places, monkeypatch):
    """An installation whose keys were rotated, and whose agents hold their keys and nothing that runs."""

    def build(output, public_keys, pythons=()):
        output.write_bytes(packed({versions.KEYS: json.dumps({"keys": [key.hex() for key in public_keys]}).encode()}))
        return ""

    monkeypatch.setattr(installation, "build_agent", build)
    made = places.config("sqlite")
    install(made)
    installation.rotate_keys(made)
    return made


def trusted(folder):
    """Return the keys that the agent in `folder` trusts."""
    with zipfile.ZipFile(folder / AGENT_FILE) as archive:
        return json.loads(archive.read(versions.KEYS))["keys"]


def meanwhile(pool, config, change):
    """Begin the change of keys; return once it is over, or waits for what goes on here."""
    begun = pool.submit(change, config)
    wait_until(lambda: begun.done() or somebody_waits(config.keys) or somebody_waits(config.agent))
    return begun


@attack(
    "keys are rotated, or retired, while `init` or an update builds the agent anew",
    "the agent trusts the keys there are: it refuses no job, and believes nothing that a retired key signed",
)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_agent_that_is_built_meanwhile_trusts_the_keys_there_are(config, monkeypatch, change):
    read, begun = [], []

    def reading(folder):
        found = load_keys(folder)
        read.append(found)
        # First it only looks whether there are any
        if len(read) == 2:
            begun.append(meanwhile(pool, config, change))
        return found

    monkeypatch.setattr(installation, "load_keys", reading)
    with ThreadPoolExecutor(1) as pool:
        installation.install_own_agent(config)
        begun[0].result(SECONDS)
    assert trusted(config.agent) == [key.hex() for key in load_keys(config.keys).public_keys()]


@attack(
    "keys are rotated, or retired, while an agent is kept among others",
    "the kept agent trusts the keys there are: it refuses no job, and believes nothing that a retired key signed",
)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_agent_that_is_kept_meanwhile_trusts_the_keys_there_are(config, monkeypatch, change):
    installed, begun = versions.installed, []

    def reading(folder):
        found = installed(folder)
        begun.append(meanwhile(pool, config, change))
        return found

    monkeypatch.setattr(versions, "installed", reading)
    with ThreadPoolExecutor(1) as pool:
        version = agent_channels.keep(config, "stable")
        begun[0].result(SECONDS)
    assert (config.agent / LAUNCHER_FILE).is_file()
    kept = config.agent / versions.FOLDER / version
    assert trusted(kept) == [key.hex() for key in load_keys(config.keys).public_keys()]


@attack(
    "an agent, the installed one or a kept one, is brought back from a copy made before keys were retired",
    "`doctor` is red and names it, until `init` gives it the keys there are",
)
@pytest.mark.parametrize("kept", [False, True], ids=["installed", "kept"])
def test_doctor_names_an_agent_that_trusts_a_retired_key(config, kept):
    installation.install_own_agent(config)
    version = agent_channels.keep(config, None)
    folder = config.agent / versions.FOLDER / version if kept else config.agent
    copy = (folder / AGENT_FILE).read_bytes()
    retire(config)
    assert red_of(config) == []
    (folder / AGENT_FILE).write_bytes(copy)
    assert [(row.name, "trusts 1 key(s)" in row.message) for row in red_of(config)] == [
        (f"agent {version}" if kept else "", True)
    ]
    installation.install_own_agent(config)
    assert red_of(config) == []


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18)], ids=["empty", "bare"])
def test_doctor_names_a_kept_agent_whose_keys_cannot_be_read(config, content):
    installation.install_own_agent(config)
    version = agent_channels.keep(config, None)
    (config.agent / versions.FOLDER / version / AGENT_FILE).write_bytes(content)
    assert [(row.name, "damaged" in row.message) for row in red_of(config)] == [(f"agent {version}", True)]


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18)], ids=["empty", "bare"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_keys_do_not_change_while_a_kept_agent_cannot_be_given_them(config, change, content):
    installation.install_own_agent(config)
    version = agent_channels.keep(config, None)
    damaged = config.agent / versions.FOLDER / version / AGENT_FILE
    damaged.write_bytes(content)
    before = load_keys(config.keys)
    with pytest.raises(ShoplaunchError, match=f"agent_not_built.*{version}.*agent remove {version}"):
        change(config)
    assert load_keys(config.keys) == before
    agent_channels.remove(config, version)
    change(config)
    assert load_keys(config.keys) != before


def red_of(config):
    """Return doctor's red rows about agents, but for the version: what stands for agents here runs nothing."""
    return [row for row in CHECKS["agent"](config) if not row.ok and row.name != "agent's version"]
