"""What tests with real services share."""

import pytest

from controller.agent_archive.build import build_agent


@pytest.fixture(scope="session")
def agent(keys, tmp_path_factory):
    """The real agent's archive."""
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build_agent(path, [keys.public])
    return path
