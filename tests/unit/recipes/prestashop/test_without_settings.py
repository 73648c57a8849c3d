"""Trees without the application's settings, as they come out of git: pack writes them as the installer does."""

import gzip
import json
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from controller.bundles.template_plan import TemplatePlan
from controller.recipes.base import PackOptions
from controller.recipes.prestashop.files import as_installed, yaml_parameters
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.registry import recipe_for
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.support.packers_view import packers_view
from tests.unit.recipes.conftest import DOMAIN

PARAMETERS, SETTINGS = "app/config/parameters.php", "config/settings.inc.php"
VALUES = {
    "db.host": "127.0.0.1", "db.port": "3307", "db.name": "alice_shop", "db.user": "alice", "db.password": "a%b'c\\d",
    "db.address": "127.0.0.1:3307", "secret.secret": "S" * 64, "secret.cookie_key": "K" * 64,
    "secret.cookie_iv": "I" * 32, "secret.new_cookie_key": "def00000" + "0" * 128,
    "secret.api_public_key": "-----BEGIN\nP+/=\n", "secret.api_private_key": "-----BEGIN\nQ+/=\n",
    "secret.rijndael_key": "R" * 32, "secret.rijndael_iv": "Ab3" * 7 + "x",
}  # fmt: skip
READ_ARRAY = "echo json_encode((require $argv[1])['parameters']);"
READ_CONSTANTS = "require $argv[1]; echo json_encode(get_defined_constants(true)['user']);"


def inspected(shop, **options):
    with shop.source() as source:
        return PrestaShop().inspect(shop.root, source, PackOptions(**options))


def filled(template, content, tmp_path, code=READ_ARRAY):
    """Return what PHP reads from a template that an agent has filled."""
    path = tmp_path / "filled.php"
    path.write_bytes(Renderer(template.nonce, VALUES).render(content))
    return json.loads(subprocess.run(["php", "-r", code, str(path)], capture_output=True, check=True).stdout)


def copied(shop, prefix):
    """Another installation's tables stand in the shop's database."""
    for table, _ in shop.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'"):
        if table.startswith("ps_"):
            shop.query(f"CREATE TABLE `{prefix}{table.removeprefix('ps_')}` LIKE `{table}`")


def release(shop, version):
    """The shop's files and tables are of another release."""
    kernel = shop.root / "app/AppKernel.php"
    kernel.write_text(kernel.read_text().replace("8.2.1", version))
    shop.query("UPDATE ps_configuration SET value = %s WHERE name = 'PS_VERSION_DB'", version)


def test_a_tree_out_of_git_gets_the_parameters_that_its_releases_installer_writes(own_sample, tmp_path):
    (own_sample.root / PARAMETERS).unlink()
    assert recipe_for(own_sample.root).name == "prestashop"
    template = inspected(own_sample)
    seen = filled(template, template.added()[PARAMETERS.encode()], tmp_path)
    assert (seen["database_host"], seen["database_port"], seen["database_name"]) == ("127.0.0.1", "3307", "alice_shop")
    assert (seen["database_prefix"], seen["database_engine"]) == ("ps_", "InnoDB")
    assert seen["database_password"] == "a%%b'c\\d"
    assert (seen["cookie_key"], seen["new_cookie_key"]) == ("K" * 64, VALUES["secret.new_cookie_key"])
    assert (seen["api_private_key"], seen["ps_caching"]) == (VALUES["secret.api_private_key"], "CacheMemcache")
    assert (seen["ps_cache_enable"], seen["mailer_password"]) == (False, None)
    (said,) = template.written_settings()
    assert said == (
        "app/config/parameters.php was missing: written as PrestaShop 8.2.1's installer does, with new keys; the tables"
        " begin with 'ps_', as in the database"
    )
    made = {one.name: one.format for one in template.secrets()}
    assert made["secret.api_private_key"] == "rsa_private" and made["secret.new_cookie_key"] == "defuse_key"
    assert not template.facts.credentials and "database_password" not in template.facts.secrets


