"""The guide's skeleton of a recipe is one: filled in for a small application it packs it as it says."""

import gzip
import importlib.util
import json
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.tree.edits import edited
from controller.bundles.pipeline import Request, pack
from controller.bundles.source.database.snapshot import Source
from controller.bundles.source.servers.connections import connect, parse_url
from controller.bundles.source.tree.walk import Tree
from controller.bundles.template_plan import TemplatePlan, make_plan
from controller.recipes import registry
from controller.recipes.base import PackOptions
from shared.errors import ShoplaunchError
from shared.placeholders import ENCODERS, Renderer
from tests.support.shops.packing import Quiet, server_url
from tests.support.traces import Traces
from tests.unit.recipes.wordpress.test_config import served

RECIPES = Path(__file__).resolve().parents[3] / "controller" / "recipes"
GUIDE = (RECIPES / "README.md").read_text("utf-8")
KNOWN = {
    "domain": "shop.skeleton-template.example", "key": "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "mail": "boss@owner.example",
    "password": "the-template-password-1", "hash": "$2y$10$templatetemplate", "buyer": "buyer@somewhere.example",
}  # fmt: skip
TABLES = """
CREATE TABLE x_users (id INT PRIMARY KEY, email VARCHAR(200), password VARCHAR(200), role VARCHAR(20));
INSERT INTO x_users VALUES (1, 'clerk@owner.example', 'x', 'clerk'), (2, '{mail}', '{hash}', 'admin');
CREATE TABLE x_settings (name VARCHAR(50) PRIMARY KEY, value TEXT);
INSERT INTO x_settings VALUES ('site_name', 'Template'), ('logo', 'https://{domain}/a.png'), ('site_email', '{mail}');
CREATE TABLE x_sessions (id INT PRIMARY KEY, who TEXT);
INSERT INTO x_sessions VALUES (1, '{mail}');
CREATE TABLE x_orders (id INT PRIMARY KEY, who TEXT);
INSERT INTO x_orders VALUES (1, '{buyer}')
"""


