"""What of a WordPress's options, files and languages travels, judged one by one."""

from pathlib import Path

import pytest

from controller.recipes.base import PackOptions
from controller.recipes.own_tables import Administrator
from controller.recipes.tree import web_root
from controller.recipes.wordpress.database import options
from controller.recipes.wordpress.database.queries import address, former_addresses
from controller.recipes.wordpress.database.rows import RowRules
from controller.recipes.wordpress.facts import find_version, older_database, series_of
from controller.recipes.wordpress.files.tree import TreeRules
from controller.recipes.wordpress.languages import packs, time_zones
from controller.recipes.wordpress.recipe import WordPress
from shared.errors import ShoplaunchError
from tests.unit.bundles.rewrite.helpers import serialize

NONCE = "1a2b3c4d"
TREE = TreeRules(Path("/nowhere"), PackOptions())


@pytest.mark.parametrize(
    "path",
    [
        "wp-config.php.bak", "wp-config.old.php", "wp-config-backup.php", "dump.sql", "site.zip", ".maintenance",
        "cgi-bin",
        "wp-content/cache/page.html", "wp-content/upgrade/plugin", "wp-content/debug.log",
        "wp-content/object-cache.php",
        "wp-content/updraft", "wp-content/ai1wm-backups", "wp-content/backups-dup-lite",
        "wp-content/uploads/backwpup-1a",
        "old-wp-config.php", "wp-content/uploads/wc-logs/fatal.log", "wp-content/db.sql",
        "wp-content/plugins/one/error_log",
    ],
)  # fmt: skip
def test_copies_caches_and_logs_stay_out(path):
    assert TREE.left_out(path.encode(), path.endswith(("cgi-bin", "updraft", "backups", "plugin")))


@pytest.mark.parametrize(
    "path",
    [
        "wp-config.php", "wp-config-sample.php", "index.php", ".htaccess", "wp-content/cache",
        "wp-content/cache/index.php",
        "wp-content/uploads/2026/11/price-list.zip", "wp-content/plugins/backup-tool/main.php",
        "wp-content/advanced-cache.php",
    ],
)  # fmt: skip
def test_what_makes_the_site_is_packed(path):
    assert not TREE.left_out(path.encode(), path.endswith("cache"))


@pytest.mark.parametrize(
    ("name", "value", "is_filled"),
    [
        ("DB_PASSWORD", "password_here", False), ("AUTH_KEY", "put your unique phrase here", False),
        ("DB_PASSWORD", "passwort_hier_einfuegen", False), ("DB_PASSWORD", "", False),
        ("DB_PASSWORD", "Xk7-pQ2m9Lw4Rt", True), ("DB_PASSWORD", "the-shops-own", True),
        ("DB_PASSWORD", "Xk!pQmLw.RtGbW", True), ("DB_PASSWORD", "votre_mdp_de_bdd", False),
        ("AUTH_KEY", "q8#Zt!vR2m^Lw9@kP4$sX7&nB1*cD5(fG3)hJ6-yE0", True),
    ],
)  # fmt: skip
def test_a_sample_of_the_configuration_stays_out_once_somebody_filled_it_in(tmp_path, name, value, is_filled):
    (tmp_path / "wp-config.php").write_text("<?php define( 'DB_PASSWORD', 'the-shops-own' );")
    (tmp_path / "wp-config-sample.php").write_text(f"<?php\ndefine( '{name}', '{value}' );\n$table_prefix = 'wp_';\n")
    reason = TreeRules(tmp_path, PackOptions()).left_out(b"wp-config-sample.php", False)
    assert reason == (web_root.OLD_CONFIGURATION if is_filled else None)


@pytest.mark.parametrize(
    "path",
    [
        "wpcf7_uploads/cv.pdf", "gravity_forms/3-1f0e3dad99908345/2026/cv.pdf",
        "wpforms/12-1a2b/cv.pdf",
        "ninja-forms/4/cv.pdf", "formidable/7/cv.pdf", "wpo_wcpdf/attachments/invoice-1.pdf",
        "wpo_wcpdf_8f14e45f/attachments/invoice-1.pdf", "woocommerce-pdf-invoices/attachments/2026/1.pdf",
        "product_addons_uploads/1a2b/photo.jpg", "cf7-submissions/1/cv.pdf",
    ],
)  # fmt: skip
def test_what_customers_sent_in_stays_out_unless_they_are_kept(path):
    place = f"wp-content/uploads/{path}".encode()
    above = [place[:at] for at in range(len(place)) if place[at : at + 1] == b"/"]
    kept = TreeRules(Path("/nowhere"), PackOptions(keep_customers=True))
    assert web_root.CUSTOMERS in [*(TREE.left_out(one, True) for one in above), TREE.left_out(place, False)]
    assert not any(kept.left_out(one, True) for one in above) and not kept.left_out(place, False)