def test_the_same_tree_gives_the_same_bytes(own_sample):
    (own_sample.root / PARAMETERS).unlink()
    assert inspected(own_sample).added() == inspected(own_sample).added()


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"<?php\n", b"<?php // made by the deployment\n/* and that is all */ ?>\n", b"<?php return array();",
     b"<?php return ['parameters' => []];"],
)  # fmt: skip
def test_an_empty_file_is_written_in_its_place(own_sample, tmp_path, content):
    (own_sample.root / PARAMETERS).write_bytes(content)
    template = inspected(own_sample)
    assert PARAMETERS.encode() not in template.added()
    assert filled(template, template.file(PARAMETERS.encode(), content), tmp_path)["database_prefix"] == "ps_"
    assert "was empty" in template.written_settings()[0]


def test_samples_alone_give_what_is_no_secret(own_sample, tmp_path):
    parameters = own_sample.root / PARAMETERS
    parameters.rename(parameters.with_suffix(".php.dist"))
    sample = (
        b"parameters:\n    database_prefix: xy_\n    locale: de-DE\n    own_limit: 12  # of ours\n    secret: None\n"
    )
    parameters.with_name("parameters.yml.dist").write_bytes(sample)
    template = inspected(own_sample)
    seen = filled(template, template.added()[PARAMETERS.encode()], tmp_path)
    assert (seen["database_prefix"], seen["own_limit"], seen["secret"]) == ("ps_", 12, "S" * 64)
    assert template.left_out(f"{PARAMETERS}.dist".encode(), False)


def test_parameters_that_were_never_turned_into_php_are_kept_and_their_secrets_searched(own_sample, tmp_path):
    parameters = own_sample.root / PARAMETERS
    parameters.unlink()
    parameters.with_suffix(".yml").write_text(
        "parameters:\n    database_name: 'tpl_9'\n    database_prefix: ps_\n    database_password: 'pa''ss-9-word'\n"
        '    cookie_key: "the-key-of-the-template"\n    own_text: plain\n    locale: fr-FR\n'
        f"    own_address: https://{DOMAIN}/own\n"
    )
    template = inspected(own_sample)
    seen = filled(template, template.added()[PARAMETERS.encode()], tmp_path)
    assert (seen["database_name"], seen["cookie_key"]) == ("alice_shop", "K" * 64)
    assert (seen["own_text"], seen["locale"]) == ("plain", "fr-FR")
    assert template.facts.secrets["database_password"] == b"pa'ss-9-word"
    assert template.facts.secrets["cookie_key"] == b"the-key-of-the-template"
    assert template.file(b"app/config/parameters.yml", b"parameters:\n    a: b\n") == b"parameters:\n"
    assert "with the values of app/config/parameters.yml" in template.written_settings()[0]
    plan = TemplatePlan(template, "prestashop")
    assert DOMAIN.encode() not in plan.added()[PARAMETERS.encode()] and DOMAIN in seen["own_address"]
    assert plan.settings_written() == template.written_settings()


def test_each_file_that_is_written_beside_the_settings_is_named_once(own_sample):
    for name in (PARAMETERS, "app/config/parameters.yml", SETTINGS):
        (own_sample.root / name).unlink()
    with own_sample.source() as source:
        plan = TemplatePlan(PrestaShop().inspect(own_sample.root, source, PackOptions()), "prestashop")
        added = {path.decode() for path in plan.added()}
        notes = plan.report()["rewriting"]["notes"]
    noted = {note["place"] for note in notes if note["what"].startswith("written anew")}
    assert noted == added - {PARAMETERS} == {"app/config/parameters.yml", SETTINGS}


def test_a_link_to_a_machines_own_settings_is_replaced(own_sample):
    parameters = own_sample.root / PARAMETERS
    parameters.unlink()
    parameters.symlink_to("../../../shared/parameters.php")
    template = inspected(own_sample)
    assert PARAMETERS.encode() in template.added() and template.left_out(PARAMETERS.encode(), False)


