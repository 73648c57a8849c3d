"""Inspecting a PrestaShop: what is found out, and which templates are refused with which code."""

import re

import pytest

from controller.bundles.source.tree.walk import Tree
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.database.queries import require_same_release
from controller.recipes.prestashop.facts import series_of
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.registry import recipe_for
from controller.recipes.secrets.known import KEPT, NEAR_ITS_USER
from shared.errors import ShoplaunchError
from tests.support.error_codes import error_code
from tests.unit.recipes.conftest import ADMIN, DOMAIN, PASSWORD, install


def inspect(shop, **options):
    with shop.source() as source:
        return PrestaShop().inspect(shop.root, source, PackOptions(**options))


def test_the_facts_of_a_shop_are_found_without_options(sample):
    facts = inspect(sample).facts
    assert (facts.application, facts.version, facts.domain, facts.base_uri) == ("prestashop", "8.2.1", DOMAIN, "/")
    assert (facts.table_prefix, facts.admin_folder) == ("ps_", "admin742sample")
    assert facts.root == str(sample.root)
    assert facts.secrets["database_password"] == PASSWORD.encode()


def test_secrets_are_made_in_the_formats_prestashop_demands(sample):
    made = {one.name: (one.format, one.length) for one in inspect(sample).secrets()}
    assert made["secret.new_cookie_key"] == ("defuse_key", 0)
    assert made["secret.cookie_key"] == ("alnum", 64)
    assert made["secret.cookie_iv"] == ("alnum", 32)
    assert made["secret.api_private_key"] == ("rsa_private", 2048)
    assert made["secret.api_public_key"] == ("rsa_public", 0)
    assert made["secret.nw_salt"] == ("alnum", 16)


def test_nothing_secret_is_shown_by_the_facts(sample):
    facts = inspect(sample).facts
    assert PASSWORD not in repr(facts)
    assert not any(value.decode() in repr(facts) for value in facts.secrets.values())


def test_domain_and_administrator_are_replaced_everywhere(sample):
    found = {one.old.decode(): (one.value, one.kind) for one in inspect(sample).replacements()}
    assert found[DOMAIN] == found[f"www.{DOMAIN}"] == ("domain", "domain")
    assert found[str(sample.root)] == ("root", "path")
    assert ADMIN in found


@pytest.mark.parametrize(("former", "below"), [("old.example", ""), ("www.old.example/ps", "/ps")])
def test_a_domain_that_only_settings_still_name_is_where_the_shop_was_before(own_sample, former, below):
    for name in ("PS_SHOP_DOMAIN", "PS_SHOP_DOMAIN_SSL"):
        own_sample.query("UPDATE ps_configuration SET value = %s WHERE name = %s", former, name)
    found = {one.old.decode(): (one.value, one.address) for one in inspect(own_sample).replacements()}
    assert found["old.example"] == found["www.old.example"] == found[DOMAIN] == ("domain", "shop.address")
    assert not below or found[f"old.example{below}"] == ("shop.address", "")


def test_a_name_that_every_machine_has_is_no_former_domain(own_sample):
    own_sample.query("UPDATE ps_configuration SET value = 'localhost:80/ps' WHERE name = 'PS_SHOP_DOMAIN'")
    assert not any(b"localhost" in one.old for one in inspect(own_sample).replacements())


def test_what_media_servers_served_the_new_shop_serves_itself(own_sample):
    for number, host in enumerate(("media1.cdn.example", "IMG.cdn.example:8080", "localhost"), 1):
        own_sample.query("DELETE FROM ps_configuration WHERE name = %s", f"PS_MEDIA_SERVER_{number}")
        own_sample.query(
            "INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, %s, NOW(), NOW())",
            f"PS_MEDIA_SERVER_{number}", host,
        )  # fmt: skip
    found = {one.old.decode(): (one.value, one.address) for one in inspect(own_sample).replacements()}
    assert found["media1.cdn.example"] == found["img.cdn.example:8080"] == ("domain", "shop.address")
    assert "localhost" not in found


def test_a_shop_in_a_folder_takes_its_folder_along(mariadb_server, tmp_path):
    shop = install(mariadb_server, tmp_path / "public_html", "/shop/")
    template = inspect(shop)
    found = {one.old.decode(): one.value for one in template.replacements()}
    assert (found[f"{DOMAIN}/shop"], found[DOMAIN]) == ("shop.address", "domain")
    assert found["/shop/"] == "base_uri"
    content = (shop.root / ".htaccess").read_bytes()
    assert b"/shop/" in content
    assert b"/shop/" not in template.file(b".htaccess", content)


