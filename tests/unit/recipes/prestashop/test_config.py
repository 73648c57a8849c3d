"""parameters.php becomes a template that PHP reads back with exactly the new shop's values."""

import json
import subprocess

import pytest

from controller.recipes.prestashop.files import config
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer, token

NONCE = "1a2b3c4d"
VALUES = {
    "db.host": "localhost", "db.port": "", "db.name": "alice_shop", "db.user": "alice",
    "db.password": "a%b'c\\d\"e$f%%",
    "secret.secret": "S" * 64, "secret.cookie_key": "K" * 64, "secret.cookie_iv": "I" * 32,
    "secret.new_cookie_key": "def00000" + "0" * 128, "secret.api_public_key": "-----BEGIN\nP+/=\n",
    "secret.api_private_key": "-----BEGIN\nQ+/=\n",
}  # fmt: skip
SOURCE = rb"""<?php
// 'database_password' => 'an-older-password',
return array (
  'parameters' => array (
    'database_host' => '127.0.0.1:3307', 'database_name' => 'tpl_1', 'database_user' => "tpl_1",
    # 'cookie_key' => 'an-older-key',
    'database_password' => 'template%%pass\'word', 'database_prefix' => 'xy_', 'database_engine' => 'InnoDB',
    'mailer_user' => 'post@template.example', 'mailer_password' => 'mail-secret-1',
    'secret' => 'the-template-secret', 'cookie_key' => 'the-template-key', 'cookie_iv' => 'the-template-iv',
    'new_cookie_key' => 'def000template', 'ps_cache_enable' => true, 'ps_creation_date' => '2024-01-02',
    'own_setting' => 'it\'s mine 100%%', 'own_list' => ['a', 'b' => [1, true, null]],
  ),
);
$later = 'unused';
"""


def shop_with(tmp_path, source):
    folder = tmp_path / "app" / "config"
    folder.mkdir(parents=True)
    (folder / "parameters.php").write_bytes(source)
    return tmp_path


def read_by_php(path):
    """Return the parameters as PrestaShop sees them: included by PHP, percent signs halved."""
    code = (
        "$p = (require $argv[1])['parameters'];"
        "array_walk($p, function (&$v) { if (is_string($v)) { $v = str_replace('%%', '%', $v); } });"
        "echo json_encode($p);"
    )
    return json.loads(subprocess.run(["php", "-r", code, str(path)], capture_output=True, check=True).stdout)


def test_values_come_out_of_the_file_as_the_job_gave_them(tmp_path):
    configuration = config.read(shop_with(tmp_path, SOURCE))
    target = tmp_path / "new.php"
    target.write_bytes(Renderer(NONCE, VALUES).render(configuration.template(NONCE)))
    seen = read_by_php(target)
    assert seen["database_password"] == VALUES["db.password"]
    assert seen["database_host"] == "localhost"
    assert seen["database_port"] == ""
    assert seen["database_prefix"] == "xy_"
    assert seen["cookie_key"] == VALUES["secret.cookie_key"]
    assert seen["own_setting"] == "it's mine 100%"
    assert seen["own_list"] == {"0": "a", "b": [1, True, None]}
    assert seen["mailer_password"] is None
    assert seen["ps_cache_enable"] is False


def test_nothing_secret_of_the_template_stays_in_the_file(tmp_path):
    template = config.read(shop_with(tmp_path, SOURCE)).template(NONCE)
    for trace in (b"older", b"template", b"tpl_1", b"127.0.0.1", b"unused", b"mail-secret"):
        assert trace not in template


