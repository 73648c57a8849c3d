"""A PrestaShop from a developer's machine becomes a living shop, and each change is reported."""

from pathlib import Path

import pytest

from controller.bundles.source.tree.walk import Tree
from controller.recipes.base import PackOptions
from controller.recipes.prestashop import living
from controller.recipes.prestashop.database import settings
from controller.recipes.prestashop.files.config import Configuration
from controller.recipes.prestashop.files.defines import Defines
from controller.recipes.prestashop.recipe import PrestaShop

NONCE = "1a2b3c4d"
DEFINES = b"config/defines.inc.php"


@pytest.mark.parametrize("written", [b"true", b"TRUE", b"1", b"(bool) getenv('PS_DEV_MODE')", b"$_SERVER['A'] == '1'"])
def test_debug_mode_is_off_however_it_was_written(written):
    source = b"<?php\nif (!defined('_PS_MODE_DEV_')) {\ndefine('_PS_MODE_DEV_', %b);\n}\ndefine('X', true);\n"
    assert living.file(DEFINES, source % written) == source % b"false"


def test_profiling_warnings_and_demonstration_are_off_in_either_file():
    names = (b"_PS_DEBUG_PROFILING_", b"_PS_DISPLAY_COMPATIBILITY_WARNING_", b"_PS_MODE_DEMO_")
    source = b"<?php\n" + b"".join(b"define('%b', true);\n" % name for name in names)
    assert living.file(b"config/defines_custom.inc.php", source) == source.replace(b"true", b"false")
    assert living.file(b"modules/x/defines.inc.php", source) is None


def test_what_depends_on_debug_mode_and_what_is_off_stays():
    source = (
        b"<?php\n// define('_PS_MODE_DEV_', true);\ndefine('_PS_MODE_DEV_', false);\n"
        b"if (_PS_MODE_DEV_ === true) {\n    define('_PS_DEBUG_SQL_', true);\n}\n"
    )
    assert living.file(DEFINES, source) is None


@pytest.mark.parametrize("path", [DEFINES, b"config/config.inc.php", b"index.php"])
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"define('_PS_DEBUG_SQL_', true);", b"define('_PS_DEBUG_SQL_', false);"),
        (b"@ini_set('display_errors', 'on');", b"@ini_set('display_errors', 0);"),
        (b"ini_set (\"display_errors\", 1);", b"ini_set (\"display_errors\", 0);"),
        (b"if (_PS_MODE_DEV_) {\n} else {\n@ini_set('display_errors', 'on'); define('_PS_DEBUG_SQL_', true);\n}",
         b"if (_PS_MODE_DEV_) {\n} else {\n@ini_set('display_errors', 0); define('_PS_DEBUG_SQL_', false);\n}"),
    ],
)  # fmt: skip
def test_errors_and_queries_are_not_shown_but_in_debug_mode(path, written, meant):
    for_debugging = (
        b"<?php\nif (_PS_MODE_DEV_ === true) {\nif (X === false) {\n$y = 1;\n}\n"
        b"@ini_set('display_errors', 'on');define('_PS_DEBUG_SQL_', true);\n}\n"
    )
    off = b"@ini_set('display_errors', 'off'); define('_PS_DEBUG_SQL_', false);\n"
    assert living.file(path, for_debugging + off) is None
    assert living.file(path, for_debugging + off + written) == for_debugging + off + meant