def test_access_and_keys_of_an_environment_are_the_new_shops_own(own_sample, tmp_path):
    path = own_sample.root / PARAMETERS
    names = ("host", "port", "name", "user", "password", "prefix")
    lines = [f"'database_{name}' => getenv('DB_{name}')" for name in names]
    lines += ["'cookie_key' => $_ENV['KEY']", "'cookie_iv' => getenv('IV')", "'secret' => getenv('SECRET')"]
    path.write_text("<?php return ['parameters' => [" + ", ".join(lines) + "]];")
    template = inspected(own_sample)
    seen = filled(template, template.file(PARAMETERS.encode(), path.read_bytes()), tmp_path)
    assert (seen["database_prefix"], seen["cookie_key"], seen["cookie_iv"]) == ("ps_", "K" * 64, "I" * 32)
    assert "from the environment: 'ps_' is written" in template.notes()[0]


def test_of_two_installations_the_operator_names_one(own_sample):
    copied(own_sample, "old_")
    (own_sample.root / PARAMETERS).unlink()
    with pytest.raises(ShoplaunchError) as caught:
        inspected(own_sample)
    assert caught.value.code == "prefix_unknown"
    assert "'old_', 'ps_'" in caught.value.message and "--table-prefix" in caught.value.message
    assert inspected(own_sample, table_prefix="ps_").facts.table_prefix == "ps_"
    with pytest.raises(ShoplaunchError) as caught:
        inspected(own_sample, table_prefix="xy_")
    assert caught.value.code == "prefix_mismatch" and "--table-prefix says the prefix 'xy_'" in caught.value.message


def test_a_database_without_the_shops_tables_is_none_of_its(own_sample):
    (own_sample.root / PARAMETERS).unlink()
    own_sample.query("DROP TABLE ps_shop_url")
    with pytest.raises(ShoplaunchError) as caught:
        inspected(own_sample)
    assert caught.value.code == "prefix_unknown" and "none has all of shop_url" in caught.value.message


@pytest.mark.parametrize(
    ("version", "has_settings"), [("1.7.8.11", True), ("8.0.5", True), ("8.1.0", True), ("9.0.2", False)]
)
def test_each_release_gets_its_own_files(own_sample, tmp_path, version, has_settings):
    release(own_sample, version)
    (own_sample.root / PARAMETERS).unlink()
    for name in (SETTINGS, "app/config/parameters.yml"):
        (own_sample.root / name).unlink()
    template = inspected(own_sample)
    added = template.added()
    assert (SETTINGS.encode() in added, b"app/config/parameters.yml" in added) == (has_settings, True)
    assert (b".env" in added) == (version == "9.0.2")
    has_api = "api_private_key" in filled(template, added[PARAMETERS.encode()], tmp_path)
    assert has_api == (version in ("8.1.0", "9.0.2"))


def test_a_release_of_9_gets_its_environment_though_its_parameters_are_there(own_sample):
    release(own_sample, "9.0.2")
    template = inspected(own_sample)
    assert template.added()[b".env"].splitlines() == [b"PS_FF_FRONT_CONTAINER_V2=false", b"PS_TRUSTED_PROXIES="]
    assert template.written_settings() == [".env was missing: written as in the release"]
    assert PARAMETERS.encode() not in template.added()
    (own_sample.root / ".env.dist").write_text("PS_TRUSTED_PROXIES=\n")
    assert b".env" not in inspected(own_sample).added() and not inspected(own_sample).written_settings()


def test_libraries_that_version_control_left_out_are_named(own_sample):
    autoloader = own_sample.root / "config/autoload.php"
    autoloader.write_text("<?php\nrequire_once __DIR__.'/../vendor/autoload.php';\n")
    (note,) = inspected(own_sample).notes()
    assert note.startswith("config/autoload.php loads vendor/autoload.php, which is missing")
    (own_sample.root / "vendor").mkdir()
    (own_sample.root / "vendor/autoload.php").write_text("<?php\n")
    assert inspected(own_sample).notes() == []


def test_settings_that_only_the_templates_key_could_read_are_emptied_and_reported(own_sample):
    value = "def50200" + "0a1b2c3d" * 30
    insert = "INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, %s, NOW(), NOW())"
    own_sample.query(insert, "OWN_MODULE_ACCOUNT", value)
    own_sample.query(insert, "OWN_MODULE_COLOUR", "def50200")
    template = inspected(own_sample)
    row = {"name": b"OWN_MODULE_ACCOUNT", "value": value.encode()}
    assert template.cells("ps_configuration", row)["value"] == b""
    assert "value" not in template.cells("ps_configuration", {"name": b"OWN_MODULE_COLOUR", "value": b"def50200"})
    reported = dict(template.adjustments())
    assert "enter it anew" in reported["setting OWN_MODULE_ACCOUNT"] and "setting OWN_MODULE_COLOUR" not in reported


