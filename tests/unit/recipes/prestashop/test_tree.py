"""Which files of a PrestaShop are packed, under which names, with which contents."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from controller.recipes.base import PackOptions
from controller.recipes.prestashop.facts import series_of
from controller.recipes.prestashop.files.tree import TreeRules, find_admin_folder
from controller.recipes.prestashop.recipe import PrestaShop
from controller.recipes.tree import web_root
from shared.errors import ShoplaunchError
from shared.placeholders import token


def rules_of(version, **options):
    """The rules of a shop that is not there to be looked into."""
    return TreeRules(Path("/nowhere"), series_of(version), "admin1a", PackOptions(**options))


RULES = rules_of("8.2.1")


def out(path, is_directory=False, rules=RULES):
    """Return whether a path is left out, itself or by a folder above it."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts))]
    return any(rules.left_out(one.encode(), True) for one in above) or rules.left_out(path.encode(), is_directory)


@pytest.mark.parametrize(
    "path",
    ["install/index.php", "var/cache/prod/appParameters.php", "var/cache/prod/smarty/x", "var/cache/dev/a.php",
     "var/cache/other/x", "var/logs/prod.log", "var/sessions/prod/sess_1", "cache/cachefs/1/query",
     "cache/smarty/compile/ab/x.php", "themes/classic/cache/x.css", "themes/child/assets/cache/theme-1.css",
     "admin1a/backups/1.sql.gz", "admin1a/import/customers.csv", "admin1a/autoupgrade/backup/x.zip",
     "app/config/parameters.php.bak", "app/config/parameters.old.yml", "app/config/parameters.2023.php",
     "config/settings.old.php", "config/settings.inc.php.bak", "config/xml/modules_list.xml", "img/tmp/product_1.jpg",
     "dump.sql", "site.tar.gz", "backup.zip", "error_log", "modules/x/error_log", ".user.ini", "php.ini", "cgi-bin/x",
     ".env", ".env.local", ".env.prod.local", "cache/class_index.php", "app/config/old_parameters.php",
     "config/settings_old.inc.php", "config/settings.inc - Copy.php",
     ".well-known/acme-challenge/x", ".git/config", "upload/0123456789abcdef0123456789abcdef",
     "upload/6755cbe4f261ee.txt", "upload/6755cbe4f261ejpeg", "upload/6755cbe4f261e5.pdf", "upload/6755cbe4f261e.doc"],
)  # fmt: skip
def test_caches_logs_copies_and_the_panels_own_stay_out(path):
    assert out(path)


@pytest.mark.parametrize(
    "path",
    ["index.php", ".htaccess", "robots.txt", "app/config/parameters.php", "app/config/parameters.yml.dist",
     "config/settings.inc.php", "var/cache/CACHEDIR.TAG", "var/.htaccess", "cache/index.php", "cache/smarty/index.php",
     "cache/cachefs/index.php", "cache/smarty/compile/index.php", "img/tmp/index.php", "admin1a/backups/index.php",
     "admin1a/autoupgrade/index.php", "img/p/1/1.jpg", "themes/classic/assets/css/theme.css", "upload/index.php",
     "upload/catalogue.pdf", "upload/6755cbe4f261e-catalogue.pdf", "upload/facade.png",
     "modules/installer/x.php", "config/xml/themes/x.xml", "download/index.php", "vendor/a/error_log.php",
     "modules/x/data.sql", "translations/sf-en-US.zip", "cache/class_index.php.txt",
     "app/config/set_parameters.php", "config/defines.inc.php"],
)  # fmt: skip
def test_the_shop_itself_and_the_guards_of_emptied_folders_stay(path):
    assert not out(path)


@pytest.mark.parametrize(
    "path",
    ["var/cache", "var/cache/prod", "var/cache/dev", "var/logs", "var/sessions", "cache/cachefs",
     "cache/smarty/compile", "admin1a/import", "themes/classic/assets/cache", "img/tmp"],
)  # fmt: skip
def test_emptied_folders_are_there_empty(path):
    assert not out(path, is_directory=True)


def test_the_environment_stays_in_the_series_that_begins_with_it():
    rules = rules_of("9.0.0")
    assert not out(".env", rules=rules) and not out(".env.dist", rules=rules)
    assert out(".env.local", rules=rules)


def test_uploads_of_customers_stay_with_the_customers():
    kept = rules_of("8.2.1", keep_customers=True)
    assert not out("upload/0123456789abcdef0123456789abcdef", rules=kept)


def test_the_first_1_7_releases_keep_their_caches_elsewhere():
    early = rules_of("1.7.2.4")
    assert out("app/cache/prod/x.php", rules=early)
    assert out("app/logs/prod.log", rules=early)
    assert not out("app/cache/prod", is_directory=True, rules=early)


def test_the_back_office_is_a_placeholder_in_names_and_in_robots(sample):
    with sample.source() as source:
        template = PrestaShop().inspect(sample.root, source, PackOptions())
    filled = token(template.nonce, "admin_folder")
    assert template.path(b"admin742sample/index.php") == filled + b"/index.php"
    assert template.path(b"../../admin742sample/x") == b"../../" + filled + b"/x"
    assert template.path(b"modules/admin742sample/x") == b"modules/admin742sample/x"
    assert template.file(b"robots.txt", b"Disallow: /admin742sample/\n") == b"Disallow: %b%b/\n" % (
        token(template.nonce, "base_uri"), filled
    )  # fmt: skip
    assert template.file(b"modules/x.php", b"admin742sample") is None


