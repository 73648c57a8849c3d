"""`shoplaunch agent …`: an operator keeps an agent, rolls the next one out step by step, and takes it back."""

import json
import zipfile

import pytest

from controller.settings.loading import load_config
from controller.setup.installation import install_own_agent
from tests.support.state.installing import install
from tests.support.users.commands import run_within


class House:
    """An installation with the server cp1."""

    def __init__(self, home):
        self._environment = {"SHOPLAUNCH_HOME": str(home)}
        config = load_config(self._environment)
        install(config)
        install_own_agent(config)
        self._agent = config.agent / "agent.pyz"
        token = home / "token"
        token.write_text("A1" * 16)
        known = ("--panel", "cpanel", "--url", "web1.example", "--user", "root", "--token-file", str(token))
        self.run("server", "add", "cp1", *known, answer="n\n")

    def run(self, *words, code=0, answer=""):
        """Return what the command says, and fail unless it ends with `code`."""
        done = run_within(words, self._environment, answer)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def agent(self, *words, **options):
        return self.run("agent", *words, **options)

    def channel(self, name="stable"):
        return {one["channel"]: one for one in json.loads(self.agent("status", "--json"))}[name]

    def update(self):
        """Another agent is installed, as by an update."""
        with zipfile.ZipFile(self._agent, "a") as archive:
            archive.writestr("agent/more.txt", "what is new")


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.mark.sampled(of=3, rests=True)
def test_an_agent_is_rolled_out_to_one_percent_then_ten_then_all(house):
    kept = house.agent("keep", "--channel", "stable").split()[0]
    house.update()
    shares = []
    for _ in range(2):
        house.agent("roll-out")
        shares.append(house.channel()["share"])
    assert shares == [1, 10]
    found = house.channel()
    assert (found["agent"], found["servers"]) == (kept, ["cp1"])
    assert found["next"] not in (None, kept)
    assert "until 100 of them have ended" in house.agent("roll-out")
    assert (house.channel()["agent"], house.channel()["share"]) == (kept, 100)
    house.agent("roll-out")
    assert (house.channel()["agent"], house.channel()["next"]) == (found["next"], None)
    assert "roll_out_impossible" in house.agent("roll-out", code=1)


@pytest.mark.sampled(of=3, rests=True)
def test_a_roll_out_taken_back_leaves_the_kept_agent_and_a_channel_that_follows_has_none(house):
    kept = house.agent("keep", "--channel", "stable").split()[0]
    house.update()
    house.agent("roll-out", "--share", "10")
    house.agent("stop")
    assert (house.channel()["agent"], house.channel()["next"]) == (kept, None)
    house.agent("follow")
    assert house.channel()["agent"] == "installed"
    assert "roll_out_impossible" in house.agent("roll-out", code=1)


@pytest.mark.sampled(of=2, rests=True)
def test_an_agent_that_a_channel_needs_is_not_removed(house):
    kept = house.agent("keep", "--channel", "stable").split()[0]
    assert "in_use" in house.agent("remove", kept, "--yes", code=1)
    house.agent("follow")
    house.agent("remove", kept, "--yes")
    assert "agent_unknown" in house.agent("remove", kept, "--yes", code=1)


@pytest.mark.sampled(of=2, rests=True)
def test_a_server_moves_to_a_channel_of_its_own(house):
    house.agent("keep", "--channel", "stable")
    house.agent("keep", "--channel", "next")
    house.run("server", "set", "cp1", "--channel", "next")
    assert (house.channel()["servers"], house.channel("next")["servers"]) == ([], ["cp1"])