@pytest.fixture
def old_shop(real_dumps, mariadb_server, tmp_path):
    """The tree of a PrestaShop 1.6 as it comes out of git, and a real database of that release."""
    name, _, _ = mariadb_server.new_database()
    data = gzip.decompress((real_dumps / "prestashop-1.6.1.24.sql.gz").read_bytes())
    command = ["mariadb", "--no-defaults", "-uroot", f"--socket={mariadb_server.socket}", name]
    subprocess.run(command, input=data, check=True)
    root = tmp_path / "public_html"
    files = ("index.php", "config/config.inc.php", "config/defines.inc.php", "classes/ObjectModel.php")
    for path in (*files, "admin77x/index.php", "admin77x/get-file-admin.php", "admin77x/filemanager/dialog.php"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("<?php\n")
    with packers_view(mariadb_server.socket, name) as source:
        yield SimpleNamespace(root=root, source=source)


def test_constants_of_1_6_are_written_and_its_release_found_without_them(old_shop, tmp_path):
    root, source = old_shop.root, old_shop.source
    (root / f"{SETTINGS}.dist").write_text("<?php define('_DB_PREFIX_', 'xy_');")
    assert recipe_for(root).name == "prestashop"
    template = PrestaShop().inspect(root, source, PackOptions(keep_customers=True))
    seen = filled(template, template.added()[SETTINGS.encode()], tmp_path, READ_CONSTANTS)
    assert (seen["_DB_SERVER_"], seen["_DB_PREFIX_"], seen["_PS_VERSION_"]) == ("127.0.0.1:3307", "ps_", "1.6.1.24")
    assert (seen["_MYSQL_ENGINE_"], seen["_PS_CACHE_ENABLED_"]) == ("InnoDB", "0")
    assert seen["_COOKIE_KEY_"] == "K" * 64 and seen["_RIJNDAEL_IV_"] == VALUES["secret.rijndael_iv"] + "=="
    assert seen["_PS_CREATION_DATE_"].startswith("20")
    assert "config/settings.inc.php was missing" in template.written_settings()[0]
    assert any("customers' passwords" in note for note in template.notes())
    assert template.left_out(f"{SETTINGS}.dist".encode(), False)
    (root / "docs").mkdir()
    (root / "docs/CHANGELOG.txt").write_text("Release Notes for PrestaShop 1.6\n####\n#   v1.6.1.23 - (2018-11-06)\n")
    assert PrestaShop().inspect(root, source, PackOptions()).facts.version == "1.6.1.23"
    shutil.copytree(root / "docs", root / "install")
    (root / "install/install_version.php").write_text("<?php define('_PS_INSTALL_VERSION_', '1.6.1.22');")
    assert PrestaShop().inspect(root, source, PackOptions()).facts.version == "1.6.1.22"


@pytest.mark.parametrize(
    ("line", "value"),
    [("a: ~", None), ("a:", None), ("a: null # none", None), ("a: 'it''s'", b"it's"), ('a: "x\\"y\\\\"', b'x"y\\'),
     ("a: true", True), ("a: 12", 12), ("a: plain text # said", b"plain text"), ("a: x#y", b"x#y"), ("'a': b", b"b"),
     ("a: '' # empty", b"")],
)  # fmt: skip
def test_parameters_are_read_as_yaml_says(tmp_path, line, value):
    (tmp_path / "p.yml").write_text(f"# comment\nparameters:\r\n    {line}\r\n    list: [1, 2]\n    b: 'c'\n")
    assert yaml_parameters.read(tmp_path / "p.yml") == {"a": value, "b": b"c"}
    assert yaml_parameters.read(tmp_path / "absent.yml") == {}


def test_an_environment_is_written_only_where_a_release_needs_one(tmp_path):
    assert as_installed.environment(tmp_path, ()) == {}
    assert list(as_installed.environment(tmp_path, (".env", ".env.dist"))) == [b".env"]
