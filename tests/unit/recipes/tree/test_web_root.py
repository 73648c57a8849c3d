"""What does not belong into a web root, whatever the application: rule by rule, and both ways to overrule."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from controller.recipes.base import PackOptions
from controller.recipes.tree import web_root
from controller.recipes.tree.web_root import WebRoot
from controller.recipes.tree.web_root_content import Content

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"
DUMP = "-- MySQL dump 10.13\n" + "".join(
    f"CREATE TABLE `shop_{table}` (`id` int);\n" for table in ("configuration", "employee", "customer")
)
#: How a module makes and fills tables of its own.
MODULES_SQL = (
    "-- phpMyAdmin SQL Dump\nCREATE TABLE `ps_reviews_customer` (`id` int);\n"
    "INSERT INTO `ps_reviews_customer` VALUES (1);\n"
)
#: Paths by the reason for which they stay out; a slash at the end makes a folder.
LEFT_OUT = {
    web_root.VERSIONS: [
        ".git/", "modules/mine/.git/", "vendor/a/b/.git/", ".github/", ".gitlab-ci.yml", "modules/x/.gitignore",
    ],
    web_root.DEVELOPMENT: [
        ".vscode/", "themes/x/.idea/", "nbproject/", "shop.code-workspace", "docker-compose.override.yml",
        "Dockerfile", "docker/", "Makefile", ".php-cs-fixer.dist.php", "modules/x/phpunit.xml.dist", "composer.phar",
        "phpstan.neon.dist", "testing/checkout.side", "load.jmx", "api.postman_collection.json", "cypress.config.js",
        "modules/x/.project", "modules/x/.settings/", ".buildpath", "themes/x/.sass-cache/",
    ],
    web_root.KEYS: [
        ".htpasswd", "admin/.htpasswd", "id_rsa", ".npmrc", "sftp-config.json", ".sftp.json", ".composer/",
        "modules/x/gha-creds-0123456789abcdef.json",
    ],
    web_root.ENVIRONMENT: [
        ".env", ".env.local", ".env.prod", "modules/x/.env.local", "app/.env.dev.local",
    ],
    web_root.LEFTOVERS: [
        ".DS_Store", "img/Thumbs.db", "vendor/a/.DS_Store", "__MACOSX/", "modules/Desktop.ini", "js/._a.js",
        ".bash_history", "js/.nfs0000000000c1", "img/.fuse_hidden0001", ".~lock.prices.ods#", "docs/~$prices.docx",
        "core.2817",
    ],
    web_root.OLD_COPIES: [
        "index.php.bak", "themes/x/header.tpl.old", "modules/x/x.php~", "classes/.Product.php.swp",
        "index.php.20230101", "css/style - Copy.css", ".htaccess.save", ".htaccess-2108-duplicator", "backup/",
        "shop_backup/", "themes/mine.old/", "modules_old/", "old-site/", ".index.php.swn", "classes/.#Product.php",
        "classes/Product.php.rej",
    ],
    web_root.INSTALLERS: [
        "install/", "_install/", "install_old/", "install-dev/", "INSTALL.bak/", "installation/",
        "installer-backup.php", "dup-installer-bootlog__1a2b-3.txt", "installer-log.txt", "Install_PrestaShop.html",
    ],
    web_root.DOORS: [
        "adminer.php", "adminer-4.8.1.php", "phpMyAdmin-5.2/", "Search-Replace-DB-master/",
    ],
    web_root.LOGS: [
        "error_log", "modules/x/error_log", "debug.log", "modules/x/logs/2023.log", "php_errorlog", "nohup.out",
    ],
    web_root.SERVER: [
        "cgi-bin/", ".user.ini", ".well-known/",
    ],
    web_root.PROOFS: [
        "google0123456789abcdef.html",
    ],
    web_root.DUMPS: [
        "shop.sql", "img/shop.SQL.gz", "bck_shop.sql.20190102170000", "shop.sql-2019.01.02.gz",
        "shop-2023.tar.gz", "site.zip", "old.bundle", "kopia/Backup_DB.sql",
        "files/backup-2023.7z", "img/shop.sql.gz.001", "img/shop.sql.part1", "shop.sql.gz.aa", "img/db.sql.lz4",
        "shop.sql.gz.gpg", "site.tar.lz4", "site.tzst", "site.zipx", "backup.zip.001", "backup.z01", "akeeba.j01",
        "backup.tar.gz.part-aa", "img/backup.tar.gz.aa", "img/site.jps", "files/dump.gz",
    ],
}  # fmt: skip


def zipped(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return packed.getvalue()


def tarred(*names):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return packed.getvalue()


@pytest.fixture
def left_out(tmp_path):
    """A function: is this path, made with `content`, left out, and why? A path with a slash at its end is a folder."""

    def judge(path, content=b"", needed=(), also=(), **options):
        place = tmp_path / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
        for name, text in dict(also).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        rules = WebRoot(tmp_path, PackOptions(**options), [one.encode() for one in needed])
        parts = path.strip("/").split("/")
        for count in range(1, len(parts)):
            reason = rules.left_out("/".join(parts[:count]).encode(), True)
            if reason:
                return reason
        return rules.left_out(path.strip("/").encode(), path.endswith("/"))

    return judge


@pytest.mark.parametrize(("reason", "path"), [(reason, path) for reason, paths in LEFT_OUT.items() for path in paths])
def test_a_file_left_out_by_its_name_is_listed_with_its_reason(left_out, reason, path):
    assert left_out(path) == reason


@pytest.mark.parametrize(
    "path",
    [
        "index.php", ".htaccess", "upload/", "cache/", "download/0123456789abcdef0123456789abcdef01234567",
        "translations/en.gzip", "translations/sf-en-US.zip", "themes/warehouse.zip", "modules/x/demo/data.zip",
        "modules/x/.env", "modules/x/sql/install.sql", "modules/x/install.sql", "modules/backup/", "modules/x/backup/",
        "wp-content/plugins/adminer/adminer.php", "wp-content/uploads/2026/11/prices.zip", "INSTALL.txt",
        "installments/",
        "vendor/a/b/.travis.yml", "vendor/a/b/ChangeLog.BAK", "vendor/a/b/Tests/", "tools/tcpdf/tcpdf.p12",
        "modules/installer/", "admin/themes/default/template/controllers/backup/", "classes/log/Log.php", "google.html",
        "modules/x/Dockerfile.php.tpl", "js/jquery-1.11.0.min.js", "img/logo.old.png", "composer.json", "package.json",
        "cacert.pem", "docs/manual.zip", "Copyright.txt", "src/Core/Backup/", "manifest.webmanifest",
        "vendor/error_log.php", "banner.swf", "core/", "modules/core.2/", "img/dump.sql.png", "img/cms/backup.zip.jpg",
        "modules/cvs/", "docs/a.z1", "wp-content/uploads/edd/tables.sql", "old-site.html", "classes/core.php", "a.gz",
        "modules/x/auth.json", "modules/x/data.gz",
    ],
)  # fmt: skip
def test_what_a_shop_lives_of_is_packed(left_out, path):
    assert left_out(path) is None


def test_a_key_is_one_by_what_it_begins_with(left_out):
    assert left_out("server.key", KEY) == web_root.KEYS
    assert left_out("modules/pay/private.pem", KEY) == web_root.KEYS
    assert left_out("modules/pay/cacert.pem", "-----BEGIN CERTIFICATE-----\n") is None
    assert left_out("vendor/a/b/test.key", KEY) is None


@pytest.mark.parametrize("path", ["classes/old.sql", "modules/x/all.sql", "modules/x/all.sql.gz"])
def test_among_code_a_dump_is_one_by_the_tables_it_holds(left_out, path):
    packed = gzip.compress if path.endswith("gz") else bytes
    assert left_out(path, packed(DUMP.encode())) == web_root.DUMPS
    assert left_out(path, packed(MODULES_SQL.encode())) is None
    assert left_out(path, packed(DUMP.replace("shop_", "PREFIX_").encode())) is None


@pytest.mark.parametrize(
    "path", ["img/cms/a/b/notes", "upload/prices.txt", "all.bin", "files/1.dat", "img/x.gz", "db.php_"]
)
def test_elsewhere_a_dump_is_one_whatever_it_is_called(left_out, path):
    packed = gzip.compress if path.endswith("gz") else bytes
    assert left_out(path, packed(DUMP.encode())) == web_root.DUMPS
    assert left_out(path, packed(b"-- MySQL dump 10.13\nCREATE TABLE `ps_a` (`id` int);\n")) is None
    assert left_out(path, packed(b"Prices of " + DUMP.encode()[20:])) is None


def test_goods_are_dumps_only_by_what_they_hold(left_out):
    assert left_out("wp-content/uploads/edd/shop.sql", DUMP) == web_root.DUMPS
    assert left_out("wp-content/uploads/woocommerce_uploads/2026/course.sql", MODULES_SQL) is None


def test_a_name_says_of_an_archive_only_what_its_members_do_not(left_out):
    media = "wp-content/uploads/2026/01"
    assert left_out(f"{media}/on-site-guide.zip", zipped("guide.pdf")) is None
    assert left_out(f"{media}/db-9-plug.zip", zipped("plug.step")) is None
    assert left_out(f"{media}/backup-of-a-hamster.zip", zipped("hamster.jpg")) is None
    assert left_out(f"{media}/www.zip", b"PK\x03\x04 cut") == web_root.DUMPS
    assert left_out("img/cms/backup.zip", zipped("a.jpg")) == web_root.DUMPS


def test_a_file_of_composer_passwords_is_recognised_by_its_content(left_out):
    keys = '{"http-basic": {"repo.example": {"username": "a", "password": "b"}}}'
    assert left_out("modules/x/auth.json", keys) == web_root.KEYS
    assert left_out("app/auth.json", '{"github-oauth": {"github.com": "t"}}') == web_root.KEYS
    assert left_out("modules/y/auth.json", '{"type": "service_account"}') is None


def test_a_tool_that_opens_the_database_is_one_whatever_it_is_called(left_out):
    adminer = "<?php\n/** Adminer - Compact database management\n* @link https://www.adminer.org/\n*/"
    assert left_out("q.php", adminer) == web_root.DOORS
    assert left_out("img/cms/q.php", adminer) == web_root.DOORS
    assert left_out("files.php", "<?php\n//Default Configuration\n// Tiny File Manager") == web_root.DOORS
    assert left_out("wp-content/plugins/adminer/inc/adminer/a.php", adminer) is None


def test_an_archive_is_a_copy_by_what_it_holds(left_out):
    assert left_out("img/a.zip", zipped("all.sql")) == web_root.DUMPS
    assert left_out("wp-content/uploads/2023/a.tgz", tarred("./site/wp-config.php")) == web_root.DUMPS
    assert left_out("modules/x/a.zip", zipped("shop/config/settings.inc.php")) == web_root.DUMPS
    assert left_out("modules/x/a.zip", zipped("demo.sql", "img/a.jpg")) is None
    assert left_out("wp-content/uploads/woocommerce_uploads/script.zip", zipped("install.sql")) is None
    assert left_out("files/a.zip", b"PK\x03\x04 cut") is None


def test_an_installer_is_one_by_what_it_holds_whatever_it_is_called(left_out):
    assert left_out("neu/", also={"neu/install_version.php": "<?php"}) == web_root.INSTALLERS
    assert left_out("setup/", also={"setup/readme.txt": "x"}) is None


def test_a_release_that_was_unpacked_and_never_installed_stays_out_wherever_it_lies(left_out):
    release = {"install/install_version.php": "<?php", "classes/Shop.php": "<?php", "index.php": "<?php"}
    assert left_out("spare/", also={f"spare/{name}": text for name, text in release.items()}) == web_root.INSTALLERS
    deeper = {f"files/spare/{name}": text for name, text in release.items()}
    assert left_out("files/spare/install/", also=deeper) == web_root.INSTALLERS
    assert left_out("files/other/install/", also={"files/other/install/readme.txt": "x"}) is None
    assert left_out("modules/mine/install/", also={"modules/mine/install/install_version.php": "<?php"}) is None


def test_a_page_that_only_shows_php_is_a_door(left_out):
    assert left_out("i.php", "<?php\n// for the host\nphpinfo();\n") == web_root.DOORS
    assert left_out("check.php", "<?php if ($allowed) { $a = 1; $b = 2; $c = 3; $d = 4; phpinfo(); }") is None
    assert left_out("img/i.php", "<?php phpinfo();") == web_root.DOORS
    assert left_out("modules/x/i.php", "<?php phpinfo();") is None


def test_a_site_of_its_own_below_the_root_stays_out(left_out):
    assert left_out("blog/", also={"blog/wp-includes/version.php": "<?php"}) == web_root.OTHER_SITE
    assert left_out("la/", also={"la/config/settings.inc.php": "", "la/classes/x": ""}) == web_root.OTHER_SITE
    assert left_out("config/", also={"config/settings.inc.php": ""}) is None
    erp = {"erp/htdocs/conf/conf.php": "<?php", "erp/htdocs/main.inc.php": "<?php"}
    assert left_out("erp/", also=erp) == web_root.OTHER_SITE
    assert left_out("panel/", also={"panel/artisan": "", "panel/bootstrap/app.php": ""}) == web_root.OTHER_SITE
    assert left_out("wiki/", also={"wiki/LocalSettings.php": "", "wiki/includes/x.php": ""}) == web_root.OTHER_SITE


def test_tests_stay_where_code_of_their_module_names_them(left_out):
    assert left_out("modules/a/tests/", also={"modules/a/a.php": "<?php class A {}"}) == web_root.TESTS
    assert left_out("modules/b/tests/", also={"modules/b/b.php": "<?php require __DIR__ . '/tests/x.php';"}) is None
    loaded = {"modules/c/vendor/composer/autoload_files.php": "$baseDir . '/tests/functions.php'"}
    assert left_out("modules/c/tests/", also=loaded) is None
    only_if_asked = {"modules/d/vendor/composer/autoload_classmap.php": "$baseDir . '/tests/T.php'"}
    assert left_out("modules/d/tests/", also=only_if_asked) == web_root.TESTS
    assert left_out("tests/", also={"config/config.inc.php": "<?php"}) == web_root.TESTS
    assert left_out("src/App/Tests/") is None


def test_node_modules_stay_where_a_page_is_served_from_them(left_out):
    assert left_out("themes/a/node_modules/", also={"themes/a/js/app.js": "'./node_modules/x'"}) == web_root.MODULES
    assert left_out("themes/b/node_modules/", also={"themes/b/head.tpl": "<script src=node_modules/x.js>"}) is None
    assert left_out("themes/c/_dev/node_modules/", also={"themes/c/_dev/webpack.config.js": ""}) == web_root.MODULES


def test_what_the_database_names_is_no_old_copy(left_out):
    assert left_out("themes/mine.old/", needed=["themes/mine.old"]) is None
    assert left_out("wp-content/plugins/x.bak/", needed=["wp-content/plugins/x.bak"]) is None
    assert left_out(".env", needed=[".env"]) is None


def test_a_name_that_is_not_utf_8_stays_out_where_files_only_pass(tmp_path):
    rules = WebRoot(tmp_path, PackOptions())
    assert rules.left_out(b"upload/caf\xe9.jpg", False) == web_root.UNNAMEABLE
    assert rules.left_out(b"modules/x/cache/caf\xe9", False) == web_root.UNNAMEABLE
    assert rules.left_out(b"img/cms/caf\xe9.jpg", False) is None
    assert rules.left_out("upload/café.jpg".encode(), False) is None


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("docs", "docs/", True), ("docs", "a/docs/b.txt", True), ("/docs", "a/docs/b.txt", False),
        ("*.pdf", "a/b.pdf", True),
        ("img/*.jpg", "img/a.jpg", True), ("img/*.jpg", "img/p/a.jpg", False), ("img/**/*.jpg", "img/p/1/a.jpg", True),
        ("img/**", "img/p/1/a.jpg", True), ("img/p?", "img/p1/a", True), ("img/[ab].jpg", "img/b.jpg", True),
        ("img/[!ab].jpg", "img/b.jpg", False), ("a+b.txt", "a+b.txt", True), ("img/", "img/a", True),
    ],
)  # fmt: skip
def test_an_operators_pattern_leaves_out_what_it_names(left_out, pattern, path, fits):
    assert left_out(path, leave_out=(pattern,)) == (f"--leave-out {pattern}" if fits else None)


def test_a_pattern_fits_names_that_are_not_utf_8(tmp_path):
    rules = WebRoot(tmp_path, PackOptions(leave_out=("img/caf?.jpg",)))
    assert rules.left_out(b"img/caf\xe9.jpg", False) == "--leave-out img/caf?.jpg"


def test_an_operator_keeps_what_the_rules_leave_out(left_out):
    assert left_out("docker/run.sh", keep=("docker",)) is None
    assert left_out("docker/run.sh", keep=("docker/*.sh",)) is None
    assert left_out("docker/run.txt", keep=("docker/*.sh",)) == web_root.DEVELOPMENT
    assert left_out("a.log", keep=("*.log",), leave_out=("a.*",)) is None
    assert left_out("b.txt", keep=("*.log",), leave_out=("b.*",)) == "--leave-out b.*"


def test_what_may_not_be_read_is_left_to_the_packer(tmp_path):
    content = Content(tmp_path, frozenset())
    assert not content.is_private_key(b"absent.key")
    assert not content.is_dump(b"modules/x/absent.sql")
    assert not content.is_site_archive(b"files/absent.tgz")
    os.mkfifo(tmp_path / "a.key")
    assert not content.is_private_key(b"a.key")
