"""wp-config.php becomes a template that PHP reads with exactly the new site's values."""

import json
import subprocess
import time
from contextlib import contextmanager

import pytest
import requests

from controller.jobs.shop.values import located
from controller.panels.local.private_stack.stack import free_port
from controller.recipes.php import guard
from controller.recipes.wordpress.files import config
from controller.shop_address import HTTP, ShopAddress
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

NONCE = "1a2b3c4d"
VALUES = {
    "db.address": "localhost:3307", "db.name": "alice_site", "db.user": "alice", "db.password": "a%b'c\\d\"e$f%%",
    **located(ShopAddress(HTTP, "new.site.test", 8080)), "domain_ssl": "new.site.test:8443",
    **{f"secret.{name.lower()}": name[:4] * 16 for name in (*config.SALTS, "WP_CACHE_KEY_SALT")},
}  # fmt: skip
SOURCE = rb"""<?php
// define( 'DB_NAME', 'an_older_one' );
# define( 'DB_USER', 'an_older_user' );
/* define( 'DB_PASSWORD', 'an-older-password' );
   $table_prefix = 'old_'; */
$shown = "define( 'DB_HOST', 'in a string' );";
$long = <<<'END'
define( 'DB_NAME', 'in a long text' );
END;
define( 'DB_NAME', 'tpl_1' );
DEFINE("DB_USER", "tpl_1");
define( 'DB_PASSWORD', 'template\'s pass)word' );
define ( 'DB_HOST' , '127.0.0.1' );
const AUTH_KEY = 'the template auth key, long enough';
define( 'LOGGED_IN_SALT', 'the template logged in salt (' );
define( 'WP_CACHE_KEY_SALT', 'template.example:' );
define( 'WP_HOME', 'https://template.example' );
define( 'FORCE_SSL_ADMIN', true );
define( 'ACME_LICENSE_KEY', 'ACME-77Q2-XK41' );
define( 'FTP_PASS', 'ftp-pass-1' );
define( 'WP_ALLOW_MULTISITE', true );
define( 'OWN', __DIR__ . '/own' );
$table_prefix = 'xy_';
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
?>
define( 'DB_NAME', 'no PHP any more' );
"""
PRINTING = (
    "ob_start(); $_SERVER['HTTPS'] = 'on'; require $argv[1]; ob_end_clean();"
    "echo json_encode(get_defined_constants(true)['user'] + ['prefix' => $table_prefix, 'shown' => $shown]);"
)


def site_with(tmp_path, source):
    (tmp_path / "wp-config.php").write_bytes(source)
    return tmp_path


def filled(configuration):
    return Renderer(NONCE, VALUES).render(configuration.template(NONCE))


def read_by_php(tmp_path, content):
    path = tmp_path / "filled.php"
    path.write_bytes(content)
    done = subprocess.run(["php", "-r", PRINTING, str(path)], capture_output=True, check=True)
    return json.loads(done.stdout)


def test_php_reads_the_new_sites_values(tmp_path):
    configuration = config.read(site_with(tmp_path, SOURCE))
    read = read_by_php(tmp_path, filled(configuration))
    assert {name: read[name] for name in ("DB_NAME", "DB_USER", "DB_PASSWORD", "DB_HOST")} == {
        "DB_NAME": "alice_site", "DB_USER": "alice", "DB_PASSWORD": VALUES["db.password"], "DB_HOST": "localhost:3307"
    }  # fmt: skip
    assert {name: read[name] for name in config.SALTS} == {name: name[:4] * 16 for name in config.SALTS}
    assert (read["WP_HOME"], read["FORCE_SSL_ADMIN"]) == ("http://new.site.test:8080", False)
    assert (read["ACME_LICENSE_KEY"], read["FTP_PASS"]) == ("", "")
    assert (read["prefix"], read["OWN"]) == ("xy_", f"{tmp_path}/own")
    assert read["shown"] == "define( 'DB_HOST', 'in a string' );"
    assert read["WP_CACHE_KEY_SALT"] == "WP_C" * 16


def test_a_site_in_a_folder_has_its_address_and_its_cookies_there(tmp_path):
    more = b"define('COOKIEPATH', '/'); define('SITECOOKIEPATH', '/old/'); define('ADMIN_COOKIE_PATH', '/wp-admin');"
    configuration = config.read(site_with(tmp_path, SOURCE.replace(b"<?php\n", b"<?php\n" + more, 1)))
    values = {**VALUES, **located(ShopAddress.on_usual_port("new.site.test", "a/b"))}
    read = read_by_php(tmp_path, Renderer(NONCE, values).render(configuration.template(NONCE)))
    assert read["WP_HOME"] == "http://new.site.test/a/b"
    assert [read[name] for name in ("COOKIEPATH", "SITECOOKIEPATH", "ADMIN_COOKIE_PATH")] == [
        "/a/b/", "/a/b/", "/a/b/wp-admin",
    ]  # fmt: skip


