"""The recipe on a real PrestaShop and on real dumps; skipped where the machine has none."""

import gzip
import subprocess

import pytest

from controller.bundles.source.tree.walk import Tree
from controller.bundles.template_plan import TemplatePlan
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.database.queries import Database
from controller.recipes.prestashop.database.rows import RowRules
from controller.recipes.prestashop.database.statements import Statements
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.prestashop.storefront.catalogue import Catalogue
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.support.packers_view import packers_view


@pytest.fixture(scope="module")
def plan(real_shop):
    root, source = real_shop
    return TemplatePlan(PrestaShop().inspect(root, source, PackOptions()), "prestashop")


def test_a_real_shop_is_understood(real_shop, plan):
    root, source = real_shop
    facts = plan._template.facts
    assert facts.version.startswith(("8.", "1.7."))
    assert facts.domain in {value.decode() for (value,) in source.query("SELECT domain FROM ps_shop_url")}
    assert (root / facts.admin_folder / "filemanager").is_dir()
    assert facts.home == str(root.parent)
    names = [secret["name"] for secret in plan.manifest()["secrets"]]
    assert "secret.new_cookie_key" in names
    # 1.7 and 8.0 have no keys of an API
    assert ("secret.api_private_key" in names) == (facts.version >= "8.1")


def test_no_kept_file_of_a_real_shop_names_domain_path_or_password(real_shop, plan):
    root, _ = real_shop
    tree = Tree(root)
    facts = plan._template.facts
    needles = [facts.domain.encode(), facts.home.encode(), *facts.secrets.values()]
    changed = []
    for entry in tree.entries(plan.left_out):
        if entry.kind != "file":
            continue
        content = tree.read(entry)
        template = plan.file(entry.path, content)
        assert not any(needle in template for needle in needles), entry.path
        if template is not content:
            changed.append(entry.path.decode())
    assert {".htaccess", "robots.txt", "app/config/parameters.php", "mails/en/order_conf.html"} <= set(changed)
    assert len(changed) < 20


def test_emptied_folders_of_a_real_shop_are_there_without_caches(real_shop, plan):
    root, _ = real_shop
    paths = {entry.path.decode(): entry for entry in Tree(root).entries(plan.left_out)}
    kept = {"var/cache", "var/cache/prod", "var/cache/dev", "var/logs", "var/sessions"}
    assert {path for path in kept if (root / path).is_dir()} <= set(paths)
    assert not any(path.startswith("var/cache/prod/") for path in paths)
    assert "var/cache/prod/appParameters.php" not in paths


def test_checks_of_a_real_shop_visit_its_own_pictures(plan):
    checks = {one["name"]: one["path"] for one in plan.manifest()["checks"]}
    assert checks["product_image"] == "/img/p/1/1.jpg"
    assert checks["product_image_by_name"].startswith("/1-home_default/")


@pytest.fixture(scope="module", params=["prestashop-8.2.1.sql.gz", "prestashop-1.6.1.24.sql.gz"])
def dump(request, real_dumps, mariadb_server):
    """(Source, Database) of a real dump loaded into the private server."""
    path = real_dumps / request.param
    name, _, _ = mariadb_server.new_database()
    with gzip.open(path) as stream:
        data = stream.read()
    subprocess.run(
        ["mariadb", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name], input=data, check=True
    )
    with packers_view(mariadb_server.socket, name) as source:
        yield source, Database(source, "ps_")


def test_real_databases_are_understood(dump):
    _, database = dump
    hosts, uri = database.address()
    assert hosts[0].endswith(".template.example") and uri == "/"
    assert database.administrator().number == 1
    assert Catalogue(database, database.settings()).products()[0].images


def test_real_databases_of_another_prefix_are_refused(dump):
    source, _ = dump
    with pytest.raises(ShoplaunchError) as caught:
        Database(source, "xy_")
    assert caught.value.code == "prefix_mismatch"


def test_rules_fit_the_columns_of_real_databases(dump):
    source, database = dump
    admin = database.administrator()
    rules = RowRules(database, admin, "1a2b3c4d", keep_customers=False)
    kept = 0
    for table in source.tables.values():
        condition = rules.condition(table.name)
        if condition is None:
            continue
        names = [column.name for column in table.stored]
        for row in source.rows(table, condition):
            own = rules.cells(table.name, dict(zip(names, row, strict=True)))
            assert set(own) <= set(names), table.name
            kept += 1
    assert kept > 5000
    assert any(one.table == "ps_connections" or one.table == "ps_customer" for one in rules.dropped())


def test_statements_run_on_real_databases(dump):
    source, database = dump
    statements = Statements(database, database.administrator(), "1a2b3c4d")
    values = {
        "domain": "new.test",
        "domain_ssl": "new.test",
        "shop.language": "en",
        "shop.country": "US",
        "shop.time_zone": "",
        "shop.currency": "",
    }
    values |= {"shop.name": "N", "shop.email": "a@b.test", "admin.password_hash": "$2b$10$x"}
    renderer = Renderer("1a2b3c4d", values)
    made = statements.configure() + [one for job in statements.jobs().values() for one in job["statements"]]
    translated = sorted(database.translated_settings())
    assert translated
    settings = [statements.setting(name, "x") for name in ("PS_PRODUCTS_PER_PAGE", "NOBODY_HAS_IT", translated[0])]
    made += [one for pairs in settings for _table, one in pairs]
    source.query("SELECT 1")
    connection = source._connection
    connection.query("ROLLBACK")
    connection.query("BEGIN")
    for statement in made:
        connection.rows(statement["sql"], [renderer.render(part.encode()).decode() for part in statement["params"]])
    for check in (one["check"] for pairs in settings for _table, one in pairs if "check" in one):
        assert connection.rows(check["sql"], check["params"]) == [(b"1", b"0")]
    connection.query("ROLLBACK")
