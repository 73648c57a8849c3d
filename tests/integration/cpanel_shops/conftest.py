"""Whole jobs on a cPanel server with real accounts; the controller's clock is ours."""

import shutil
import socket

import pytest

from tests.fakes.whm import fixtures
from tests.support.state.state_database import on_sqlite
from tests.support.worlds.cpanel_world import CpanelWorld, install_template, pack_template

server, usual_server = fixtures.server, fixtures.whm


@pytest.fixture(scope="session")
def template(mariadb_server, tmp_path_factory):
    """(root, database URL) of an installed sample shop."""
    if shutil.which("php") is None:
        pytest.skip("no php for the sample shop")
    return install_template(tmp_path_factory.mktemp("template"), mariadb_server)


@pytest.fixture(scope="session")
def bundle(template, mariadb_server, tmp_path_factory):
    """The bundle of the sample shop."""
    target = tmp_path_factory.mktemp("bundle") / "sample.bundle"
    pack_template(*template, target, mariadb_server)
    return target


@pytest.fixture
def whm(usual_server, monkeypatch):
    """The server with its usual habits; no domain leads anywhere until a test says so in `dns`."""
    usual_server.dns.clear()
    monkeypatch.setattr(socket, "getaddrinfo", usual_server.getaddrinfo)
    return usual_server


@pytest.fixture
def world(tmp_path, whm, bundle):
    """A controller that sells shops on that server (tests.support.worlds.cpanel_world.CpanelWorld)."""
    with on_sqlite(tmp_path) as engine:
        made = CpanelWorld(tmp_path, engine, whm, bundle)
        yield made
        made.close()
