"""Which visits show that a PrestaShop lives: for each promise one that this template's shops can keep."""

import contextlib

import pytest

from controller.recipes.prestashop.database.queries import Database
from controller.recipes.prestashop.facts import series_of
from controller.recipes.prestashop.storefront.checks import checks_of, lacking
from shared.placeholders import token
from tests.support.shops.checked_template import CheckedTemplate, by_name

NONCE = "1a2b3c4d"
TABLES = """
ps_configuration (id_configuration INT AUTO_INCREMENT PRIMARY KEY, id_shop INT, name VARCHAR(99), value TEXT)
ps_shop_url (id_shop_url INT)
ps_shop (id_shop INT)
ps_employee (id_employee INT)
ps_lang (id_lang INT, iso_code VARCHAR(2), active INT)
ps_product (id_product INT PRIMARY KEY, active INT DEFAULT 1, visibility VARCHAR(9) DEFAULT 'both', is_virtual INT)
ps_product_shop (id_product INT, id_shop INT DEFAULT 1, active INT DEFAULT 1, visibility VARCHAR(9) DEFAULT 'both')
ps_product_lang (id_product INT, id_lang INT, link_rewrite VARCHAR(99))
ps_image (id_image INT PRIMARY KEY, id_product INT, position INT DEFAULT 1, cover INT)
ps_image_type (id_image_type INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(64), products INT, categories INT)
ps_category (id_category INT PRIMARY KEY, active INT DEFAULT 1, level_depth INT DEFAULT 2)
ps_category_shop (id_category INT, id_shop INT DEFAULT 1)
ps_category_lang (id_category INT, id_lang INT DEFAULT 1, link_rewrite VARCHAR(99))
ps_category_product (id_category INT, id_product INT)
ps_category_group (id_category INT, id_group INT)
ps_cms (id_cms INT PRIMARY KEY, active INT DEFAULT 1)
ps_cms_shop (id_cms INT, id_shop INT DEFAULT 1)
ps_cms_lang (id_cms INT, id_lang INT DEFAULT 1)
"""


class Template(CheckedTemplate):
    """A template of PrestaShop's (tests.support.shops.checked_template)."""

    def __init__(self, server, root):
        super().__init__(server, root, TABLES)
        self.query("INSERT INTO ps_lang VALUES (1, 'fr', 1), (2, 'de', 1), (3, 'xx', 0)")
        self.settings = {"PS_REWRITING_SETTINGS": "1", "PS_SHOP_DEFAULT": "1", "PS_LOGO": "my logo.png"}

    def product(self, number, images=(), languages=(1, 2), **columns):
        """Add a product with the picture numbers `images`, the last one its cover."""
        self.query(f"INSERT INTO ps_product (id_product) VALUES ({number})")
        self.query(f"INSERT INTO ps_product_shop (id_product) VALUES ({number})")
        for name, value in columns.items():
            for table in ("product_shop", "product"):
                self.query(f"UPDATE ps_{table} SET {name} = '{value}' WHERE id_product = {number}")
        for language in languages:
            self.query(f"INSERT INTO ps_product_lang VALUES ({number}, {language}, 'mug-{number}')")
        for place, image in enumerate(images, 1):
            cover = "1" if place == len(images) else "NULL"
            self.query(f"INSERT INTO ps_image VALUES ({image}, {number}, {place}, {cover})")

    def category(self, number, products=(), groups=(1,), **columns):
        self.query(f"INSERT INTO ps_category (id_category) VALUES ({number})")
        self.query(f"INSERT INTO ps_category_shop (id_category) VALUES ({number})")
        self.query(f"INSERT INTO ps_category_lang VALUES ({number}, 1, 'cups')")
        for name, value in columns.items():
            self.query(f"UPDATE ps_category SET {name} = '{value}' WHERE id_category = {number}")
        for product in products:
            self.query(f"INSERT INTO ps_category_product VALUES ({number}, {product})")
        for group in groups:
            self.query(f"INSERT INTO ps_category_group VALUES ({number}, {group})")

    @contextlib.contextmanager
    def source(self):
        """Yield the database as the recipe sees it."""
        with self.rows() as rows:
            yield Database(rows, "ps_")

    def checks(self, version="8.2.1", **settings):
        """Return name -> check."""
        with self.source() as database:
            known = {**self.settings, **settings}
            return by_name(checks_of(database, self.root, known, series_of(version), NONCE, version))

    def paths(self, *names, **settings):
        found = self.checks(**settings)
        return [found[name]["path"] if name in found else None for name in names]