def test_what_settings_of_1_6_switch_on_is_off_and_reported():
    values = {"_PS_MODE_DEV_": True, "_PS_DEBUG_PROFILING_": b"1", "_PS_MODE_DEMO_": False, "_DB_NAME_": b"n"}
    written = Defines(values).template(NONCE)
    assert b"define('_PS_MODE_DEV_', false)" in written and b"define('_PS_DEBUG_PROFILING_', false)" in written
    assert [where for where, _ in living.adjustments(Path("/nonexistent"), {}, values)] == [
        "_PS_MODE_DEV_", "_PS_DEBUG_PROFILING_",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("PS_SMARTY_FORCE_COMPILE", b"2", b"0"), ("PS_SMARTY_FORCE_COMPILE", b"1", b"1"),
        ("PS_SMARTY_CACHE", b"0", b"1"),
        ("PS_SMARTY_CACHE", None, b"1"), ("PS_SMARTY_CONSOLE", b"2", b"0"), ("PS_MAIL_METHOD", b"3", b"1"),
        ("PS_MAIL_METHOD", b"2", b"1"), ("PS_SHOP_ENABLE", b"0", b"1"), ("PS_CSS_THEME_CACHE", b"0", b"0"),
        ("PS_DISABLE_OVERRIDES", b"1", b"1"), ("PS_DISABLE_NON_NATIVE_MODULE", b"1", b"1"),
        ("PS_SMARTY_CLEAR_CACHE", b"everytime", b"everytime"),
    ],
)  # fmt: skip
def test_settings_are_those_of_a_living_shop_and_the_owners_stay(name, before, after):
    assert settings.template_of(name, before, NONCE) == after


def test_parameters_name_no_cache_server_and_no_catcher_of_mails():
    values = {
        "database_host": b"h", "ps_cache_enable": True, "ps_caching": b"CacheMemcached",
        "mailer_host": b"mailhog",
    }  # fmt: skip
    written = Configuration(values).template(NONCE)
    assert b"'ps_cache_enable' => false" in written
    assert b"mailhog" not in written


def test_the_environment_keeps_what_a_release_has_and_nothing_else():
    content = (
        b"# Feature flags\nPS_FF_FRONT_CONTAINER_V2=false\nPS_TRUSTED_PROXIES=127.0.0.1,REMOTE_ADDR\n\n"
        b"APP_ENV=dev\nAPP_DEBUG=1\nDB_PASSWD=pr3sta-shop\nexport ADMIN_MAIL=a@b.example\n  continued\n"
    )
    assert living.file(b".env", content) == (
        b"# Feature flags\nPS_FF_FRONT_CONTAINER_V2=false\nPS_TRUSTED_PROXIES=\n\nAPP_ENV=prod\nAPP_DEBUG=0\n"
    )
    assert living.file(b".env", b"PS_FF_X=true\nPS_TRUSTED_PROXIES=\n") is None


def test_each_change_is_reported_with_its_place_and_no_value(own_sample):
    root = own_sample.root
    defines = root / "config" / "defines.inc.php"
    defines.write_text("<?php\ndefine('_PS_MODE_DEV_', true);\n")
    (root / ".env").write_text("MAILER_PASSWORD=hidden-word\n")
    (root / ".htaccess").write_text("SetEnv APP_ENV dev\n")
    for name, value in (("PS_SMARTY_FORCE_COMPILE", "2"), ("PS_MAIL_METHOD", "3"), ("PS_SMARTY_CACHE", "1")):
        own_sample.query("DELETE FROM ps_configuration WHERE name = %s", name)
        own_sample.query("INSERT INTO ps_configuration (name, value, date_add, date_upd) VALUES (%s, %s, NOW(), NOW())",
                         name, value)  # fmt: skip
    with own_sample.source() as source:
        template = PrestaShop().inspect(root, source, PackOptions())
    reported = dict(template.adjustments())
    assert reported["setting PS_MAIL_METHOD"].startswith("mail is sent")
    assert {"config/defines.inc.php _PS_MODE_DEV_", "setting PS_SMARTY_FORCE_COMPILE", ".env"} <= set(reported)
    assert "setting PS_SMARTY_CACHE" not in reported
    assert "hidden-word" not in str(reported) and "MAILER_PASSWORD" in reported[".env"]
    assert b"APP_ENV" not in template.file(b".htaccess", (root / ".htaccess").read_bytes())
    assert template.file(DEFINES, defines.read_bytes()) == b"<?php\ndefine('_PS_MODE_DEV_', false);\n"
    assert any(entry.path == DEFINES for entry in Tree(root).entries(template.left_out))