@pytest.mark.parametrize(
    "path", ["wpcf7_uploads/.htaccess", "gravity_forms/index.html", "wpforms/themes/a.json", "2026/1/a"]
)
def test_the_guards_of_their_folders_and_what_the_owner_made_stay(path):
    assert not TREE.left_out(f"wp-content/uploads/{path}".encode(), False)


def test_secrets_inside_an_array_are_emptied_and_reported_and_nothing_else():
    value = serialize(
        {b"title": b"api_key", b"api_key": b"abcdefgh12", b"note": b"secret", b"live": {b"token": b"qwertyuiop1"}}
    )
    assert [(one.name, one.value) for one in options.secrets_in("x", value)] == [
        ("x.api_key", b"abcdefgh12"), ("x.live.token", b"qwertyuiop1")
    ]  # fmt: skip
    wanted = serialize({b"title": b"api_key", b"api_key": b"", b"note": b"secret", b"live": {b"token": b""}})
    assert options.template_of("x", value, NONCE) == wanted


def test_rules_for_addresses_are_no_secrets_however_they_are_called():
    value = serialize({b"(.?.+?)/lost-password(/(.*))?/?$": b"index.php?lost-password=$matches[3]"})
    assert options.template_of("rewrite_rules", value, NONCE) is value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("woocommerce_myaccount_lost_password_endpoint", b"lost-password"), ("users_can_register", b"0"),
        ("woocommerce_registration_generate_password", b"whatever"), ("blogdescription", b"a secret garden"),
        ("active_plugins", b'a:1:{i:0;s:19:"akismet/akismet.php";}'),
    ],
)  # fmt: skip
def test_settings_that_only_sound_like_secrets_stay(name, value):
    assert options.template_of(name, value, NONCE) == value


@pytest.mark.parametrize("name", ["wordpress_api_key", "acme_license_key", "mailserver_pass", "recaptcha_secret"])
def test_keys_of_the_templates_owner_are_emptied(name):
    assert options.template_of(name, b"0f1e2d3c4b5a", NONCE) == b""


@pytest.mark.parametrize(
    ("siteurl", "home", "code"),
    [
        ("http://a.example", "http://b.example", "several_domains"),
        ("http://a.example/wp", "http://a.example", "several_domains"),
        ("", "http://a.example", "domain_unknown"),
    ],
)
def test_addresses_that_are_not_one_are_refused(siteurl, home, code):
    with pytest.raises(ShoplaunchError) as caught:
        address({"siteurl": siteurl.encode(), "home": home.encode()}, {})
    assert caught.value.code == code


def test_the_address_in_the_configuration_counts_before_that_in_the_options():
    known = {"siteurl": b"http://old.example", "home": b"http://old.example"}
    given = {"WP_SITEURL": "https://www.a.example/blog/", "WP_HOME": "https://a.example/blog"}
    assert address(known, given) == ("a.example", "/blog")
    assert address({"siteurl": b"http://A.example:8080/", "home": b"http://a.example:8080"}, {"WP_HOME": ""}) == (
        "a.example:8080", ""
    )  # fmt: skip


@pytest.mark.parametrize(
    ("siteurl", "former"),
    [
        ("http://localhost/before", [("localhost", "/before")]),
        ("http://Old.example/", [("old.example", "")]),
        ("http://localhost:8000", [("localhost:8000", "")]),
        ("http://localhost", []),
        ("http://localhost/now/", []),
        ("", []),
    ],
)
def test_an_address_that_the_configuration_overrides_is_where_the_site_was_before(siteurl, former):
    known = {"siteurl": siteurl.encode(), "home": siteurl.encode()}
    assert former_addresses(known, "localhost", "/now") == former


def test_of_several_packs_for_a_language_the_plainest_counts(tmp_path):
    folder = tmp_path / "wp-content" / "languages"
    folder.mkdir(parents=True)
    for name in (
        "pt_BR.mo",
        "pt_PT.mo",
        "es_AR.mo",
        "es_ES.mo",
        "admin-fr_FR.mo",
        "fa_IR.l10n.php",
        "ar.mo",
        "en_GB.mo",
    ):
        (folder / name).touch()
    assert packs(tmp_path) == {"en": "", "ar": "ar", "es": "es_ES", "fa": "fa_IR", "pt": "pt_PT"}
    assert packs(tmp_path / "nowhere") == {"en": ""}