def test_a_new_back_office_is_never_called_admin_alone():
    names = {PrestaShop().new_admin_folder(lambda choices: choices[-1]), PrestaShop().new_admin_folder(min)}
    assert len(names) == 2
    assert all(re.fullmatch(r"admin[0-9]{3}[a-z0-9]{12}", name) for name in names)


def test_the_recipe_knows_its_trees(sample, tmp_path):
    assert recipe_for(sample.root).name == "prestashop"
    (tmp_path / "index.php").write_text("<?php")
    with pytest.raises(ShoplaunchError) as caught:
        recipe_for(tmp_path)
    assert caught.value.code == "not_this_application"
    with pytest.raises(ShoplaunchError) as caught:
        recipe_for(sample.root, "joomla")
    assert caught.value.code == "recipe_missing"


def test_the_template_needs_the_php_of_its_release(sample):
    with sample.source() as source:
        needs = PrestaShop().inspect(sample.root, source, PackOptions()).php()
    assert (needs.minimum, needs.preferred, needs.maximum) == ("7.2.5", "8.1", "8.4")


@pytest.mark.parametrize("version", ["1.5.6.3", "10.0", "8.x", ""])
def test_other_series_are_not_guessed_at(version):
    assert series_of(version) is None


@pytest.mark.parametrize("is_main", [0, 1])
def test_domains_of_two_shops_are_refused(own_sample, is_main):
    own_sample.query(
        "INSERT INTO ps_shop_url (id_shop, domain, domain_ssl, physical_uri, virtual_uri, main, active)"
        " SELECT 2, 'second.example', 'second.example', physical_uri, '', %s, 1 FROM ps_shop_url",
        is_main,
    )
    assert error_code(inspect, own_sample) == "several_domains"
    assert error_code(inspect, own_sample, domain="second.example") == "several_domains"


def test_other_domains_of_the_same_shop_are_names_of_it(own_sample):
    own_sample.query("UPDATE ps_shop_url SET domain_ssl = 'secure.other.example'")
    own_sample.query(
        "INSERT INTO ps_shop_url (id_shop, domain, domain_ssl, physical_uri, virtual_uri, main, active)"
        " SELECT id_shop, 'alias.example', 'alias.example', physical_uri, '', 0, 1 FROM ps_shop_url"
    )
    with own_sample.source() as source:
        template = PrestaShop().inspect(own_sample.root, source, PackOptions())
    found = {one.old.decode(): (one.value, one.address) for one in template.replacements()}
    assert found[DOMAIN] == found["secure.other.example"] == found["alias.example"] == ("domain", "shop.address")
    assert template.facts.domain == DOMAIN
    (note,) = template.notes()
    assert "secure.other.example, alias.example" in note


def test_two_addresses_are_refused(own_sample):
    own_sample.query(
        "INSERT INTO ps_shop_url (id_shop, domain, domain_ssl, physical_uri, virtual_uri, main, active)"
        " SELECT id_shop, domain, domain_ssl, physical_uri, 'second/', 0, 1 FROM ps_shop_url"
    )
    assert error_code(inspect, own_sample) == "several_domains"


def test_www_in_front_is_not_a_second_domain(own_sample):
    own_sample.query("UPDATE ps_shop_url SET domain_ssl = CONCAT('www.', domain)")
    assert inspect(own_sample).facts.domain == DOMAIN


def add_www(shop, main):
    """The shop has a second row of its address, `www.` in front."""
    shop.query(
        "INSERT INTO ps_shop_url (id_shop, domain, domain_ssl, physical_uri, virtual_uri, main, active)"
        f" SELECT id_shop, CONCAT('www.', domain), CONCAT('www.', domain_ssl), physical_uri, '', {main}, 1"
        " FROM ps_shop_url"
    )