@pytest.fixture
def shop(mariadb_server, tmp_path):
    return Template(mariadb_server, tmp_path)


def pictured(shop, number=1, image=12, size="home_default", ending="jpg", link="mug-1"):
    """The shop has a product with a picture and the file of one size of it; return the picture's address by name."""
    shop.product(number, [image])
    shop.file(f"img/p/{'/'.join(str(image))}/{image}-{size}.{ending}")
    return f"/{image}-{size}/{link}.{ending}"


# -- Pages ----------------------------------------------------------------------------------------------------------


def test_a_shop_with_products_promises_them_their_category_and_the_cart(shop):
    shop.product(7)
    shop.category(3)
    assert shop.paths("product", "category", "cart", "page") == [
        "/index.php?controller=product&id_product=7",
        "/index.php?controller=category&id_category=3",
        "/index.php?controller=cart&action=show",
        None,
    ]


def test_a_shop_without_products_and_categories_promises_a_page_of_text(shop):
    shop.query("INSERT INTO ps_cms VALUES (4, 0), (5, 1), (6, 1)")
    shop.query("INSERT INTO ps_cms_shop (id_cms) VALUES (4), (5), (6)")
    shop.query("INSERT INTO ps_cms_lang (id_cms, id_lang) VALUES (4, 1), (5, 1), (6, 1), (6, 2)")
    assert shop.paths("product", "category", "page") == [None, None, "/index.php?controller=cms&id_cms=6"]


@pytest.mark.parametrize(
    "columns", [{"active": 0}, {"visibility": "none"}], ids=lambda columns: next(iter(columns))
)  # fmt: skip
def test_a_product_that_nobody_is_shown_is_not_promised(shop, columns):
    shop.product(1, **columns)
    assert shop.paths("product") == [None]
    shop.product(2)
    assert shop.paths("product") == ["/index.php?controller=product&id_product=2"]


def test_a_product_of_another_shop_or_of_fewer_languages_is_not_promised_first(shop):
    shop.product(1)
    shop.query("UPDATE ps_product_shop SET id_shop = 2")
    shop.product(2, languages=(1,))
    shop.product(3)
    assert shop.paths("product") == ["/index.php?controller=product&id_product=3"]


def test_a_virtual_product_without_pictures_will_do(shop):
    shop.product(5)
    shop.query("UPDATE ps_product SET is_virtual = 1")
    assert shop.paths("product", "product_image") == ["/index.php?controller=product&id_product=5", None]


def test_what_only_customers_may_see_is_not_promised_to_visitors(shop):
    shop.product(1)
    shop.product(2)
    shop.category(3, products=[1], groups=(3,))
    shop.category(4, products=[1, 2], groups=(1, 3))
    groups = {"PS_GROUP_FEATURE_ACTIVE": "1", "PS_UNIDENTIFIED_GROUP": "1"}
    assert shop.paths("category", **groups) == ["/index.php?controller=category&id_category=4"]
    endless = {**groups, "PS_UNIDENTIFIED_GROUP": "4" * 5000, "PS_SHOP_DEFAULT": "4" * 5000}
    assert shop.paths("category", **endless) == ["/index.php?controller=category&id_category=4"]
    shop.query("DELETE FROM ps_category_group WHERE id_group = 1")
    assert shop.paths("product", "category", **groups) == [None, None]
    assert shop.paths("product", "category") != [None, None]


def test_a_catalogue_without_a_cart_is_not_asked_for_one(shop):
    shop.product(1)
    assert shop.paths("cart", "product", PS_CATALOG_MODE="1") == [None, "/index.php?controller=product&id_product=1"]


def test_the_home_category_and_closed_ones_are_not_promised(shop):
    shop.category(2, level_depth=1)
    shop.category(3, active=0)
    assert shop.paths("category") == [None]


# -- Pictures -------------------------------------------------------------------------------------------------------


def test_a_product_picture_is_asked_for_by_path_and_by_name(shop):
    assert pictured(shop) == shop.paths("product_image_by_name")[0]
    found = shop.checks()
    assert found["product_image"]["path"] == "/img/p/1/2/12-home_default.jpg"
    assert (found["product_image"]["content_type"], found["product_image"]["status"]) == ("image/", [200])
    assert "AllowOverride" in found["product_image_by_name"]["hint"]


