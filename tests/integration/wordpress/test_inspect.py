"""What the recipe makes of a WordPress that is not as plain as the one that is restored."""

import json
import subprocess
from contextlib import ExitStack, contextmanager

import pytest

from controller.bundles.template_plan import TemplatePlan
from controller.recipes.base import PackOptions
from controller.recipes.wordpress.recipe import WordPress
from shared.errors import ShoplaunchError
from tests.support.packers_view import packers_view
from tests.support.shops.wordpress_site import DOMAIN

COPY = "slwp_7_copy"


@pytest.fixture(scope="module")
def site(sites):
    """Run statements in a copy of the template's database: the template itself must stay as it is."""
    door = ["--no-defaults", "-uroot", f"-S{sites.site.socket}"]
    sites.sql(f"CREATE DATABASE {COPY}")
    dump = subprocess.run(["mariadb-dump", *door, sites.site.database], capture_output=True, check=True)
    subprocess.run(["mariadb", *door, COPY], input=dump.stdout, check=True)
    yield lambda statement, *params: sites.sql(statement, *params, database=COPY)
    sites.sql(f"DROP DATABASE {COPY}")


@contextmanager
def looked_at(sites, **options):
    """Give (the template, the packer's view of its database), both as packing has them."""
    with packers_view(sites.site.socket, COPY) as source:
        yield WordPress().inspect(sites.site.root, source, PackOptions(**options)), source


def new_user(site, number, role):
    """Add a user of that role who is signed in somewhere."""
    user = (number, f"a-{role}", f"{role}@somewhere.example")
    site("INSERT INTO wp_users (ID, user_login, user_email) VALUES (%s, %s, %s)", *user)
    notes = {"wp_capabilities": f'a:1:{{s:{len(role)}:"{role}";b:1;}}', "session_tokens": "a:0:{}"}
    for name, value in notes.items():
        site("INSERT INTO wp_usermeta (user_id, meta_key, meta_value) VALUES (%s, %s, %s)", number, name, value)


def kept(site, template, table, column):
    condition = template.condition(f"wp_{table}")
    if condition is None:
        return set()
    where = f" WHERE {condition}" if condition else ""
    return {row[0] for row in site(f"SELECT {column} FROM wp_{table}{where}")}


def test_customers_stay_when_they_are_asked_for_and_nobody_of_the_staff(sites, site):
    customer, subscriber, editor = 71, 72, 73
    for number, role in ((customer, "customer"), (subscriber, "subscriber"), (editor, "editor")):
        new_user(site, number, role)
    with looked_at(sites, keep_customers=True) as (template, _):
        assert kept(site, template, "users", "ID") == {1, customer, subscriber}
        assert kept(site, template, "usermeta", "user_id") == {1, customer, subscriber}
        assert "session_tokens" not in kept(site, template, "usermeta", "meta_key")
        assert kept(site, template, "wc_orders", "id") == {7}
        assert "shop_order" in kept(site, template, "posts", "post_type")
        assert kept(site, template, "comments", "comment_ID")
        assert kept(site, template, "woocommerce_api_keys", "key_id") == set()
        assert any("customers" in place for place in template.personal_data())
    with looked_at(sites) as (template, _):
        assert kept(site, template, "users", "ID") == {1}
        assert editor not in kept(site, template, "usermeta", "user_id")


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("file:///Users/bob/Sites/tea/wp-content/uploads/woocommerce_uploads/", "/Users/bob/Sites/tea"),
        ("file://C:/xampp/htdocs/tea/wp-content/uploads/woocommerce_uploads/", "C:/xampp/htdocs/tea"),
        ("file:///C:/xampp/htdocs/tea/wp-content/uploads/", "C:/xampp/htdocs/tea"),
        ("file:///app/wp-content/uploads/", None), ("file:///srv/elsewhere/downloads/", None),
    ],
)  # fmt: skip
def test_the_download_folders_of_woocommerce_reveal_an_earlier_location(sites, site, url, root):
    name = "wp_wc_product_download_directories"
    site(f"CREATE TABLE `{name}` (url_id INT PRIMARY KEY, url VARCHAR(256), enabled INT)")
    site(f"INSERT INTO `{name}` VALUES (1, %s, 1), (2, 'http://localhost/wp-content/uploads/', 1)", url)
    try:
        with looked_at(sites) as (template, _):
            paths = {one.old.decode() for one in template.replacements() if one.kind == "path" and one.value == "root"}
    finally:
        site(f"DROP TABLE `{name}`")
    assert (root in paths) is (root is not None)
    assert "/app" not in paths and "/srv/elsewhere" not in paths


def test_an_address_that_the_configuration_overrides_follows_in_rows(sites, site):
    file = sites.site.root / "wp-config.php"
    before, aside = file.read_bytes(), sites.directory / "inspected-config"
    given = "".join(f"define( '{name}', 'https://now.example' );\n" for name in ("WP_HOME", "WP_SITEURL"))
    # A bundle keeps the time of its files
    file.rename(aside)
    try:
        file.write_bytes(before.replace(b"<?php\n", b"<?php\n" + given.encode(), 1))
        site("INSERT INTO wp_options (option_name, option_value) VALUES ('own_link', %s)", f"http://{DOMAIN}/a")
        with looked_at(sites) as (template, source):
            plan = TemplatePlan(template, "wordpress")
            (row,) = (one for one in source.rows(source.tables["wp_options"], "option_name = 'own_link'"))
            link = plan.row(source.tables["wp_options"], row)[2]
    finally:
        aside.replace(file)
        site("DELETE FROM wp_options WHERE option_name = 'own_link'")
    assert b"shop.address" in link and b"/a" in link and DOMAIN.encode() not in link


