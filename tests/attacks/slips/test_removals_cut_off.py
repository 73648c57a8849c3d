"""A bundle's removal that is cut off between row, object store and file ends with the next try: nothing stays."""

import pytest
from click.testing import CliRunner

from controller.cli import main
from controller.settings.loading import load_config
from controller.setup import removal, stored_bundles
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.web.api.test_bundle_downloads import NAME, put_bundle
from tests.support.servers.web.object_store import ObjectStoreServer
from tests.support.worlds.web_site import Site


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with ObjectStoreServer(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def config(store, monkeypatch):
    """An installation whose bundle lies in the object store as well."""
    with Site(**store.variables) as site:
        for name, value in site.environment.items():
            monkeypatch.setenv(name, value)
        put_bundle(site, NAME)
        found = load_config(site.environment)
        stored_bundles.put(found, NAME)
        assert len(store.objects) == 1
        yield found


def killed(*_arguments, **_named):
    raise Killed


@attack(
    "the machine dies between the parts of a bundle's removal, or the object store is away meanwhile",
    "the same command does the rest: neither a file nor an object stays of a bundle nobody knows",
)
@pytest.mark.parametrize("instant", ["before the store", "at the store", "before the file", "behind the file"])
def test_a_removal_that_was_cut_off_is_ended_by_the_next(config, store, instant, monkeypatch):
    where = {
        "before the store": (stored_bundles, "remove"), "at the store": (stored_bundles.ObjectStore, "remove"),
        "before the file": (removal.Path, "unlink"), "behind the file": (removal, "sync_folder"),
    }[instant]  # fmt: skip
    with monkeypatch.context() as machine:
        machine.setattr(*where, killed)
        with pytest.raises(Killed):
            removal.bundle(config, NAME)
    if instant != "behind the file":
        removal.require_unused_bundle(config, NAME)
        removal.bundle(config, NAME)
    assert (store.objects, removal._file(config, NAME).exists()) == ([], False)
    with pytest.raises(ShoplaunchError) as refused:
        removal.require_unused_bundle(config, NAME)
    assert refused.value.code == "bundle_unknown"


@attack(
    "the machine dies while a bundle is put into the object store, and the bundle is removed before the next try",
    "the object goes with the bundle",
)
def test_what_was_just_put_into_the_store_goes_with_its_bundle(config, store, monkeypatch):
    stored_bundles.take_away(config, NAME)
    with monkeypatch.context() as machine:
        machine.setattr(stored_bundles.bundles, "note_store", killed)
        with pytest.raises(Killed):
            stored_bundles.put(config, NAME)
    assert len(store.objects) == 1
    removal.bundle(config, NAME)
    assert store.objects == []


@attack(
    "the machine dies while a bundle is taken out of the object store",
    "the same command takes it out",
)
def test_a_bundle_that_was_to_leave_the_store_leaves_it(config, store, monkeypatch):
    with monkeypatch.context() as machine:
        machine.setattr(stored_bundles.ObjectStore, "remove", killed)
        with pytest.raises(Killed):
            stored_bundles.take_away(config, NAME)
    assert len(store.objects) == 1
    assert stored_bundles.take_away(config, NAME).store_key is None
    assert store.objects == []


@attack(
    "the object store is away for good, and a bundle that lies there is removed",
    "the bundle goes without the store when that is said, and what stays there is named",
)
def test_a_bundle_goes_without_its_store_when_that_is_said(config, store):
    key = store.objects[0]
    with pytest.MonkeyPatch.context() as away:
        away.setattr(stored_bundles.ObjectStore, "remove", refused)
        done = remove("--yes")
        assert done.exit_code == 1 and "bundle_store_failed" in done.output and "--keep-stored" in done.output
        assert removal._file(config, NAME).exists()
        done = remove("--yes", "--keep-stored")
    assert done.exit_code == 0 and f"{store.settings['endpoint']}" in done.output and key in done.output, done.output
    assert (store.objects, removal._file(config, NAME).exists()) == ([key], False)
    assert "bundle_unknown" in remove("--yes", "--keep-stored").output
    # What stays is the other tests' as well
    stored_bundles.remove(config, key)


def refused(*_arguments, **_named):
    raise ShoplaunchError("bundle_store_failed", "nobody answers")


def remove(*options):
    return CliRunner().invoke(main, ["bundle", "remove", NAME, *options])