def test_pictures_are_asked_for_by_path_alone_where_addresses_by_name_are_off(shop):
    pictured(shop)
    assert shop.paths("product_image", "product_image_by_name", PS_REWRITING_SETTINGS="0") == [
        "/img/p/1/2/12-home_default.jpg", None,
    ]  # fmt: skip
    assert "hint" not in shop.checks(PS_REWRITING_SETTINGS="")["front"]


def test_a_picture_is_asked_for_by_name_whether_the_rules_are_there_yet_or_not(shop):
    wanted = pictured(shop)
    assert not (shop.root / ".htaccess").exists()
    assert shop.paths("product_image_by_name") == [wanted]


def test_sizes_are_those_the_theme_has_and_whose_files_exist(shop):
    shop.query("INSERT INTO ps_image_type (name, products, categories) VALUES ('tm_large', 0, 1), ('tm_home', 1, 0)")
    wanted = pictured(shop, size="tm_home")
    shop.file("img/p/1/2/12-tm_large.jpg")
    assert shop.paths("product_image_by_name") == [wanted]


@pytest.mark.parametrize(
    ("version", "is_known"), [("8.0.5", False), ("8.1.0", True), ("9.0.0", True), ("1.7.8.11", False)]
)
def test_other_formats_are_asked_for_by_name_where_the_shops_rules_know_them(shop, version, is_known):
    wanted = pictured(shop, ending="webp")
    found = shop.checks(version)
    assert found.get("product_image_by_name", {}).get("path") == (wanted if is_known else None)
    assert found["product_image"]["path"].endswith("/12-home_default.webp")
    assert "content_type" not in found["product_image"]


def test_the_picture_as_it_was_uploaded_has_a_name_too(shop):
    shop.product(1, [12])
    shop.file("img/p/1/2/12.jpg")
    assert shop.paths("product_image_by_name") == ["/12/mug-1.jpg"]


def test_a_picture_that_is_no_cover_will_do_and_a_missing_file_leads_to_the_next_product(shop):
    shop.product(1, [4, 5])
    shop.product(2, [6])
    shop.query("UPDATE ps_image SET cover = NULL")
    shop.file("img/p/6/6-home_default.jpg")
    assert shop.paths("product_image_by_name") == ["/6-home_default/mug-2.jpg"]
    shop.file("img/p/4/4-home_default.jpg", "img/p/5/5-home_default.jpg")
    assert shop.paths("product_image_by_name") == ["/4-home_default/mug-1.jpg"]
    shop.query("UPDATE ps_image SET cover = 1 WHERE id_image = 5")
    assert shop.paths("product_image_by_name") == ["/5-home_default/mug-1.jpg"]


def test_pictures_that_are_kept_as_old_shops_did_are_found(shop):
    shop.product(1, [12])
    shop.file("img/p/1-12-home_default.jpg")
    assert shop.paths("product_image", "product_image_by_name", PS_LEGACY_IMAGES="1") == [
        "/img/p/1-12-home_default.jpg", "/1-12-home_default/mug-1.jpg",
    ]  # fmt: skip
    assert shop.paths("product_image", "product_image_by_name") == [None, None]


def test_products_that_nobody_is_shown_lend_their_pictures(shop):
    pictured(shop)
    shop.query("UPDATE ps_product_shop SET active = 0")
    assert shop.paths("product", "product_image_by_name") == [None, "/12-home_default/picture.jpg"]


def test_a_categorys_picture_is_requested_besides_a_products(shop):
    pictured(shop)
    shop.category(3)
    shop.query("INSERT INTO ps_image_type (name, products, categories) VALUES ('cat_wide', 0, 1)")
    shop.file("img/c/3.jpg", "img/c/3-cat_wide.jpg")
    assert shop.paths("product_image_by_name", "category_image_by_name") == [
        "/12-home_default/mug-1.jpg", "/c/3-cat_wide/cups.jpg",
    ]  # fmt: skip


def test_without_any_product_the_picture_for_none_proves_the_rules(shop):
    shop.file("img/c/fr.jpg", "img/my logo.png")
    assert shop.paths("no_picture_by_name", "logo") == ["/c/fr/picture.jpg", "/img/my logo.png"]
    shop.file("img/c/fr-default-category_default.jpg")
    assert shop.paths("no_picture_by_name") == ["/c/fr-default-category_default/picture.jpg"]


