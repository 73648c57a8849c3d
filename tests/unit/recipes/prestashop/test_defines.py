"""PrestaShop 1.6: settings.inc.php becomes a template that PHP reads back with exactly the new shop's values."""

import base64
import json
import subprocess

import pytest

from controller.recipes.prestashop.files import defines
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

NONCE = "1a2b3c4d"
VALUES = {
    "db.address": "localhost:3307", "db.name": "alice_shop", "db.user": "alice", "db.password": "a%b'c\\d\"e$f%%",
    "secret.cookie_key": "K" * 56, "secret.cookie_iv": "I" * 8, "secret.rijndael_key": "R" * 32,
    "secret.rijndael_iv": "Ab3" * 7 + "x",
}  # fmt: skip
SOURCE = rb"""<?php
/* define('_DB_PASSWD_', 'an-older-password'); */
define('_DB_SERVER_', '127.0.0.1:3307');
//define('_DB_NAME_', 'another_name');
define("_DB_NAME_", 'tpl_1');
define('_DB_USER_', 'tpl_1');
# define('_COOKIE_KEY_', 'an-older-key');
define('_DB_PASSWD_', 'template\'s pass%word');
define('_DB_PREFIX_', 'xy_');
define('_MYSQL_ENGINE_', 'InnoDB');
define('_PS_CACHING_SYSTEM_', 'CacheFs');
define('_PS_CACHE_ENABLED_', '1');
define('_COOKIE_KEY_', 'the-template-key');
define('_COOKIE_KEY_', 'a second one that PHP passes over');
define('_COOKIE_IV_', 'tmpl-iv1');
define('_PS_CREATION_DATE_', '2015-01-02');
define('_OWN_LIMIT_', 12);
if (!defined('_PS_VERSION_'))
	define('_PS_VERSION_', '1.6.1.24');
if (!defined('_OWN_TEXT_')) {
    define('_OWN_TEXT_', 'it\'s ' . 'mine');
}
?>
"""


def shop_with(tmp_path, source):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.inc.php").write_bytes(source)
    return tmp_path


def read_by_php(path):
    """Return the constants PHP knows after including the file."""
    code = "require $argv[1]; echo json_encode(get_defined_constants(true)['user']);"
    return json.loads(subprocess.run(["php", "-r", code, str(path)], capture_output=True, check=True).stdout)


def test_php_sees_the_constants_as_the_job_gave_them(tmp_path):
    configuration = defines.read(shop_with(tmp_path, SOURCE))
    target = tmp_path / "new.php"
    target.write_bytes(Renderer(NONCE, VALUES).render(configuration.template(NONCE)))
    seen = read_by_php(target)
    assert seen == {
        "_DB_SERVER_": "localhost:3307", "_DB_NAME_": "alice_shop", "_DB_USER_": "alice",
        "_DB_PASSWD_": VALUES["db.password"], "_DB_PREFIX_": "xy_", "_MYSQL_ENGINE_": "InnoDB",
        "_PS_CACHING_SYSTEM_": "CacheFs", "_PS_CACHE_ENABLED_": "0", "_COOKIE_KEY_": "K" * 56, "_COOKIE_IV_": "I" * 8,
        "_RIJNDAEL_KEY_": "R" * 32, "_RIJNDAEL_IV_": VALUES["secret.rijndael_iv"] + "==",
        "_PS_CREATION_DATE_": "2015-01-02", "_OWN_LIMIT_": 12, "_PS_VERSION_": "1.6.1.24", "_OWN_TEXT_": "it's mine",
    }  # fmt: skip
    assert len(base64.b64decode(seen["_RIJNDAEL_IV_"])) == 16


def test_the_file_is_read_as_php_reads_it(tmp_path):
    folder = shop_with(tmp_path, SOURCE)
    values = defines.read(folder).values
    plain = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
    assert plain == read_by_php(folder / defines.SETTINGS)


@pytest.mark.parametrize(("written", "name"), [(b"getenv('DB')", ""), (b"$_ENV['DB'] ?? 'tpl_2'", "tpl_2")])
def test_access_that_the_environment_keeps_is_none_of_the_tree(tmp_path, written, name):
    configuration = defines.read(
        shop_with(tmp_path, SOURCE.replace(b"\"_DB_NAME_\", 'tpl_1'", b"'_DB_NAME_', " + written))
    )
    assert configuration.text("database_name") == name
    assert b"$_" not in configuration.template(NONCE) and b"getenv" not in configuration.template(NONCE)


def test_nothing_secret_of_the_template_stays_in_the_file(tmp_path):
    template = defines.read(shop_with(tmp_path, SOURCE)).template(NONCE)
    for trace in (b"older", b"template", b"tpl", b"127.0.0.1", b"another", b"second"):
        assert trace not in template


def test_keys_have_the_lengths_of_the_installer_and_are_made_though_the_template_has_none(tmp_path):
    configuration = defines.read(shop_with(tmp_path, SOURCE))
    assert [(one.name, one.format, one.length) for one in configuration.secrets()] == [
        ("secret.cookie_key", "alnum", 56),
        ("secret.cookie_iv", "alnum", 8),
        ("secret.rijndael_key", "alnum", 32),
        ("secret.rijndael_iv", "alnum", 22),
    ]
    assert configuration.secret_values() == {
        "cookie_key": b"the-template-key", "cookie_iv": b"tmpl-iv1", "database_password": b"template's pass%word",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"<?php\ndefine('_OWN_LIMIT_', getenv('H'));", "line 2: 'getenv'"),
        (b"<?php\ndefine('_DB_SERVER_', 'h');", "lacks _DB_NAME_"),
        (b"<?php\n\nrequire 'other.php';", "line 3: only define()"),
        (b"<?php define('_DB_SERVER_');", "needs a name and a value"),
        (b"define('_DB_SERVER_', 'h');", "does not begin with <?php"),
    ],
)
def test_an_unreadable_configuration_says_where(tmp_path, source, words):
    with pytest.raises(ShoplaunchError) as caught:
        defines.read(shop_with(tmp_path, source))
    assert caught.value.code == "config_unreadable"
    assert words in caught.value.message


@pytest.mark.parametrize("source", [None, b"", b"<?php\n// nothing yet\n"])
def test_a_tree_may_have_no_configuration(tmp_path, source):
    assert defines.read(tmp_path if source is None else shop_with(tmp_path, source)) is None


def test_keys_that_the_environment_keeps_are_made_anew(tmp_path):
    for old in (b"'the-template-key'", b"'tmpl-iv1'", b"'xy_'"):
        assert old in SOURCE
    source = SOURCE.replace(b"'the-template-key'", b"getenv('KEY')").replace(b"'xy_'", b"getenv('PREFIX')")
    found = defines.read(shop_with(tmp_path, source))
    assert found.configured_prefix is None and b"getenv" not in found.template(NONCE)
