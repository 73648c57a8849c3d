"""A document root inside another site's: nothing of the tree being built can be asked for there."""

import json
import os
import subprocess

import pytest

from tests.integration.agent_work.nested import Nested

pytestmark = pytest.mark.root


@pytest.fixture
def nested(web_server, mariadb_server, bundle, controller, keys, killable):
    shop = Nested(web_server, mariadb_server, bundle, controller, keys, killable)
    yield shop
    shop.close()


@pytest.fixture
def apart(nested):
    """The outer document root is a file system of its own: nothing can be renamed into it from the home."""
    options = f"size=64m,uid={nested.uid},gid={nested.gid},mode=750"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(nested.outer)], check=True)
    nested.populate()
    yield nested
    subprocess.run(["umount", "-l", str(nested.outer)], check=True)


def test_the_tree_is_built_outside_every_site(nested):
    nested.populate()
    nested.drop()
    assert len(nested.die_before_the_switch()) > 5
    assert nested.staging.parent == nested.home
    assert oct(nested.staging.stat().st_mode & 0o777) == "0o700"
    assert sorted(os.listdir(nested.outer)) == ["index.html", "sub"]
    assert nested.web.get(nested.domain, f"/{nested.staging.name}/index.php")[0] == 404
    assert nested.run() == 0
    assert (nested.root / "index.php").exists()
    assert sorted(os.listdir(nested.outer)) == ["index.html", "sub"]
    assert not nested.staging_left()


def test_where_it_has_to_be_inside_another_site_it_is_neither_served_nor_guessed(apart):
    apart.drop()
    files = apart.die_before_the_switch()
    assert len(files) > 5
    wrapper = apart.staging.parent
    assert wrapper.parent == apart.outer
    # A name nobody knows, and the place it is in shows nothing
    assert len(apart.staging.name) == 32
    for path in ["", ".htaccess", apart.staging.name + "/"]:
        assert apart.web.get(apart.domain, f"/{wrapper.name}/{path}")[0] == 403
    for path in files:
        status, body = apart.web.get(apart.domain, f"/{path.relative_to(apart.outer)}")
        assert status in (403, 404)
        assert not path.read_bytes().strip() or path.read_bytes() not in body
    assert {oct(path.stat().st_mode & 0o777) for path in (wrapper, apart.staging)} == {"0o700"}
    assert apart.web.get(apart.domain, "/index.html")[0] == 200
    assert apart.run() == 0
    assert (apart.root / "index.php").exists()
    assert not apart.staging_left()


def test_a_cancelled_job_leaves_nothing_in_the_other_site(apart, controller):
    apart.drop()
    apart.die_before_the_switch()
    controller.answer = lambda event: (410, {}) if event["event"] != "cleaned" else None
    assert apart.run() == 5
    assert os.listdir(apart.root) == []
    assert not apart.staging_left()


def test_a_new_attempt_goes_on_in_the_same_place(apart):
    apart.drop()
    apart.die_before_the_switch()
    before = apart.staging
    apart.drop(attempt=2)
    (apart.home / "kill.json").write_text(json.dumps({"from": "switch", "at": 1}))
    apart.own()
    assert apart.run() == -9
    assert apart.staging == before
    (apart.home / "kill.json").unlink()
    assert apart.run() == 0
    assert not apart.staging_left()


def test_what_a_killed_agent_left_of_looking_is_no_occupation(nested):
    nested.populate()
    for folder in (nested.root, nested.home):
        (folder / f".shoplaunch-probe-{nested.id}").mkdir()
    nested.own()
    nested.drop()
    assert nested.run() == 0
    assert not nested.staging_left()