def test_of_two_spellings_of_the_address_the_main_one_is_kept(own_sample):
    add_www(own_sample, main=0)
    (number,) = own_sample.query("SELECT id_shop_url FROM ps_shop_url WHERE main = 1")[0]
    with own_sample.source() as source:
        template = PrestaShop().inspect(own_sample.root, source, PackOptions())
        assert template.condition("ps_shop_url") == f"`id_shop_url` = {number}"
        (dropped,) = [one for one in template.dropped() if one.table == "ps_shop_url"]
    assert dropped.rows == 1 and "spellings" in dropped.reason


def test_where_no_address_is_called_the_main_one_the_first_is(own_sample):
    add_www(own_sample, main=0)
    own_sample.query("UPDATE ps_shop_url SET main = 0")
    (number,) = own_sample.query("SELECT MIN(id_shop_url) FROM ps_shop_url")[0]
    with own_sample.source() as source:
        template = PrestaShop().inspect(own_sample.root, source, PackOptions())
        assert template.condition("ps_shop_url") == f"`id_shop_url` = {number}"
        assert template.cells("ps_shop_url", {"domain": b"x", "main": b"0"})["main"] == b"1"


def test_two_main_addresses_are_refused(own_sample):
    add_www(own_sample, main=1)
    assert error_code(inspect, own_sample) == "several_domains"


def test_an_unnamed_domain_must_be_given(own_sample):
    own_sample.query("UPDATE ps_shop_url SET domain = '', domain_ssl = ''")
    assert error_code(inspect, own_sample) == "domain_unknown"
    assert inspect(own_sample, domain="Given.Example").facts.domain == "given.example"


def test_a_dump_of_another_shop_is_refused(own_sample):
    own_sample.query("RENAME TABLE ps_shop_url TO other_shop_url")
    assert error_code(inspect, own_sample) == "prefix_mismatch"


def test_an_unknown_version_is_refused(own_sample):
    path = own_sample.root / "app/AppKernel.php"
    path.write_text(path.read_text().replace("8.2.1", "10.0.0"))
    assert error_code(inspect, own_sample) == "unknown_version"
    path.unlink()
    assert error_code(inspect, own_sample) == "unknown_version"


def test_a_configuration_that_must_be_run_is_refused(own_sample):
    path = own_sample.root / "app/config/parameters.php"
    path.write_text("<?php return ['parameters' => load()];")
    assert error_code(inspect, own_sample) == "config_unreadable"


def test_a_shop_without_administrator_is_refused(own_sample):
    own_sample.query("UPDATE ps_employee SET active = 0")
    assert error_code(inspect, own_sample) == "admin_missing"


def test_a_shop_with_two_back_offices_is_refused(own_sample):
    twin = own_sample.root / "backoffice2"
    (twin / "filemanager").mkdir(parents=True)
    (twin / "index.php").touch()
    (twin / "get-file-admin.php").touch()
    assert error_code(inspect, own_sample) == "admin_folder_unknown"


def test_an_installer_still_there_is_left_out_not_refused(sample):
    assert (sample.root / "install").is_dir()
    template = inspect(sample)
    assert template.left_out(b"install", True)


def test_secrets_too_common_to_be_searched_for_are_named_without_their_value(own_sample):
    parameters = own_sample.root / "app" / "config" / "parameters.php"
    text = parameters.read_bytes()
    for name, value in (("database_password", b"pears"), ("database_name", b"shop"), ("database_user", b"webshop")):
        text = re.sub(rb"('%s' => )'.*'" % name.encode(), rb"\1'%s'" % value, text)
    parameters.write_bytes(text)
    for name, value in (("PAYING_API_KEY", "apples"), ("PAYING_MERCHANT_ID", "123456789"), ("PAYING_TOKEN_USED", "1")):
        own_sample.query(
            "INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, %s, NOW(), NOW())", name, value
        )
    facts = inspect(own_sample).facts
    assert facts.unsearched == {
        "secret database_password": NEAR_ITS_USER,
        "database_name of the template": "too common",
        "database_user of the template": "too common",
        "setting PAYING_API_KEY": KEPT,
        "setting PAYING_MERCHANT_ID": KEPT,
    }
    assert "database_password" not in facts.secrets
    assert facts.weak == {"database_password": b"pears"}
    assert facts.credentials_of == (b"shop", b"webshop")


