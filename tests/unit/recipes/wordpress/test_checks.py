"""Which visits show that a WordPress lives: for each promise one that this template's sites can keep."""

import contextlib
import unicodedata
from urllib.parse import unquote

import pytest

from controller.recipes.wordpress.checks import checks_of, lacking
from controller.recipes.wordpress.database.queries import Database
from shared.placeholders import token
from tests.support.shops.checked_template import CheckedTemplate, by_name

NONCE = "1a2b3c4d"
TABLES = """
wp_options (option_id INT) CHARACTER SET utf8mb4
wp_users (ID INT) CHARACTER SET utf8mb4
wp_usermeta (user_id INT) CHARACTER SET utf8mb4
wp_posts (ID INT PRIMARY KEY, post_type VARCHAR(20), post_status VARCHAR(20), post_password TEXT, post_mime_type TEXT, \
post_name TEXT, post_parent INT DEFAULT 0) CHARACTER SET utf8mb4
wp_postmeta (post_id INT, meta_key VARCHAR(99), meta_value TEXT) CHARACTER SET utf8mb4
wp_terms (term_id INT, slug VARCHAR(99)) CHARACTER SET utf8mb4
wp_term_taxonomy (term_taxonomy_id INT, term_id INT, taxonomy VARCHAR(99)) CHARACTER SET utf8mb4
wp_term_relationships (object_id INT, term_taxonomy_id INT) CHARACTER SET utf8mb4
"""


class Template(CheckedTemplate):
    """A template of WordPress's (tests.support.shops.checked_template)."""

    def __init__(self, server, root):
        super().__init__(server, root, TABLES)
        self.options = {"permalink_structure": b"/%postname%/"}

    def plugin(self, *names, is_there=True):
        """These plug-ins are active."""
        known = self.options.get("active_plugins", b"")
        self.options["active_plugins"] = known + b"".join(b'i:0;s:%d:"%s";' % (len(n), n.encode()) for n in names)
        for name in names if is_there else ():
            self.file(f"wp-content/plugins/{name}")

    def post(self, number, kind="page", status="publish", password="", name=b"a-name", parent=0):
        row = (number, kind, status, password, name, parent)
        self.query("INSERT INTO wp_posts VALUES (%s, %s, %s, %s, '', %s, %s)", *row)

    def picture(self, number, name):
        self.query("INSERT INTO wp_posts VALUES (%s, 'attachment', 'inherit', '', 'image/jpeg', '', 0)", number)
        self.query("INSERT INTO wp_postmeta VALUES (%s, '_wp_attached_file', %s)", number, name)

    @contextlib.contextmanager
    def source(self):
        """Yield the database as the recipe sees it."""
        with self.rows() as rows:
            yield Database(rows, "wp_")

    def checks(self, **options):
        """Return name -> check."""
        with self.source() as database:
            known = {**self.options, **{name: value.encode() for name, value in options.items()}}
            return by_name(checks_of(database, self.root, known, NONCE))

    def paths(self, *names, **options):
        found = self.checks(**options)
        return [found[name]["path"] if name in found else None for name in names]


@pytest.fixture
def site(mariadb_server, tmp_path):
    return Template(mariadb_server, tmp_path)


WOO = "woocommerce/woocommerce.php"


def test_a_product_is_promised_only_where_the_shop_runs(site):
    site.post(5, "product")
    assert site.paths("product") == [None]
    site.plugin(WOO, is_there=False)
    assert site.paths("product") == [None]
    site.file(f"wp-content/plugins/{WOO}")
    assert site.paths("product") == ["/?post_type=product&p=5"]


def test_a_product_that_the_catalogue_shows_is_asked_for_first(site):
    site.plugin(WOO)
    site.post(5, "product")
    site.post(6, "product")
    site.query("INSERT INTO wp_terms VALUES (1, 'exclude-from-catalog')")
    site.query("INSERT INTO wp_term_taxonomy VALUES (2, 1, 'product_visibility')")
    site.query("INSERT INTO wp_term_relationships VALUES (5, 2)")
    assert site.paths("product") == ["/?post_type=product&p=6"]
    site.query("INSERT INTO wp_term_relationships VALUES (6, 2)")
    assert site.paths("product") == ["/?post_type=product&p=5"]


def test_shop_and_cart_are_asked_for_where_their_pages_are_published(site):
    pages = {"woocommerce_shop_page_id": "7", "woocommerce_cart_page_id": "8"}
    site.post(7)
    site.post(8, status="draft")
    assert site.paths("shop", "cart", **pages) == [None, None]
    site.plugin(WOO)
    assert site.paths("shop", "cart", "page", **pages) == ["/?page_id=7", None, None]
    site.query("UPDATE wp_posts SET post_status = 'publish'")
    assert site.paths("shop", "cart", **pages) == ["/?page_id=7", "/?page_id=8"]
    assert site.paths("shop", "cart", woocommerce_shop_page_id="", woocommerce_cart_page_id="-1") == [None, None]
    # Python reads no longer number
    assert site.paths("shop", woocommerce_shop_page_id="7" * 5000) == [None]


def test_what_needs_a_password_is_not_promised(site):
    site.post(1, "page", password="pst")
    site.post(2, "post", status="private")
    assert site.paths("page", "post") == [None, None]


