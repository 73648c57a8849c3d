"""A controller that answers as told, and accounts with the agent in them."""

import pytest

from tests.agent_box import Box, Keys, core_agent
from tests.controller_stub import Controller


@pytest.fixture(scope="session")
def keys():
    return Keys()


@pytest.fixture(scope="session")
def agent(keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    core_agent(path, keys)
    return path


@pytest.fixture
def controller():
    server = Controller()
    yield server
    server.close()


@pytest.fixture
def box(controller, keys, agent):
    account = Box(controller, keys, agent)
    yield account
    account.close()