def test_the_templates_own_secrets_are_reported_and_none_is_left(tmp_path):
    configuration = config.read(site_with(tmp_path, SOURCE))
    template = configuration.template(NONCE)
    more = {name: held[0].value for name, held in configuration.more_secrets()}
    assert set(more) == {"ACME_LICENSE_KEY", "FTP_PASS"}
    found = configuration.secret_values() | more
    assert set(found) == {
        "DB_PASSWORD", "AUTH_KEY", "LOGGED_IN_SALT", "WP_CACHE_KEY_SALT", "ACME_LICENSE_KEY", "FTP_PASS"
    }  # fmt: skip
    assert found["DB_PASSWORD"] == b"template's pass)word"
    assert not [name for name, value in found.items() if value.replace(b"'", b"\\'") in template]
    assert [secret.length for secret in configuration.secrets()] == [64] * 9


def test_every_site_gets_all_eight_salts_even_where_the_template_had_none(tmp_path):
    source = b"<?php\ndefine('DB_NAME','a');define('DB_USER','b');define('DB_PASSWORD','c');define('DB_HOST','d');"
    configuration = config.read(site_with(tmp_path, source + b"\n$table_prefix='wp_'; $shown = '';\n"))
    read = read_by_php(tmp_path, filled(configuration))
    assert {name: read[name] for name in config.SALTS} == {name: name[:4] * 16 for name in config.SALTS}


def test_a_restored_sites_configuration_becomes_the_same_template_again(tmp_path):
    template = config.read(site_with(tmp_path, SOURCE)).template(NONCE)
    again = config.read(site_with(tmp_path, Renderer(NONCE, VALUES).render(template))).template(NONCE)
    assert again == template


@pytest.mark.parametrize("mark", [b"define( 'MULTISITE', true );", b"define('MULTISITE', getenv('NETWORK'));"])
def test_a_network_of_sites_is_refused(tmp_path, mark):
    source = SOURCE.replace(b"$table_prefix = 'xy_';", b"$table_prefix = 'xy_'; " + mark)
    with pytest.raises(ShoplaunchError) as caught:
        config.read(site_with(tmp_path, source))
    assert caught.value.code == "multisite"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"'tpl_1' );", b"of_a_secret( 'NAME' ) );", "line 10: DB_NAME would have to be run"),
        (b"$table_prefix = 'xy_';", b"$table_prefix = getenv('P') ?: 'x y';", "no prefix of tables"),
        (b"'tpl_1' );", b"getenv( 'NAME' ) ?: [ 'a' ] );", "line 10: DB_NAME would have to be run"),
        (b"$table_prefix = 'xy_';", b"", "does not say $table_prefix"),
        (b"$table_prefix = 'xy_';", b"$table_prefix = 'x y';", "no prefix of tables"),
        (b"const AUTH_KEY", b"define('DB_NAME', 'other'); const AUTH_KEY", "says DB_NAME twice"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_place(tmp_path, old, new, expected):
    with pytest.raises(ShoplaunchError, match=expected.replace("$", r"\$")) as caught:
        config.read(site_with(tmp_path, SOURCE.replace(old, new)))
    assert caught.value.code == "config_unreadable"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (b"getenv('NAME')", ""), (b"getenv_docker('NAME', 'tpl_2')", "tpl_2"), (b"$_ENV['NAME'] ?? 'tpl_2'", "tpl_2"),
        (b"$_SERVER['NAME'] ?: getenv('NAME') ?: 'tpl_2'", "tpl_2"), (b"env( 'NAME' )", ""), (b"env('NAME',)", ""),
    ],
)  # fmt: skip
def test_access_that_the_environment_keeps_is_none_of_the_tree(tmp_path, written, value):
    source = SOURCE.replace(b"'tpl_1' );", written + b" );").replace(b"'template\\'s pass)word'", b"getenv('PASS')")
    configuration = config.read(site_with(tmp_path, source))
    assert configuration.text("DB_NAME") == value and "DB_PASSWORD" not in configuration.secret_values()
    assert b"getenv" not in configuration.template(NONCE) and b"$_E" not in configuration.template(NONCE)
    assert read_by_php(tmp_path, filled(configuration))["DB_NAME"] == "alice_site"


def test_what_stands_in_for_the_environments_secrets_is_searched_and_does_not_travel(tmp_path):
    source = (
        SOURCE.replace(b"'template\\'s pass)word'", b"getenv_docker('PASS', 'stand-in-pass-1')")
        .replace(b"'the template auth key, long enough'", b"'x'; define('SECURE_AUTH_KEY', getenv('K') ?: 'own-key-7')")
        .replace(b"'ftp-pass-1'", b"getenv('FTP') ?: 'ftp-pass-2'")
    )
    configuration = config.read(site_with(tmp_path, source))
    found = configuration.secret_values()
    assert (found["DB_PASSWORD"], found["SECURE_AUTH_KEY"]) == (b"stand-in-pass-1", b"own-key-7")
    assert dict(configuration.more_secrets())["FTP_PASS"][0].value == b"ftp-pass-2"
    template = configuration.template(NONCE)
    assert not [word for word in (b"stand-in-pass-1", b"own-key-7", b"ftp-pass-2", b"'FTP'") if word in template]