def test_the_templates_own_values_are_known_for_the_search(tmp_path):
    configuration = config.read(shop_with(tmp_path, SOURCE))
    assert configuration.prefix == "xy_"
    assert configuration.secret_values()["database_password"] == b"template%pass'word"
    assert set(configuration.secret_values()) == {
        "secret", "cookie_key", "cookie_iv", "new_cookie_key", "database_password", "mailer_password",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"getenv('MYSQL_DATABASE')", ""), (b'getenv("MYSQL_DATABASE", true)', ""), (b"$_ENV['DB']", ""),
        (b"$_SERVER [ 'DB' ]", ""), (b"getenv('DB') ?: 'tpl_1'", "tpl_1"), (b"$_ENV['DB'] ?? 'tpl_1'", "tpl_1"),
        (b"\\getenv('DB') ?: getenv('OTHER') ?: 'tpl_1'", "tpl_1"),
        (b"getenv('DB') ?: " * 5000 + b"'tpl_1'", "tpl_1"),
    ],
)  # fmt: skip
def test_access_that_the_environment_keeps_is_none_of_the_tree(tmp_path, written, name):
    source = SOURCE.replace(b"'tpl_1'", written).replace(b"'mail-secret-1'", b"getenv('MAIL')")
    found = config.read(shop_with(tmp_path, source))
    assert found.text("database_name") == name and found.text("database_user") == "tpl_1"
    assert b"getenv" not in found.template(NONCE) and b"$_" not in found.template(NONCE)
    assert token(NONCE, "db.name", "symfony") in found.template(NONCE)


def test_a_key_that_the_environment_keeps_is_made_anew(tmp_path):
    found = config.read(shop_with(tmp_path, SOURCE.replace(b"'the-template-key'", b"getenv('KEY')")))
    assert token(NONCE, "secret.cookie_key", "symfony") in found.template(NONCE)
    assert "secret.cookie_key" in [one.name for one in found.secrets()]


def test_only_secrets_the_shop_has_are_made(tmp_path):
    made = [(one.name, one.format, one.length) for one in config.read(shop_with(tmp_path, SOURCE)).secrets()]
    assert made == [
        ("secret.secret", "alnum", 64),
        ("secret.cookie_key", "alnum", 64),
        ("secret.cookie_iv", "alnum", 32),
        ("secret.new_cookie_key", "defuse_key", 0),
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"<?php return ['parameters' => ['own_limit' => getenv('H')]];", "getenv"),
        (b"<?php return ['parameters' => ['database_host' => 'h']];", "lacks database_name"),
        (b"<?php return ['other' => 1];", "no 'parameters'"),
        (b"<?php return 5;", "no 'parameters'"),
    ],
)
def test_an_unreadable_configuration_says_where(tmp_path, source, words):
    with pytest.raises(ShoplaunchError) as caught:
        config.read(shop_with(tmp_path, source))
    assert caught.value.code == "config_unreadable"
    assert words in caught.value.message


@pytest.mark.parametrize("source", [None, b"", b"<?php\n", b"<?php return ['parameters' => array()];"])
def test_a_tree_may_have_no_configuration(tmp_path, source):
    assert config.read(tmp_path if source is None else shop_with(tmp_path, source)) is None


def test_keys_and_addresses_with_passwords_that_others_put_there_are_emptied_and_reported(tmp_path):
    added = (
        b"    'paying_api_secret' => '9f3c7a1be04d5862a7c91d3e', 'cache_dsn' => 'redis://:pears%%7@127.0.0.1:6379',\n"
        b"    'paying_token_url' => 'https://pay.example/token', 'paying_license' => 'standard',\n  ),\n);\n$later"
    )
    configuration = config.read(shop_with(tmp_path, SOURCE.replace(b"  ),\n);\n$later", added)))
    target = tmp_path / "new.php"
    target.write_bytes(Renderer(NONCE, VALUES).render(configuration.template(NONCE)))
    seen = read_by_php(target)
    assert (seen["paying_api_secret"], seen["cache_dsn"]) == ("", "")
    assert (seen["paying_token_url"], seen["paying_license"]) == ("https://pay.example/token", "standard")
    reported = {name: [(one.value, one.proven) for one in held] for name, held in configuration.more_secrets()}
    assert reported == {
        "paying_api_secret": [(b"9f3c7a1be04d5862a7c91d3e", False)],
        "cache_dsn": [(b"redis://:pears%%7@127.0.0.1:6379", True)],
    }
