"""Where a job file says the bundle is: in the account, at a path of its server, or at the controller's address."""

import pytest
import sqlalchemy as sa

from controller.db import tables
from controller.db.connection.engine import transact
from controller.jobs.lifecycle import bundle_readers
from tests.support.worlds.world import DOMAIN, Agent

URL = "http://127.0.0.1:8000/api/v1/agent/bundle/classic"


@pytest.fixture
def remote(world):
    """The world's panel looks after another machine; settings can be given to its server."""
    world.panel.kind = "cpanel"

    def settings(text):
        values = sa.update(tables.servers).where(tables.servers.c.name == "web1").values(settings=text)
        transact(world.engine, lambda connection: connection.execute(values))

    world.settings = settings
    return world


def born_with(world, content):
    """The account exists and was created with a bundle of this content."""
    world.panel.ensure_account("alice", DOMAIN, create=True, email="")
    folder = world.panel.base / "alice" / ".shoplaunch"
    folder.mkdir()
    (folder / "shop.bundle").write_bytes(content)


def source(world):
    """Return what the job file of a new order says beyond the pin."""
    job = world.order()
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    pinned = Agent(world, job).payload["bundle"]
    return {name: value for name, value in pinned.items() if name in ("path", "url")}


def whole(world):
    return (world.config.bundles / "classic.bundle").read_bytes()


@pytest.fixture
def entered(world, monkeypatch):
    """The world where accounts may enter the folders above the bundles; tests' folders are root's alone."""
    monkeypatch.setattr(bundle_readers, "others_may_enter", lambda _folder: True)
    return world


def test_on_the_same_machine_it_is_read_where_the_controller_keeps_it(entered):
    world = entered
    assert source(world) == {"path": str(world.config.bundles / "classic.bundle")}


def test_an_account_that_holds_it_needs_no_other(world):
    born_with(world, whole(world))
    assert source(world) == {}


def test_for_an_account_that_holds_another_domain_the_right_one_is_named(entered):
    world = entered
    born_with(world, b"another")
    assert list(source(world)) == ["path"]


def test_from_another_machine_it_is_fetched(remote):
    assert source(remote) == {"url": URL}


def test_a_folder_on_the_server_is_looked_at_before_anything_is_fetched(remote):
    remote.settings('{"bundle_folder": "/opt/bundles/"}')
    assert source(remote) == {"path": "/opt/bundles/classic.bundle", "url": URL}


def test_what_the_account_holds_comes_before_the_servers_folder(remote):
    remote.settings('{"bundle_folder": "/opt/bundles"}')
    born_with(remote, whole(remote))
    assert source(remote) == {"url": URL}


@pytest.mark.parametrize("folder", ['"bundles"', '"/opt/../root"', "7"])
def test_a_folder_that_is_no_absolute_path_is_reported_to_the_operator(remote, folder):
    remote.settings(f'{{"bundle_folder": {folder}}}')
    job = remote.order()
    remote.work()
    assert remote.status(job)["error"]["code"] == "config_invalid"


@pytest.mark.parametrize("kind", ["local", "cpanel"])
def test_without_the_file_nothing_is_dropped(world, kind):
    world.panel.kind = kind
    (world.config.bundles / "classic.bundle").rename(world.folder / "away")
    job = world.order()
    world.work()
    assert world.status(job)["error"]["code"] == "bundle_missing"