def test_a_prefix_of_the_environment_is_its_default_or_the_tables_own(tmp_path):
    said = SOURCE.replace(b"'xy_'", b"getenv_docker('PREFIX', 'de_')")
    assert config.read(site_with(tmp_path, said)).prefix == "de_"
    assert b"$table_prefix = 'de_';" in config.read(site_with(tmp_path, said)).template(NONCE)
    unsaid = config.read(site_with(tmp_path, SOURCE.replace(b"'xy_'", b"getenv('PREFIX')")))
    assert unsaid.prefix == "" and b"$table_prefix = 'wp_';" in unsaid.with_prefix("wp_").template(NONCE)


def test_a_configuration_above_the_folder_is_named(tmp_path):
    (tmp_path / "wp-config.php").write_bytes(SOURCE)
    (tmp_path / "html").mkdir()
    with pytest.raises(ShoplaunchError, match="one folder above"):
        config.read(tmp_path / "html")


SAMPLE = rb"""<?php
/** The name of the database for WordPress */
define( 'DB_NAME', 'database_name_here' );
define( 'DB_USER', 'username_here' );
define( 'DB_PASSWORD', 'password_here' );
define( 'DB_HOST', 'localhost' );
define( 'DB_CHARSET', 'utf8' );
define( 'DB_COLLATE', '' );
""" + b"".join(b"define( '%b', 'put your unique phrase here' );\n" % name.encode() for name in config.SALTS) + rb"""
$table_prefix = 'wp_';
define( 'WP_DEBUG', false );
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
$shown = 'own sample';
"""  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "of_tree"),
    [(SAMPLE, True), (SAMPLE.replace(b"put your unique", b"mettez une"), False), (b"<?php\n", False), (None, False),
     (SAMPLE.replace(b"'password_here'", b"'a-true-password-7'"), False)],
)  # fmt: skip
def test_a_site_without_a_configuration_gets_the_one_its_installer_makes_of_the_sample(tmp_path, sample, of_tree):
    if sample is not None:
        (tmp_path / config.SAMPLE).write_bytes(sample)
    (tmp_path / "wp-settings.php").write_text("<?php $shown = 'settings';")
    assert config.read(tmp_path) is None
    made = config.as_installed(tmp_path, "xy_", b"utf8mb4")
    read = read_by_php(tmp_path, filled(made))
    assert (read["DB_NAME"], read["DB_PASSWORD"], read["DB_HOST"]) == (
        "alice_site",
        VALUES["db.password"],
        "localhost:3307",
    )
    assert {name: read[name] for name in config.SALTS} == {name: name[:4] * 16 for name in config.SALTS}
    assert (read["prefix"], read["DB_CHARSET"], read["WP_DEBUG"]) == ("xy_", "utf8mb4", False)
    assert (read["shown"] == "own sample") == of_tree
    assert not made.secret_values() and not made.text("DB_NAME") and b"true-password" not in made.source


@pytest.mark.parametrize("source", [b"", b"<?php\n", b"<?php\n# written by the deployment\n?>\n"])
def test_an_empty_configuration_is_none(tmp_path, source):
    assert config.read(site_with(tmp_path, source)) is None


def test_a_prefix_that_wordpress_does_not_take_is_refused(tmp_path):
    with pytest.raises(ShoplaunchError, match="is no prefix of tables"):
        config.as_installed(tmp_path, "", b"utf8mb4")


@contextmanager
def served(tmp_path, content):
    """Give a function that asks for a page which reads the configuration first: (status, Location) by its headers."""
    (tmp_path / "site.php").write_bytes(content)
    (tmp_path / "index.php").write_text("<?php ob_start(); require 'site.php'; ob_end_clean(); echo 'goes on';")
    address = f"127.0.0.1:{free_port()}"
    null = subprocess.DEVNULL
    server = subprocess.Popen(["php", "-S", address, "-t", str(tmp_path)], stdin=null, stdout=null, stderr=null)

    def ask(**headers):
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = requests.get(f"http://{address}/?a=1", headers=headers, allow_redirects=False, timeout=60)
                return answer.status_code, answer.headers.get("Location")
            except requests.ConnectionError:
                assert time.monotonic() < deadline, "PHP's own server never answered"
                time.sleep(0.05)

    try:
        yield ask
    finally:
        server.terminate()
        server.wait(60)


def test_https_only_leads_there_once_and_a_closed_site_answers_503(tmp_path):
    plain = filled(config.read(site_with(tmp_path, SOURCE)))
    host = VALUES["domain_ssl"].encode()
    assert plain.count(guard.HTTPS_MARK) == plain.count(guard.OPEN_MARK) == 1
    with served(tmp_path, plain) as ask:
        assert ask() == (200, None)
        (tmp_path / "site.php").write_bytes(plain.replace(guard.HTTPS_MARK, guard.HTTPS_ONLY % host))
        assert ask() == (301, "https://new.site.test:8443/?a=1")
        assert ask(**{"X-Forwarded-Proto": "https"}) == (200, None)
        (tmp_path / "site.php").write_bytes(plain.replace(guard.OPEN_MARK, guard.CLOSED))
        assert ask() == (503, None)