@pytest.fixture(scope="module")
def recipe():
    loader = SourceFileLoader("skeleton", str(RECIPES / "skeleton.py.txt"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("skeleton", loader))
    loader.exec_module(module)
    return module.TheApp()


@pytest.fixture(scope="module")
def shop(mariadb_server, tmp_path_factory):
    """(document root, database) of an application as the skeleton imagines one."""
    root = tmp_path_factory.mktemp("skeleton") / "public_html"
    (root / "cache").mkdir(parents=True)
    database, user, _ = mariadb_server.new_database()
    for statement in TABLES.format(**KNOWN).split(";\n"):
        mariadb_server.query(statement, database=database)
    constants = {
        "DB_HOST": "localhost", "DB_NAME": database, "DB_USER": user, "DB_PASSWORD": KNOWN["password"],
        "SITE_URL": f"https://{KNOWN['domain']}", "SECRET_KEY": KNOWN["key"], "TABLE_PREFIX": "x_",
    }  # fmt: skip
    lines = [f"define('{name}', '{value}');" for name, value in constants.items()]
    (root / "config.php").write_text("\n".join(["<?php", *lines, ""]))
    (root / "version.php").write_text("<?php const VERSION = '2.4.1';\n")
    (root / "index.php").write_text(f"<?php echo 'https://{KNOWN['domain']}/';\n")
    (root / "cache" / "page.php").write_text(str(root))
    return root, database


def test_it_packs_what_it_imagines_and_leaves_the_rest_behind(recipe, shop, mariadb_server, tmp_path):
    root, database = shop
    target = tmp_path / "skeleton.bundle"
    request = Request(root, target, server_url(mariadb_server, database), scratch=server_url(mariadb_server))
    packed = pack(
        request, lambda _, source: TemplatePlan(recipe.inspect(root, source, PackOptions()), "theapp"), Quiet()
    )
    manifest = packed.manifest
    assert {table["name"]: table["rows"] for table in manifest["tables"]} == {
        "x_orders": 0, "x_sessions": 0, "x_settings": 3, "x_users": 1
    }  # fmt: skip
    assert [secret["name"] for secret in manifest["secrets"]] == ["secret.key"]
    assert {one["table"]: one["rows"] for one in manifest["report"]["dropped"]} == {
        "x_orders": 1, "x_sessions": 1, "x_users": 1
    }  # fmt: skip
    traces = Traces(KNOWN)
    with zipfile.ZipFile(target) as bundle:
        for name in bundle.namelist():
            data = bundle.read(name)
            assert not traces.found_in(gzip.decompress(data) if name.endswith(".gz") else data), name


def test_its_configuration_and_rows_are_filled_for_the_new_shop(recipe, shop, mariadb_server):
    root, database = shop
    values = {
        "db.address": "localhost", "db.name": "n", "db.user": "u", "db.password": "it's", "secret.key": "K" * 64,
        "shop.url": "http://new.test", "admin.email": "ann@new.test", "admin.password_hash": "$2b$10$new",
    }  # fmt: skip
    connection = connect(parse_url(server_url(mariadb_server, database), "source_database"), "source_database")
    try:
        source = Source(connection)
        template = recipe.inspect(root, source, PackOptions())
        plan = TemplatePlan(template, "name")
        renderer = Renderer(template.nonce, values)
        made = renderer.render(plan.file(b"config.php", (root / "config.php").read_bytes()))
        assert b"define('SITE_URL', 'http://new.test');" in made and b"'it\\'s'" in made
        users = [plan.row(source.tables["x_users"], row) for row in source.rows(source.tables["x_users"], "id = 2")]
        assert [renderer.render(cell) for cell in users[0]] == [b"2", b"ann@new.test", b"$2b$10$new", b"admin"]
        index = plan.file(b"index.php", (root / "index.php").read_bytes())
        assert renderer.render(index) == b"<?php echo 'http://new.test/';\n"
    finally:
        connection.close()


def test_its_follow_up_jobs_lead_to_https_and_close_the_shop(recipe, shop, mariadb_server, tmp_path):
    root, database = shop
    values = {
        "db.address": "localhost", "db.name": "n", "db.user": "u", "db.password": "it's", "secret.key": "K" * 64,
        "shop.url": "http://new.test/shop", "domain_ssl": "new.test:8443", "base_path": "/shop",
    }  # fmt: skip
    connection = connect(parse_url(server_url(mariadb_server, database), "source_database"), "source_database")
    try:
        template = recipe.inspect(root, Source(connection), PackOptions())
        renderer = Renderer(template.nonce, values)
        content = renderer.render(template.file(b"config.php", (root / "config.php").read_bytes()))
    finally:
        connection.close()

    def after(kind):
        edits = template.jobs()[kind]["edits"]
        filled = [tuple(renderer.render(edit[part].encode()) for part in ("old", "new")) for edit in edits]
        return edited(b"config.php", content, [(old, new, 1) for old, new in filled], [])

    assert b"define('SITE_URL', 'https://new.test:8443/shop')" in after("https_on")
    with served(tmp_path, content) as ask:
        assert ask() == (200, None)
        (tmp_path / "site.php").write_bytes(after("https_on"))
        assert ask() == (301, "https://new.test:8443/?a=1")
        (tmp_path / "site.php").write_bytes(after("remove"))
        assert ask() == (503, None)


@pytest.fixture
def inspected(recipe, shop, mariadb_server):
    """The sample's (root, source, template)."""
    root, database = shop
    connection = connect(parse_url(server_url(mariadb_server, database), "source_database"), "source_database")
    try:
        source = Source(connection)
        yield root, source, recipe.inspect(root, source, PackOptions())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "answer", "expected"),
    [
        ("password_format", "rot13", "rot13"),
        ("checks", [{"name": "front", "path": "/index.php", "status": [200]}], "first check"),
        ("checks", [], "first check"),
    ],
)
def test_a_recipe_that_would_fail_at_an_order_or_prove_nothing_packs_nothing(
    recipe, inspected, monkeypatch, method, answer, expected
):
    root, source, template = inspected
    monkeypatch.setitem(sys.modules, "theapp_recipe", SimpleNamespace(Made=lambda: recipe))
    monkeypatch.setitem(registry.RECIPES, "theapp", registry.Entry("theapp_recipe", "Made"))
    assert make_plan(Tree(root), source, "theapp").nonce == template.nonce
    monkeypatch.setattr(type(recipe if method == "password_format" else template), method, lambda *_: answer)
    with pytest.raises(ShoplaunchError) as caught:
        make_plan(Tree(root), source, "theapp")
    assert caught.value.code == "recipe_invalid" and expected in caught.value.message


def test_what_it_does_not_know_is_refused(recipe, shop, tmp_path):
    with pytest.raises(ShoplaunchError) as caught:
        recipe.inspect(tmp_path, None, PackOptions())
    assert caught.value.code == "not_this_application"


def test_the_guide_names_every_value_a_job_has_and_every_way_to_write_one():
    job = json.loads((RECIPES.parents[1] / "shared/schemas/examples/job.restore.json").read_text("utf-8"))
    names = {name for name in job["values"] if not name.startswith("secret.")} | {"shop.url", "db.address"}
    assert not [name for name in names if f"`{name}`" not in GUIDE]
    assert not [step for step in ENCODERS if step not in ("symfony", "sql") and f"`{step}`" not in GUIDE]