def test_a_country_with_one_time_zone_sets_the_clocks():
    zones = time_zones()
    assert (zones["IR"], zones["FR"]) == ("Asia/Tehran", "Europe/Paris")
    assert "US" not in zones


@pytest.mark.parametrize(
    ("line", "version"), [("'6.8.12'", "6.8.12"), ("'6.9-beta2'", "6.9"), ("'6.4.3+dfsg1'", "6.4.3"), ("WP", None)]
)
def test_the_version_is_what_the_tree_says(tmp_path, line, version):
    (tmp_path / "wp-includes").mkdir()
    (tmp_path / "wp-includes" / "version.php").write_text(f"<?php\n$wp_version = {line};\n")
    assert find_version(tmp_path) == version


@pytest.mark.parametrize(
    ("files", "database", "is_older"),
    [("49752", b"47018", True), ("49752", b"49752", False), ("47018", b"49752", False), ("49752", b"", False),
     ("later()", b"47018", False), ("49752", b"4" * 5000, False)],
)  # fmt: skip
def test_a_database_that_is_older_than_the_files_is_reported(tmp_path, files, database, is_older):
    (tmp_path / "wp-includes").mkdir()
    (tmp_path / "wp-includes" / "version.php").write_text(f"<?php\n$wp_version = '5.7.2';\n$wp_db_version = {files};\n")
    said = older_database(tmp_path, {"db_version": database})
    assert [one.split(" (")[0] for one in said] == ["the database is older than the files"] * is_older


def test_versions_out_of_the_table_are_unknown_and_newer_ones_keep_passwords_their_own_way():
    assert [series_of(version) for version in ("3.9.40", "7.1")] == [None, None]
    kinds = [series_of(version).password_format for version in ("4.0", "5.9", "6.7.2", "6.8", "6.9.1", "7.0.2")]
    assert kinds == ["phpass", "phpass", "phpass", "wordpress", "wordpress", "wordpress"]


@pytest.mark.parametrize(
    ("written", "said"),
    [("$wp_version = '99.1';", "99.1"), ("$wp_version = '3.9.40';", "3.9.40"), ("", "of unknown version")],
    ids=["newer", "older", "none"],
)
def test_an_unknown_version_is_refused_before_the_database_is_asked(tmp_path, written, said):
    (tmp_path / "wp-includes").mkdir()
    (tmp_path / "wp-includes" / "version.php").write_text(f"<?php\n{written}\n")
    (tmp_path / "wp-load.php").touch()
    with pytest.raises(ShoplaunchError) as caught:
        WordPress().inspect(tmp_path, None, PackOptions())
    assert caught.value.code == "unknown_version" and said in caught.value.message and "known: " in caught.value.message


class Shop:
    """A database of one administrator and one customer, as the rules for rows ask for it."""

    prefix = "wp_"
    foreign = ()
    others = {}
    tables = {name: f"wp_{name}" for name in ("options", "users", "usermeta", "posts", "postmeta")}

    def rows(self, sql):
        return [("boss",), ("ann",)]

    def count(self, full, where=""):
        return 0

    def own_tables(self):
        return {}


@pytest.mark.parametrize(
    ("key", "value", "left"),
    [
        (b"_paying_token", b"9f3c7a1be04d5862a7c91d3e", b""),
        (b"_paying", serialize({b"id": b"7", b"secret": b"sk_live_51H8abcDEF234ghiJKL567"}),
         serialize({b"id": b"7", b"secret": b""})),
        (b"billing_city", b"Shiraz", b"Shiraz"),
        (b"wp_capabilities", b'a:1:{s:8:"customer";b:1;}', b'a:1:{s:8:"customer";b:1;}'),
    ],
)  # fmt: skip
def test_customers_that_are_kept_lose_what_lets_into_other_services(key, value, left):
    rules = RowRules(Shop(), Administrator(1, "boss@a.example"), NONCE, keep_customers=True, by_email=False)
    row = {"umeta_id": b"9", "user_id": b"2", "meta_key": key, "meta_value": value}
    assert dict(row, **rules.cells("wp_usermeta", row))["meta_value"] == left
