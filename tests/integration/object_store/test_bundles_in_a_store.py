"""Bundles in an object store that judges signatures: real agents fetch by addresses that expire, and leak none."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from click.testing import CliRunner

from controller.cli import main
from controller.object_store.store import ObjectStore
from controller.settings.sections import BundleStoreConfig
from shared.errors import ShoplaunchError
from tests.integration.web.api.test_bundle_downloads import NAME, put_bundle
from tests.support.servers.web.object_store import ObjectStoreServer
from tests.support.worlds.agent_box import Box, Keys
from tests.support.worlds.web_site import Site


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with ObjectStoreServer(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def site(store):
    with Site(**store.variables) as running:
        yield running.start()


@pytest.fixture(scope="module")
def pin(site):
    return put_bundle(site, NAME)


@pytest.fixture(scope="module")
def put(site, pin):
    """Run `bundle add` with an option; return what it printed."""

    def run(option):
        file = str(site.service.installation.bundles.path(NAME))
        done = CliRunner().invoke(main, ["bundle", "add", NAME, file, option], env=site.environment)
        assert done.exit_code == 0, done.output
        return done.output

    run("--store")
    return run


@pytest.fixture
def agent(site, pin, put):
    """Return a function that makes an account with the real agent, and a job file that names `url`."""
    keys = Keys()
    own = site.service.installation.keys
    keys.private, keys.public = own.signing[-1], own.public_keys()[-1]
    boxes = []

    def make(url):
        placed = site.put(site.order(bundle=NAME), "dropped", step="agent")
        box = Box(None, keys)
        boxes.append(box)
        box.id, box.pin = placed.id, {**pin, "url": url, "renew": pin["url"] + "/address"}
        token = site.agent_token(placed, placed.attempt)
        box.drop(callback={"url": f"{site.url}/api/v1/agent/events", "token": token})
        return box

    yield make
    for box in boxes:
        box.close()


def signed(store, site, age=0.0, **more):
    """Return an address of the bundle, signed `age` seconds ago."""
    key = site.service.installation.bundles.get(NAME).store_key
    return ObjectStore(BundleStoreConfig(**{**store.settings, **more})).address(key, time.time() - age)


def test_a_bundle_goes_to_the_store_with_a_signature_and_away_again(site, store, put):
    known = site.service.installation.bundles.get(NAME)
    assert store.objects == [known.store_key] == [f"{NAME}-{known.sha256[:16]}.bundle"]
    put("--no-store")
    assert (store.objects, site.service.installation.bundles.get(NAME).store_key) == ([], None)
    put("--store")
    assert store.objects == [known.store_key]


def test_the_store_opens_nothing_without_a_signature_that_is_right_and_young(site, store, put):
    good = signed(store, site)
    assert requests.get(good, timeout=30).status_code == 200
    part = requests.get(good, headers={"Range": "bytes=100-"}, timeout=30)
    assert (part.status_code, part.content) == (206, requests.get(good, timeout=30).content[100:])
    for bad in (good[:-1] + ("0" if good[-1] != "0" else "1"), good.partition("?")[0], signed(store, site, age=901)):
        assert requests.get(bad, timeout=30).status_code == 403, bad


def test_an_agent_fetches_from_the_store_and_writes_the_address_nowhere(site, store, agent):
    url = signed(store, site)
    box = agent(url)
    before = site.log()
    assert box.run() == 0, box.errors
    assert site.service.jobs.get(box.id).state == "finishing"
    assert "X-Amz-Signature" not in box.output + box.errors + site.log()
    # The controller was asked for reports alone
    assert "/agent/bundle/" not in site.log()[len(before) :]


@pytest.mark.parametrize("bad", ["expired", "wrong"])
def test_an_address_that_is_refused_is_renewed_and_the_fetch_goes_on_where_it_stopped(site, store, agent, bad):
    url = signed(store, site, age=3600) if bad == "expired" else signed(store, site, secret_key="another")
    box = agent(url)
    whole = site.service.installation.bundles.path(NAME).read_bytes()
    part = box.folder / f"shop.bundle.{box.pin['manifest_sha256'][:16]}.part"
    part.write_bytes(whole[:700_000])
    box.own()
    assert box.run() == 0, box.errors
    assert site.service.jobs.get(box.id).state == "finishing"


def test_a_bundle_taken_out_of_the_store_is_fetched_from_the_controller(site, store, agent, put):
    box = agent(signed(store, site, age=3600))
    put("--no-store")
    try:
        assert box.run() == 0, box.errors
    finally:
        put("--store")


def test_what_was_wrong_at_the_store_is_named_without_the_address(site, store, put):
    wrong = ObjectStore(BundleStoreConfig(**{**store.settings, "secret_key": "another"}))
    file = site.service.installation.bundles.path(NAME)
    with pytest.raises(ShoplaunchError, match=r"bundle_store_failed: .* 403 \(SignatureDoesNotMatch\)"):
        wrong.put("x.bundle", file, "0" * 64, time.time())
    gone = ObjectStore(BundleStoreConfig(**{**store.settings, "endpoint": "http://127.0.0.1:9"}))
    with pytest.raises(ShoplaunchError, match="bundle_store_failed") as caught:
        gone.put("x.bundle", file, "0" * 64, time.time())
    assert "Amz" not in str(caught.value)


def test_a_bundle_that_is_removed_leaves_nothing_in_the_store(site, store):
    put_bundle(site, "other")
    file = str(site.service.installation.bundles.path("other"))
    for command in (["add", "other", file, "--store"], ["remove", "other", "--yes"]):
        done = CliRunner().invoke(main, ["bundle", *command], env=site.environment)
        assert done.exit_code == 0, done.output
    assert [name for name in store.objects if name.startswith("other-")] == []


def test_only_a_jobs_own_token_names_an_address_and_no_log_keeps_it(site, store, pin, put):
    placed = site.put(site.order(bundle=NAME), "dropped", step="agent")
    where = pin["url"] + "/address"
    token = {"Authorization": f"Bearer {site.agent_token(placed, placed.attempt)}"}
    assert requests.post(where, timeout=30).status_code == 401
    assert requests.post(where.replace(NAME, "another"), headers=token, timeout=30).status_code == 401
    answer = requests.post(where, headers=token, timeout=30)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    url = answer.json()["url"]
    assert urlsplit(url).netloc == urlsplit(store.endpoint).netloc
    assert requests.get(url, timeout=30).content == Path(site.service.installation.bundles.path(NAME)).read_bytes()
    assert "X-Amz" not in site.log()
