"""A WordPress from a developer's machine becomes a living site, and each change is reported."""

import time

import pytest

from controller.recipes.php.definitions import definitions
from controller.recipes.php.shown_errors import without_shown_errors
from controller.recipes.wordpress import living
from controller.recipes.wordpress.database import options
from tests.unit.bundles.rewrite.helpers import serialize

NONCE = "1a2b3c4d"


def plugins(*names):
    return serialize(dict(enumerate(name.encode() for name in names)))


def constant(source):
    """Return the new value of what a line defines, None where it stays."""
    (found,) = definitions(b"<?php\n" + source, "wp-config.php")
    return living.constant(found)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        (b"define('WP_DEBUG', true);", b"false"), (b"define( 'WP_DEBUG', false );", None),
        (b"define('WP_DEBUG', 0);", None),
        (b"define('WP_DEBUG', (bool) getenv('X'));", b"false"), (b"define('WP_DEBUG_LOG', '/tmp/x.log');", b"false"),
        (b"const SCRIPT_DEBUG = true;", b"false"), (b"define('SAVEQUERIES', 1);", b"false"),
        (b"define('WP_ENVIRONMENT_TYPE', 'local');", b"'production'"),
        (b"define('WP_ENVIRONMENT_TYPE', 'production');", None),
        (b"define('WP_DEVELOPMENT_MODE', 'theme');", b"''"), (b"define('DISABLE_WP_CRON', true);", b"false"),
        (b"define('WP_HTTP_BLOCK_EXTERNAL', true);", b"false"), (b"define('WP_PROXY_HOST', '10.0.0.1');", b"''"),
        (b"define('WP_ALLOW_REPAIR', true);", b"false"), (b"define('WP_CACHE', true);", None),
        (b"define('DISALLOW_FILE_EDIT', true);", None), (b"define('WP_MEMORY_LIMIT', '256M');", None),
    ],
)  # fmt: skip
def test_constants_are_those_of_a_living_site(source, value):
    assert constant(source) == value


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"@ini_set('display_errors', 1);", b"@ini_set('display_errors', 0);"),
        (b'ini_set( "display_errors" , "On" );', b'ini_set( "display_errors" , 0);'),
        (b"ini_set('display_errors', 0);", b"ini_set('display_errors', 0);"),
        (b"ini_set('memory_limit', '1G');", b"ini_set('memory_limit', '1G');"),
    ],
)
def test_pages_show_no_errors(before, after):
    assert without_shown_errors(before) == after


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("woocommerce_coming_soon", b"yes", b"no"), ("woocommerce_coming_soon", b"no", b"no"),
        ("woocommerce_demo_store", b"yes", b"no"), ("elementor_maintenance_mode_mode", b"coming_soon", b""),
        ("blog_public", b"0", b"1"),
        ("seedprod_settings", b'{"enable_maintenance_mode":1,"x":true}', b'{"enable_maintenance_mode":false,"x":true}'),
    ],
)  # fmt: skip
def test_a_shop_that_is_coming_soon_is_open(name, before, after):
    assert options.template_of(name, before, NONCE) == after


def test_plug_ins_that_close_the_site_catch_its_mail_or_force_https_are_switched_off():
    value = plugins(
        "akismet/akismet.php", "wp-maintenance-mode/wp-maintenance-mode.php", "wp-mail-smtp/wp_mail_smtp.php",
        "really-simple-ssl/rlrsssl-really-simple-ssl.php", "woocommerce/woocommerce.php",
    )  # fmt: skip
    wanted = plugins("akismet/akismet.php", "woocommerce/woocommerce.php")
    assert options.template_of("active_plugins", value, NONCE) == wanted
    assert options.template_of("active_plugins", wanted, NONCE) is wanted


def test_each_change_is_reported_with_its_place():
    source = b"<?php\ndefine('WP_DEBUG', true);\ndefine('WP_CACHE', true);\n@ini_set('display_errors', 1);\n"
    known = {"woocommerce_coming_soon": b"yes", "blog_public": b"1", "active_plugins": plugins("maintenance/m.php")}
    reported = dict(living.adjustments(source, list(definitions(source, "wp-config.php")), known))
    assert set(reported) == {
        "wp-config.php WP_DEBUG", "wp-config.php ini_set", "option woocommerce_coming_soon", "plug-in maintenance"
    }  # fmt: skip
    assert dict(living.adjustments(b"<?php\n", [], {})) == {}


def test_the_sites_new_owner_signs_in_at_wordpress_own_form():
    value = plugins("wps-hide-login/wps-hide-login.php", "woocommerce/woocommerce.php")
    assert options.template_of("active_plugins", value, NONCE) == plugins("woocommerce/woocommerce.php")


@pytest.mark.parametrize(
    ("name", "key", "before", "after"),
    [
        ("aio_wp_security_configs", b"aiowps_enable_rename_login_page", b"1", b""),
        ("perfmatters_options", b"login_url", b"my-door", b""),
        ("cerber-main", b"loginpath", b"my-door", b""),
        (
            "itsec-storage", b"hide-backend",
            {b"enabled": True, b"slug": b"my-door"}, {b"enabled": False, b"slug": b"my-door"},
        ),
    ],
)  # fmt: skip
def test_a_form_for_signing_in_that_a_security_plug_in_moved_is_back_and_all_else_stays(name, key, before, after):
    value, wanted = (serialize({b"a": b"1", key: one, b"z": b"my-door"}) for one in (before, after))
    assert options.template_of(name, value, NONCE) == wanted
    assert options.template_of(name, wanted, NONCE) is wanted
    assert [place for place, _ in living.adjustments(b"", [], {name: value})] == [f"option {name}"]
    assert list(living.adjustments(b"", [], {name: wanted})) == []


def test_a_form_for_signing_in_that_secupress_moved_is_back():
    name = "secupress_active_submodule_move-login"
    assert options.template_of(name, b"users-login", NONCE) == b""
    assert dict(living.adjustments(b"", [], {name: b"users-login"})).keys() == {f"option {name}"}


def test_what_else_such_a_plug_in_knows_is_still_taken_out():
    value, wanted = (
        serialize({b"loginpath": one, b"api_key": key}) for one, key in ((b"my-door", b"0f1e2d3c4b5a"), (b"", b""))
    )
    assert options.template_of("cerber-main", value, NONCE) == wanted


def test_the_first_sign_in_does_not_ask_to_confirm_the_new_mail_address():
    assert int(options.template_of("admin_email_lifespan", b"1577836800", NONCE)) > time.time() + 365 * 86400