def test_pictures_of_the_library_are_asked_for_as_they_are_kept(site):
    site.picture(1, "2024/gone.jpg")
    site.picture(2, "2024/tea 100%.jpg")
    site.file("wp-content/uploads/2024/tea 100%.jpg")
    assert site.paths("picture") == ["/wp-content/uploads/2024/tea%20100%25.jpg"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_picture_with_a_name_of_any_script_is_asked_for_too_byte_for_byte(site, form):
    name = unicodedata.normalize(form, "2024/thé-چای.jpg")
    site.picture(1, "2024/tea.jpg")
    site.picture(2, name)
    site.file("wp-content/uploads/2024/tea.jpg", f"wp-content/uploads/{name}")
    (path,) = site.paths("picture_of_any_script")
    assert path.isascii()
    assert unquote(path) == f"/wp-content/uploads/{name}"


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ([], {}, "none"), (["2.jpg"], {}, "1"), (["1.jpg", "3.jpg"], {}, ""), ([], {"upload_path": b"media"}, ""),
        ([], {"upload_path": b"wp-content/uploads"}, "none"),
    ],
)  # fmt: skip
def test_a_tree_without_most_pictures_of_the_library_is_reported(site, files, options, said):
    for number in (1, 2, 3):
        site.picture(number, f"{number}.jpg")
    site.file(*(f"wp-content/uploads/{name}" for name in files))
    with site.source() as database:
        found = lacking(database, site.root, options)
    wanted = f"of the first 3 pictures that the library lists, the tree has {said}: "
    assert [one.startswith(wanted) for one in found] == ([True] if said else [])


def test_a_site_without_pictures_shows_one_of_wordpress(site):
    site.file("wp-includes/images/w-logo-blue.png")
    assert site.paths("picture", "picture_of_any_script") == ["/wp-includes/images/w-logo-blue.png", None]


@pytest.mark.parametrize(
    ("plugin", "option"),
    [
        ("wps-hide-login/wps-hide-login.php", {"whl_page": "door"}),
        ("rename-wp-login/rename-wp-login.php", {"rwl_page": "in", "permalink_structure": ""}),
        ("secupress/secupress.php", {"secupress_active_submodule_move-login": "users-login"}),
        ("contact-form-7/wp-contact-form-7.php", {}),
    ],
)
def test_the_sign_in_form_is_requested_at_the_address_that_clients_get(site, plugin, option):
    site.plugin(plugin)
    assert site.paths("login", **option) == ["/wp-login.php"]
    assert site.checks(**option)["login"]["contains"] == ['type="password"']


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_what_wordpress_itself_does_not_find_by_its_name_is_not_visited(site, charset):
    # The installer writes the first names as its translators did; every later one is percent-encoded
    site.query(f"ALTER TABLE wp_posts CONVERT TO CHARACTER SET {charset}")
    site.post(2, name="برگه-نمونه".encode())
    site.post(3, name=b"below", parent=2)
    assert site.paths("page") == [None]
    site.post(5, name=b"%da%86%d8%a7%db%8c")
    site.post(6, name=b"contact")
    assert site.paths("page") == ["/?page_id=5"]


def test_a_form_in_a_place_that_only_a_plug_in_knows_is_not_promised_but_the_office_must_not_fail(site):
    site.plugin("better-wp-security/better-wp-security.php")
    assert site.paths("login", "office") == [None, "/wp-admin/admin-ajax.php"]


def test_the_new_administrator_signs_in_where_no_plug_in_keeps_robots_out(site):
    site.plugin(WOO)
    inside = site.checks()["login"]["sign_in"]
    assert inside["user"] == token(NONCE, "admin.email").decode()
    assert [page["name"] for page in inside["pages"]] == ["dashboard", "posts", "settings", "products"]
    site.plugin("login-recaptcha/login-recaptcha.php")
    assert "sign_in" not in site.checks()["login"]


def test_a_plug_in_that_always_runs_counts_as_well(site):
    site.file("wp-content/mu-plugins/two-factor.php")
    assert "sign_in" not in site.checks()["login"]


def test_a_site_that_a_plug_in_closes_may_say_so_and_no_other(site):
    assert (site.checks()["front"]["status"], site.checks()["missing"]["status"]) == ([200], [404])
    site.plugin("wp-maintenance-mode/wp-maintenance-mode.php")
    assert site.checks(elementor_maintenance_mode_mode="maintenance")["front"]["status"] == [200]
    site.plugin("coming-soon/coming-soon.php")
    assert (site.checks()["front"]["status"], site.checks()["missing"]["status"]) == ([200, 503], [404, 503])


def test_a_missing_page_is_one_unless_a_plug_in_answers_something_else(site):
    assert site.checks()["missing"]["after_redirect"] == [200]
    site.plugin("404page/404page.php")
    assert site.checks()["missing"]["status"] == [404, 200]
    assert site.checks(active_plugins="", woocommerce_coming_soon="yes")["missing"]["status"] == [404]


def test_every_page_is_searched_for_the_errors_of_php_and_wordpress(site):
    site.post(1, "page")
    site.post(2, "post")
    for name in ("front", "page", "post", "login"):
        assert {"<b>Fatal error</b>: ", '<body id="error-page">'} <= set(site.checks()[name]["absent"])
    assert "<b>Fatal error</b>: " in site.checks()["missing"]["absent"]


def test_what_the_front_page_names_is_looked_at(site):
    assert set(site.checks()["front"]["assets"]) == {"img", "link", "script", "a"}
    assert "AllowOverride" in site.checks()["front"]["hint"]
    assert "hint" not in site.checks(permalink_structure="")["front"]
