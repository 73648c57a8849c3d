"""What wp-config.php includes is followed without running it: PHP reads the new site's values from one file."""

import json
import subprocess

import pytest

from controller.recipes.base import PackOptions
from controller.recipes.registry import recipe_for
from controller.recipes.wordpress.files import config
from shared.errors import ShoplaunchError
from tests.unit.recipes.wordpress.test_config import NONCE, VALUES, filled

ACCESS = (
    b"define('DB_NAME', 'tpl_1');\ndefine('DB_USER', 'tpl_1');\ndefine('DB_PASSWORD', 'tpl-pass-77');\n"
    b"define('DB_HOST', 'localhost');\n"
)
PREFIX = b"$table_prefix = 'xy_';\n"
SETTINGS = b"if ( ! defined( 'ABSPATH' ) ) { define( 'ABSPATH', __DIR__ . '/' ); }\n"
RUN = (
    "define('ABSPATH', dirname($argv[1]) . '/'); require $argv[1];"
    "echo json_encode([DB_NAME, DB_PASSWORD, $table_prefix, AUTH_KEY, defined('OWN') ? OWN : '']);"
)


def tree_of(folder, files):
    root = folder / "public_html"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if content.startswith(b"#!") else b"<?php\n" + content)
    return root


def run(root, configuration):
    """What PHP reads from the new site's file, with the files that were taken in gone."""
    for name in configuration.taken:
        (root / name).unlink()
    (root / "wp-config.php").write_bytes(filled(configuration))
    done = subprocess.run(["php", "-r", RUN, str(root / "wp-config.php")], capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("wp-config-local.php", b"require __DIR__ . '/wp-config-local.php';"),
        ("wp-config-local.php", b"require_once( dirname( __FILE__ ) . '/wp-config-local.php' );"),
        ("wp-config-local.php", b"include_once ABSPATH . \"wp-config-local.php\";"),
        ("local.php", b"include 'local.php';"),
        ("local.php", b"include ('./local.php') ;"),
        ("config/db.php", b"require __DIR__ . '/config/' . 'db.php';"),
        ("local.php", b"if ( file_exists( __DIR__ . '/local.php' ) ) { require __DIR__ . '/local.php'; }"),
        ("local.php", b"if (is_readable(ABSPATH . 'local.php')) require ABSPATH . 'local.php'; else die('no');"),
        ("local.php", b"require_once 'local.php'; require_once __DIR__ . '/local.php';"),
    ],
)  # fmt: skip
def test_a_file_that_holds_the_access_is_taken_in(tmp_path, name, written):
    root = tree_of(tmp_path, {"wp-config.php": written + b"\n" + PREFIX + SETTINGS, name: ACCESS + b"// the end"})
    configuration = config.read(root)
    assert configuration.taken == [name]
    assert configuration.secret_values() == {"DB_PASSWORD": b"tpl-pass-77"}
    assert b"tpl-pass-77" not in configuration.template(NONCE)
    assert run(root, configuration)[:4] == ["alice_site", VALUES["db.password"], "xy_", "AUTH" * 16]


def test_files_that_include_one_another_are_followed_and_others_stay(tmp_path):
    files = {
        "wp-config.php": b"require 'config/all.php';\nrequire 'own.php';\n" + SETTINGS,
        "config/all.php": (
            b"require ABSPATH . 'config/access.php'; const AUTH_KEY = 'the template auth key';\n" + PREFIX + b"?>\n"
        ),
        "config/access.php": ACCESS,
        "own.php": b"define('OWN', basename(__DIR__));",
    }  # fmt: skip
    root = tree_of(tmp_path, files)
    configuration = config.read(root)
    assert sorted(configuration.taken) == ["config/access.php", "config/all.php"]
    assert configuration.text("AUTH_KEY") == "the template auth key"
    assert run(root, configuration) == ["alice_site", VALUES["db.password"], "xy_", "AUTH" * 16, "public_html"]


@pytest.mark.parametrize(
    ("main", "other", "expected"),
    [
        (b"require_once(dirname(__DIR__) . '/config.php');", b"", "2 includes a file ../config.php, outside the tree"),
        (b"require dirname(dirname(__FILE__)).'/config.php';", b"", "../config.php, outside the tree: write what it"),
        (b"require '/etc/hosts';", b"", "/etc/hosts, outside the tree"),
        (b"require 'link.php';", b"", "link.php, outside the tree"),
        (b"require getenv('WHERE');", b"", "at an address that would have to be run"),
        (b"require 'local.php';", b"return;\n" + ACCESS, "local.php says DB_NAME and cannot be taken in: it has"),
        (b"require 'local.php';", ACCESS + b"?>text", "it holds more than PHP"),
        (b"require 'local.php';", b"namespace Own;\n" + ACCESS, "it has `namespace`"),
        (b"if (is_file('local.php')) require 'local.php';", b"const DB_NAME = 'a';" + ACCESS, "`const`"),
        (b"require 'config/db.php';", b"define('DB_NAME', basename(__DIR__));" + ACCESS, "it names its own folder"),
        (b"require 'local.php'; define('DB_NAME', 'live');", ACCESS, "(with local.php, which it includes) says"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_named_with_what_helps(tmp_path, main, other, expected):
    files = {"wp-config.php": main + b"\n" + PREFIX + SETTINGS, "local.php": other, "config/db.php": other}
    root = tree_of(tmp_path, files)
    (tmp_path / "config.php").write_bytes(b"<?php\n" + ACCESS)
    (root / "link.php").symlink_to(tmp_path / "config.php")
    with pytest.raises(ShoplaunchError) as caught:
        config.read(root)
    assert caught.value.code == "config_unreadable" and expected in caught.value.message
    assert "tpl-pass" not in caught.value.message


def test_files_that_include_themselves_and_hundreds_of_files_have_an_end(tmp_path):
    files = {f"own{number}.php": b"require 'own%d.php';" % (number + 1) for number in range(300)}
    wide = b"".join(b"require 'own%d.php';" % number for number in range(300))
    root = tree_of(tmp_path, {**files, "wp-config.php": b"require 'wp-config.php';" + wide + ACCESS + PREFIX})
    assert config.read(root).taken == []


def test_a_wordpress_below_the_folder_of_its_configuration_is_named_as_that(tmp_path):
    root = tree_of(tmp_path, {"wp-config.php": b"require_once dirname(__DIR__) . '/config/application.php';\n"})
    with pytest.raises(ShoplaunchError, match="no known application"):
        recipe_for(root)
    for name in ("wp/wp-load.php", "wp/wp-includes/version.php"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"<?php $wp_version = '6.8';")
    with pytest.raises(ShoplaunchError, match=r"is not a WordPress: it lies in wp/, below wp-config\.php") as caught:
        recipe_for(root).inspect(root, None, PackOptions())
    assert caught.value.code == "not_this_application"