def as_1_6(shop):
    """The shop is one of 1.6: its configuration are constants."""
    (shop.root / "app/config/parameters.php").unlink()
    (shop.root / "app/AppKernel.php").unlink()
    constants = {
        "_DB_SERVER_": "localhost", "_DB_NAME_": shop.database, "_DB_USER_": shop.user,
        "_DB_PASSWD_": shop.password.replace("\\", "\\\\").replace("'", "\\'"), "_DB_PREFIX_": "ps_",
        "_COOKIE_KEY_": "Key1" * 14, "_COOKIE_IV_": "iv123456", "_PS_VERSION_": "1.6.1.24",
    }  # fmt: skip
    text = "".join(f"define('{name}', '{value}');\n" for name, value in constants.items())
    (shop.root / "config/settings.inc.php").write_text("<?php\n" + text)
    as_of(shop, "1.6.1.24")
    return shop


def as_of(shop, version):
    """The shop's database says it is of `version`."""
    shop.query("UPDATE ps_configuration SET value = %s WHERE name = 'PS_VERSION_DB'", version)


def test_a_shop_of_1_6_is_configured_by_constants_and_keeps_passwords_its_own_way(own_sample):
    template = inspect(as_1_6(own_sample))
    assert template.facts.version == "1.6.1.24"
    assert template.facts.secrets["database_password"] == PASSWORD.encode()
    written = template.file(b"config/settings.inc.php", b"whatever")
    assert b"_COOKIE_KEY_" in written and b"Key1" not in written and template.owns(b"config/settings.inc.php")
    assert template.file(b"app/config/parameters.yml", b"parameters:\n  x: y\n") is None
    assert {one.name for one in template.secrets()} >= {"secret.cookie_key", "secret.rijndael_key"}
    assert PrestaShop().password_format("1.6.1.24") == "md5_cookie_key"
    # A hash of a length that fits the column
    assert {len(value) for value in template.probes()["admin.password_hash"]} == {32}
    assert [one["path"] for one in template.checks() if one["name"] == "cart"] == ["/index.php?controller=order"]


def test_a_later_password_of_1_6_is_not_promised(own_sample):
    # Its hash needs the shop's key, which stays in the account
    assert set(inspect(as_1_6(own_sample)).jobs()) == {"https_on", "remove"}


def test_a_shop_of_1_6_copied_for_packing_still_reveals_where_it_stood(own_sample):
    folder = as_1_6(own_sample).root / "cache/smarty/compile/ab"
    folder.mkdir(parents=True)
    page = '<?php /* Smarty version 3, compiled from "/home/former/public_html/themes/own/header.tpl" */ ?>'
    (folder / "page.php").write_text(page)
    found = {one.old: one.value for one in inspect(own_sample).replacements()}
    assert found[b"/home/former/public_html"] == "root"


def test_a_shop_of_9_is_understood_with_its_flags_and_its_links(own_sample):
    (own_sample.root / "app/AppKernel.php").unlink()
    (own_sample.root / "src/Core").mkdir(parents=True)
    (own_sample.root / "src/Core/Version.php").write_text("<?php class Version { public const VERSION = '9.1.4'; }")
    (own_sample.root / ".env").write_text("PS_FF_FRONT_CONTAINER_V2=false\n")
    (own_sample.root / "vendor/router/public").mkdir(parents=True)
    bundles = own_sample.root / "admin742sample/bundles"
    bundles.mkdir(exist_ok=True)
    (bundles / "router").symlink_to(own_sample.root / "vendor/router/public")
    as_of(own_sample, "9.1.4")
    template = inspect(own_sample)
    assert template.facts.version == "9.1.4" and template.php().minimum == "8.1"
    entries = {one.path: one for one in Tree(own_sample.root).entries(template.left_out)}
    assert b".env" in entries
    assert entries[b"admin742sample/bundles/router"].target == b"../../vendor/router/public"
    assert PrestaShop().password_format("9.1.4") == "bcrypt"


@pytest.mark.parametrize(
    ("tree", "database", "fits"),
    [("8.2.1", "8.2.0", True), ("8.2.1", "8.1.7", False), ("1.7.8.11", "1.7.8.2", True), ("1.7.8.11", "1.7.6.9", False),
     ("8.2.1", "", True)],
)  # fmt: skip
def test_files_and_database_are_of_one_release(tree, database, fits):
    if fits:
        require_same_release(tree, database)
        return
    with pytest.raises(ShoplaunchError) as refused:
        require_same_release(tree, database)
    assert refused.value.code == "database_of_another_tree"
