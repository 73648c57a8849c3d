"""Accounts with the agent in them, its stages stand-ins."""

import pytest

from tests.support.worlds.agent_box import Box, core_agent


@pytest.fixture(scope="session")
def agent(keys, tmp_path_factory):
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    core_agent(path, keys)
    return path


@pytest.fixture
def box(controller, keys, agent):
    account = Box(controller, keys, agent)
    yield account
    account.close()
