"""A kept agent is removed while a channel is given it: no channel is left with an agent that is gone."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from controller.agent_archive import versions
from controller.settings.loading import load_config
from controller.setup import agent_channels
from controller.setup.installation import ensure_installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.machine.file_locks import somebody_waits
from tests.support.waiting import wait_until

SECONDS = 120


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def config(tmp_path):
    found = load_config({"SHOPLAUNCH_HOME": str(tmp_path)})
    ensure_installation(found)
    return found


@pytest.fixture
def kept(config):
    """Two agents are kept; the channel stays with the first."""
    found = []
    (config.agent / "run").write_bytes(b"launcher")
    for content in (b"PK old agent", b"PK new agent"):
        (config.agent / "agent.pyz").write_bytes(content)
        found.append(agent_channels.keep(config, None if found else "stable"))
    return found


@attack(
    "an operator removes an agent while another one gives it to a channel",
    "the roll-out is refused by name: the channel's jobs never get another agent than the one it names",
)
def test_a_channel_is_given_no_agent_that_is_just_removed(config, kept, monkeypatch):
    old, new = kept
    remove, began = versions.remove, []

    def removing(*arguments):
        began.append(pool.submit(agent_channels.roll_out, config, "stable", new, 100))
        wait_until(lambda: began[0].done() or somebody_waits(config.agent))
        remove(*arguments)

    monkeypatch.setattr(versions, "remove", removing)
    with ThreadPoolExecutor(1) as pool:
        agent_channels.remove(config, new)
        with pytest.raises(ShoplaunchError) as refused:
            began[0].result(SECONDS)
    assert refused.value.code == "agent_unknown"
    (known,) = (row[0] for row in agent_channels.listed(config))
    assert (known.current, known.next, versions.kept(config.agent)) == (old, "", [old])


@attack(
    "the machine dies while an agent's files are removed",
    "the same command removes the rest",
)
def test_a_removal_that_was_cut_off_is_made_again(config, kept, monkeypatch):
    new = kept[1]
    place = config.agent / versions.FOLDER / new

    def half(_path):
        (place / "agent.pyz").unlink()
        raise Killed

    with monkeypatch.context() as machine:
        machine.setattr(versions.shutil, "rmtree", half)
        with pytest.raises(Killed):
            agent_channels.remove(config, new)
    agent_channels.remove(config, new)
    assert not place.exists()
    with pytest.raises(ShoplaunchError):
        agent_channels.remove(config, new)