def test_leftover_settings_of_an_upgrade_are_replaced_whole(sample):
    with sample.source() as source:
        template = PrestaShop().inspect(sample.root, source, PackOptions())
    old = b"<?php define('_DB_PASSWD_', 'old-secret');"
    assert b"old-secret" not in template.file(b"config/settings.inc.php", old)
    assert template.file(b"config/settings.inc.php", b"<?php\n//@deprecated 1.7") is None
    assert template.file(b"app/config/parameters.yml", b"parameters:\n  database_password: x\n") == b"parameters:\n"


@pytest.mark.parametrize(
    ("written", "is_filled"),
    [
        ("~", False), ("null", False), ("''", False), ("", False), ("# later", False), ("bluebird7", True),
        ("'x'", True), ("~bird", True), ("null-bird", True), ("~ # none", False), ("null  ", False),
    ],
)  # fmt: skip
def test_a_sample_of_the_configuration_stays_out_once_somebody_filled_it_in(tmp_path, written, is_filled):
    path = tmp_path / "app" / "config" / "parameters.yml.dist"
    path.parent.mkdir(parents=True)
    path.write_text(f"parameters:\n    database_user: root\n    database_password: {written}\n    secret: none\n")
    rules = TreeRules(tmp_path, series_of("1.7.8.3"), "admin1a", PackOptions())
    reason = rules.left_out(b"app/config/parameters.yml.dist", False)
    assert reason == (web_root.OLD_CONFIGURATION if is_filled else None)


def back_office(root, *names):
    """Make folders that are back offices."""
    for name in names:
        (root / name / "filemanager").mkdir(parents=True)
        (root / name / "index.php").write_text("<?php")
        (root / name / "get-file-admin.php").write_text("<?php")


@pytest.mark.parametrize("name", ["admin_old", "old-office", "admin.bak", "backup_panel", "install-me"])
def test_the_back_office_is_packed_whatever_it_is_called(tmp_path, name):
    back_office(tmp_path, name)
    assert find_admin_folder(tmp_path, PackOptions()) == name
    rules = TreeRules(tmp_path, series_of("8.2.1"), name, PackOptions())
    assert not rules.left_out(name.encode(), True) and not rules.left_out(f"{name}/index.php".encode(), False)


def test_of_several_back_offices_the_one_counts_that_is_packed(tmp_path):
    back_office(tmp_path, "admin1a", "admin1a_old", "admin2.bak")
    assert find_admin_folder(tmp_path, PackOptions()) == "admin1a"
    back_office(tmp_path, "admin3")
    with pytest.raises(ShoplaunchError) as caught:
        find_admin_folder(tmp_path, PackOptions())
    assert caught.value.code == "admin_folder_unknown" and "admin1a, admin3" in caught.value.message
    assert find_admin_folder(tmp_path, PackOptions(leave_out=("admin3",))) == "admin1a"


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["admin", "admin-dev"], "admin"), (["admin", "backoffice7x"], "backoffice7x"),
        (["admin-dev", "office"], "office"), (["admin-dev"], "admin-dev"), (["admin", "admin-dev", "zz"], "zz"),
    ],
)  # fmt: skip
def test_a_back_office_that_got_a_name_goes_before_those_of_archive_and_repository(tmp_path, names, chosen):
    back_office(tmp_path, *names)
    assert find_admin_folder(tmp_path, PackOptions()) == chosen
    rules = TreeRules(tmp_path, series_of("8.2.1"), chosen, PackOptions())
    others = {name: rules.left_out(name.encode(), True) for name in names if name != chosen}
    assert others == dict.fromkeys(others, web_root.OTHER_OFFICES) and not rules.left_out(chosen.encode(), True)


def test_a_folder_that_may_not_be_looked_into_is_judged_by_its_name():
    # The tests' own folders are closed to others
    root = Path(tempfile.mkdtemp())
    (root / ".ssh").mkdir(mode=0o700)
    (root / ".ssh" / "index.php").touch()
    (root / ".ssh").chmod(0 if os.geteuid() else 0o700)
    root.chmod(0o755)
    rules = TreeRules(root, series_of("8.2.1"), "admin1a", PackOptions())
    user = os.geteuid()
    try:
        os.seteuid(user or 65534)
        assert rules.left_out(b".ssh", True) == web_root.KEYS
    finally:
        os.seteuid(user)
        (root / ".ssh").chmod(0o700)
        shutil.rmtree(root)


@pytest.mark.parametrize(("writes", "made"), [(True, [b"img/l/index.php", b"img/tmp/index.php"]), (False, [])])
def test_folders_the_back_office_writes_pictures_into_are_made_where_the_tree_lost_them(tmp_path, writes, made):
    for folder in ("c", "cms", "genders", "m", "os", "p", "s", "st", "su"):
        (tmp_path / "img" / folder).mkdir(parents=True)
    if writes:
        (tmp_path / "classes").mkdir()
        (tmp_path / "classes/ImageManager.php").touch()
    assert sorted(TreeRules(tmp_path, series_of("8.2.1"), "admin1a", PackOptions()).guards) == made
