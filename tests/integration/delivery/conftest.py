"""A cPanel server, panels that work on it, and the real launcher and agent."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from controller.account import Account
from controller.agent_archive.build import build_agent, launcher
from controller.panels.base import SkeletonFiles
from controller.panels.cpanel.api.call_limits import ProcessBreaker
from controller.panels.cpanel.api.whm import Login
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.settings import CpanelSettings
from tests.fakes.whm.fixtures import server as server
from tests.fakes.whm.fixtures import whm as whm
from tests.support.worlds.agent_box import Keys


@pytest.fixture
def panel_of(whm):
    """Return a function that opens the panel as `user` with `token` and settings."""

    def make(user="root", token=None, own_token="", **settings):
        login = Login("web1", whm.url, user, token or whm.root_token, whm.ca_file)
        return CpanelPanel(login, CpanelSettings.from_dict(settings), ProcessBreaker(), own_token)

    return make


@pytest.fixture
def panel(panel_of):
    """The panel as root."""
    return panel_of()


@pytest.fixture(scope="session")
def account_of():
    """Return a function that gives a hosting account as the panel reports it."""

    def make(hosting):
        return Account(hosting.user, hosting.home, hosting.document_root_path, hosting.domain)

    return make


@pytest.fixture(scope="module")
def account(server, account_of):
    """One account for all tests; making one takes its time."""
    return account_of(server.add_account())


@pytest.fixture
def folder(account):
    """The account's folder, which is not there yet."""
    path = Path(account.home) / ".shoplaunch"
    shutil.rmtree(path, ignore_errors=True)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The real launcher and agent."""
    path = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build_agent(path, [Keys().public])
    return SkeletonFiles(launcher(), path.read_bytes())


@pytest.fixture
def target(account, folder, files):
    """The account, its folder that is not there yet, and the launcher and agent to put into it."""
    return SimpleNamespace(account=account, folder=folder, files=files)


@pytest.fixture(scope="session")
def newer(files, tmp_path_factory):
    """Launcher and agent after a change of the controller's key."""
    path = tmp_path_factory.mktemp("newer") / "agent.pyz"
    build_agent(path, [Keys().public, Keys().public])
    return SkeletonFiles(launcher(), path.read_bytes())


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A file larger than any text file of the agent."""
    path = tmp_path_factory.mktemp("bundle") / "classic.bundle"
    path.write_bytes(bytes(range(256)) * 8000)
    return path