@pytest.mark.parametrize("content", [b"", b"x" * (4 * 1024 * 1024 + 1)], ids=["empty", "larger than any page"])
def test_a_file_that_shows_nothing_or_is_too_large_is_not_asked_for(shop, content):
    pictured(shop)
    shop.file("img/p/1/2/12-home_default.jpg", content=content)
    assert shop.paths("product_image", "product_image_by_name") == [None, None]


def test_the_front_pages_pictures_are_looked_at_where_the_tree_has_the_products(shop):
    assert set(shop.checks()["front"]["assets"]) == {"img", "link", "script", "a"}
    shop.product(1, [1])
    shop.product(2, [2])
    shop.product(3, [3])
    shop.file("img/p/1/1.jpg")
    assert "img" not in shop.checks()["front"]["assets"]
    shop.file("img/p/3/3.jpg")
    assert "img" in shop.checks()["front"]["assets"]


@pytest.mark.parametrize(("files", "said"), [([], "none"), (["img/p/2/2-home_default.jpg"], "1"), (None, "")])
def test_a_tree_without_most_products_pictures_is_reported(shop, files, said):
    for number in (1, 2, 3):
        shop.product(number, [number])
    shop.product(4)
    shop.file(*(["img/p/1/1.jpg", "img/p/3/3.jpg"] if files is None else files))
    with shop.source() as database:
        found = lacking(database, shop.root, shop.settings, "8.2.1")
    wanted = f"of 3 products whose pictures the database lists, the tree has those of {said}: "
    assert [one.startswith(wanted) for one in found] == ([True] if said else [])


def test_a_shop_that_lists_no_pictures_lacks_none(shop):
    shop.product(1)
    with shop.source() as database:
        assert lacking(database, shop.root, shop.settings, "8.2.1") == []


# -- The rest -------------------------------------------------------------------------------------------------------


def test_every_page_is_searched_for_what_php_says_when_it_fails(shop):
    shop.product(1)
    shop.category(3)
    for check in shop.checks().values():
        assert "<b>Fatal error</b>: " in check["absent"]
    assert "<b>Fatal error</b>: " in shop.checks()["back_office_login"]["sign_in"]["absent"]


def test_the_back_office_is_entered_by_the_new_administrator_and_closed_to_others(shop):
    found = shop.checks()
    login, closed = found["back_office_login"], found["back_office_closed"]
    assert login["path"] == f"/{token(NONCE, 'admin_folder').decode()}/index.php?controller=AdminLogin"
    assert login["sign_in"]["user"] == token(NONCE, "admin.email").decode()
    assert [page["name"] for page in login["sign_in"]["pages"]] == ["orders", "products", "modules"]
    assert closed["contains"] == ['type="password"']


@pytest.mark.parametrize(
    ("version", "page"),
    [("1.6.1.24", "?controller=AdminOrders"), ("1.7.0.6", "/product/catalog"), ("1.7.8.11", "/product/catalog"),
     ("8.0.0", "/sell/orders/"), ("9.0.2", "/sell/orders/")],
)  # fmt: skip
def test_who_has_not_signed_in_is_led_to_the_form_from_where_the_newer_pages_stand(shop, version, page):
    folder = token(NONCE, "admin_folder").decode()
    assert shop.checks(version)["back_office_closed"]["path"] == f"/{folder}/index.php{page}"


@pytest.mark.parametrize(
    ("version", "is_promised"),
    [
        ("1.6.1.24", True),
        ("1.7.0.6", False),
        ("1.7.2.2", False),
        ("1.7.3.0", True),
        ("1.7.8.11", True),
        ("8.0.0", True),
    ],
)
def test_the_page_of_modules_is_promised_where_it_does_not_need_the_marketplace(shop, version, is_promised):
    pages = shop.checks(version)["back_office_login"]["sign_in"]["pages"]
    assert [page["name"] for page in pages] == ["orders", "products", *(["modules"] if is_promised else [])]


def test_a_page_that_is_missing_may_lead_to_another(shop):
    missing = shop.checks()["missing"]
    assert (missing["status"], missing["after_redirect"]) == ([404], [200])


def test_tables_and_columns_an_older_shop_lacks_are_no_trouble(shop):
    shop.product(1)
    for table in ("product_shop", "image", "image_type", "category_group", "cms", "cms_lang", "category"):
        shop.query(f"DROP TABLE ps_{table}")
    shop.query("ALTER TABLE ps_product DROP COLUMN visibility")
    assert shop.paths("product", "category", version="1.6.1.24") == ["/index.php?controller=product&id_product=1", None]