def test_an_answer_that_a_plugin_keeps_for_some_hours_stays_behind_and_a_setting_like_it_does_not(sites, site):
    value = '{"license":"valid","package":"https://vendor.example/zip/token"}'
    answer = f'a:2:{{s:7:"timeout";i:1694638465;s:5:"value";s:{len(value)}:"{value}";}}'
    options = {"edd_sl_1a2b": answer, "acme_slider": 'a:2:{s:7:"timeout";i:5;s:5:"speed";i:300;}'}
    options["_acme_transient_C:/Users/boss/site/.htaccess"] = "a:0:{}"
    for name, held in options.items():
        site("INSERT INTO wp_options (option_name, option_value) VALUES (%s, %s)", name, held)
    try:
        with looked_at(sites) as (template, _):
            assert kept(site, template, "options", "option_name") & set(options) == {"acme_slider"}
    finally:
        site("DELETE FROM wp_options WHERE option_name LIKE '%acme_%' OR option_name = 'edd_sl_1a2b'")


def test_pictures_found_by_yoast_reveal_an_earlier_location(sites, site):
    site("CREATE TABLE wp_yoast_indexable (id INT PRIMARY KEY, open_graph_image_meta TEXT)")
    for number, file in enumerate(("admin.php", "index.php")):
        meta = json.dumps({"path": f"/Applications/MAMP/tea/wp-admin/{file}"}).replace("/", "\\/")
        site("INSERT INTO wp_yoast_indexable VALUES (%s, %s)", number, meta)
    site("INSERT INTO wp_yoast_indexable VALUES (7, NULL), (8, '')")
    try:
        with looked_at(sites) as (template, _):
            assert "/Applications/MAMP/tea" in {one.old.decode() for one in template.replacements()}
    finally:
        site("DROP TABLE wp_yoast_indexable")


@contextmanager
def table(site, name):
    site(f"CREATE TABLE `{name}` (id INT PRIMARY KEY)")
    site(f"INSERT INTO `{name}` VALUES (1)")
    try:
        yield
    finally:
        site(f"DROP TABLE `{name}`")


def test_a_wordpress_is_a_site_to_its_client_and_one_that_sells_a_shop(sites, site):
    with looked_at(sites) as (template, _):
        assert TemplatePlan(template, "wordpress").application["noun"] == "site"
    with table(site, "wp_woocommerce_order_items"), looked_at(sites) as (template, _):
        assert "noun" not in TemplatePlan(template, "wordpress").application


def test_another_sites_tables_in_the_same_database_stay_empty_and_are_reported(sites, site):
    others = [f"wp_2_{name}" for name in ("options", "posts", "users", "usermeta")]
    with ExitStack() as stack:
        for name in (*others, "plugins_own"):
            stack.enter_context(table(site, name))
        template, _ = stack.enter_context(looked_at(sites))
        assert [template.condition(name) for name in others] == [None] * 4
        assert template.condition("plugins_own") == ""
        reported = {one.table: one.reason for one in template.dropped() if one.table in others}
        assert reported == dict.fromkeys(others, "of another application in the same database")


def test_the_tables_of_a_network_of_sites_are_refused(sites, site):
    with table(site, "wp_blogs"), pytest.raises(ShoplaunchError) as caught, looked_at(sites):
        pass
    assert caught.value.code == "multisite"


def test_without_an_administrator_nothing_is_packed(sites, site):
    meta = "UPDATE wp_usermeta SET meta_key = %s WHERE meta_key = %s"
    site(meta, "wp_hidden", "wp_capabilities")
    try:
        with pytest.raises(ShoplaunchError) as caught, looked_at(sites):
            pass
        assert caught.value.code == "admin_missing"
    finally:
        site(meta, "wp_capabilities", "wp_hidden")


@pytest.mark.parametrize("name", ["siteurl", "WPLANG", "blog_public", "active_plugins"])
def test_a_variant_may_not_undo_what_an_order_says_or_what_keeps_the_site_whole(sites, site, name):
    with looked_at(sites) as (template, _), pytest.raises(ShoplaunchError) as caught:
        template.setting(name, "anything")
    assert caught.value.code == "variant_invalid"


@pytest.mark.parametrize("name", ["blogdescription", "an_option_nobody_has"])
def test_a_variants_option_is_there_afterwards_once(sites, site, name):
    with looked_at(sites) as (template, _):
        statements = [statement for _, statement in template.setting(name, "Just tea")]

    for statement in statements * 2:
        site(statement["sql"], *statement["params"])
    check = statements[-1]["check"]
    assert site(check["sql"], *check["params"]) == (("Just tea",),)


@pytest.mark.parametrize(
    ("permalinks", "needed"), [("/%postname%/", True), ("", False), ("/index.php/%postname%/", False)]
)
def test_rules_are_added_where_addresses_need_them_and_the_tree_has_none(sites, site, permalinks, needed):
    rules = sites.site.root / ".htaccess"
    (before,) = site("SELECT option_value FROM wp_options WHERE option_name = 'permalink_structure'")[0]
    change = "UPDATE wp_options SET option_value = %s WHERE option_name = 'permalink_structure'"
    aside = rules.rename(sites.directory / "inspected-htaccess")
    try:
        site(change, permalinks)
        with looked_at(sites) as (template, _):
            plan = TemplatePlan(template, "wordpress")
            added = plan.added()
            notes = [note["place"] for note in plan.report()["rewriting"]["notes"]]
    finally:
        aside.replace(rules)
        site(change, before)
    assert list(added) == ([b".htaccess"] if needed else []) and notes == ([".htaccess"] if needed else [])
    assert not needed or added[b".htaccess"].count(b"# BEGIN WordPress\n") == 1
    with looked_at(sites) as (template, _):
        assert template.added() == {}
