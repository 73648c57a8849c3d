"""The walk through a PrestaShop, 1.6 to 9: what is to be seen is asked of its tables, for any theme."""

import re

from tests.corpus.walks.walker import Walker

CART_BUTTONS = (
    "button.add-to-cart, [data-button-action='add-to-cart'], #add_to_cart button, #add_to_cart input[type='submit'],"
    " .add-to-cart button"
)
MENU = "nav a[href], #nav-sidebar a[href], ul.menu a[href], #menu a[href], .main-menu a[href]"
#: Addresses of pictures of products.
NAMED = re.compile(r"/\d+(?:-[^/]+)?(?:/[^/]*)?\.(?:jpe?g|png|webp|avif)")
LATER = re.compile(r"""\sdata-(?:src|lazy|original|image-[\w-]+)=["']([^"'\s]+)""")
#: Pages, and parts of pages, that show what the marketplace offers.
MARKETPLACE = ("/modules/mbo/", "AdminPsMbo", "/modules/addons/", "/themes-catalog")
#: The log of a page that ended because nobody answered at an address outside.
CANNOT_REACH = re.compile(
    r"CRITICAL: Uncaught PHP Exception [^\n]{0,200}?"
    r"(?:Could not resolve host: |Failed to connect to |getaddrinfo for )([\w.-]+)"
)
TRIED_PRODUCTS = 5


class PrestaShop(Walker):
    """The walk through one PrestaShop."""

    NAME = "#email, #login_email, input[name='email']"
    PASSWORD = "#passwd, #login_passwd, input[name='passwd']"
    SUBMIT = "#submit_login, #login_submit_login, button[name='submitLogin']"
    INSIDE = "#subtab-AdminOrders, #subtab-AdminParentOrders, #maintab-AdminDashboard, #maintab-AdminParentOrders"
    COMPLAINT = "#error, .alert-danger"

    def __init__(self, one):
        super().__init__(one)
        self._prefix = next(name for name in one.query.tables if name.endswith("shop_url")).removesuffix("shop_url")
        self._settings = dict(self._query(f"SELECT name, value FROM {self._prefix}configuration"))
        self._is_1_6 = str(self._settings.get("PS_VERSION_DB", "")).startswith("1.6")

    def front(self):
        """The front page, called as it was ordered."""
        page = self._visitor.open("")
        if self._is_closed():
            return page.row("front", note="the shop is closed")
        return page.row("front", title=page.title)

    def _is_closed(self):
        return self._settings.get("PS_SHOP_ENABLE") == "0"

    def _products(self, pictured):
        join = f"JOIN {self._prefix}image i ON i.id_product = p.id_product" if pictured else ""
        return self._query(
            f"SELECT p.id_product, MIN(l.name) FROM {self._prefix}product p {join}"
            f" JOIN {self._prefix}product_lang l ON l.id_product = p.id_product"
            f" JOIN {self._prefix}product_shop s ON s.id_product = p.id_product"
            f" JOIN {self._prefix}category_product c ON c.id_product = p.id_product"
            # What visitors may see
            f" JOIN {self._prefix}category_group g ON g.id_category = c.id_category AND g.id_group = 1"
            " WHERE s.active = 1 AND s.visibility <> 'none' GROUP BY p.id_product ORDER BY p.id_product LIMIT 30"
        )

    def product(self):
        """A product, with its pictures."""
        products = self._products(True) or self._products(False)
        if not products:
            return "it sells nothing"
        page = self._visitor.open(f"index.php?controller=product&id_product={products[0][0]}")
        own = [one for one in page.pictures if NAMED.search(one)]
        if not own:
            # Those a slider has not come to yet
            own = [one for one in LATER.findall(page.source) if NAMED.search(one) and self._visitor.is_picture(one)]
        if not own and page.lacking and not page.faults:
            return "the template's tree has none of its pictures"
        if not own and self._products(True):
            page.faults.append("none of the product's pictures is shown")
        return page.row("product", product_pictures=len(own))

    def category(self):
        """The category with most products."""
        rows = self._query(
            f"SELECT c.id_category, COUNT(*) FROM {self._prefix}category_product c JOIN {self._prefix}category k"
            f" ON k.id_category = c.id_category JOIN {self._prefix}product_shop s ON s.id_product = c.id_product"
            " WHERE k.active = 1 AND k.level_depth > 1 AND s.active = 1 GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
        )
        if not rows:
            return "no category holds a product"
        page = self._visitor.open(f"index.php?controller=category&id_category={rows[0][0]}")
        if not page.pictures and page.lacking and not page.faults:
            return "the template's tree has none of its pictures"
        if not page.pictures:
            page.faults.append("no picture is shown")
        return page.row("category")

    def search(self):
        """A product is found by a word of its name."""
        products = self._products(False)
        if not products:
            return "it sells nothing"
        words = self._query(
            f"SELECT w.word FROM {self._prefix}search_word w JOIN {self._prefix}search_index i ON i.id_word = w.id_word"
            f" JOIN {self._prefix}product_shop s ON s.id_product = i.id_product AND s.indexed = 1"
            f" WHERE i.id_product IN ({', '.join(row[0] for row in products)})"
            f" AND w.id_lang = {int(self._settings.get('PS_LANG_DEFAULT', '1'))} ORDER BY i.weight DESC LIMIT 1"
        )
        if not words:
            return "its search index is empty"
        page = self._searched(words[0][0])
        if not self._visitor.all(
            ".product-miniature, .product-container, .ajax_block_product, [data-id-product], .product_img_link"
        ):
            page.faults.append("finds nothing")
        return page.row("search")

    def _searched(self, word):
        """Return the page the form on the front page leads to; of themes without one, that of the address."""
        page = self._visitor.open("")
        field = self._visitor.first("input[name='s'], input[name='search_query']")
        if page.faults or field is None:
            # Shops with friendly addresses lead from this one to another and drop what was asked
            self._visitor.open("index.php?controller=search")
            asked = f"controller=search&s={word}&search_query={word}"
            return self._visitor.open(f"{self._visitor.driver.current_url.partition('?')[0]}?{asked}")
        self._visitor.fill(field, word)
        self._visitor.submit(field)
        return self._visitor.look()

    def cart(self):
        """A product goes into the cart."""
        if self._settings.get("PS_CATALOG_MODE") == "1":
            return "a catalogue without a cart"
        tried = 0
        for number, _name in self._products(False)[:TRIED_PRODUCTS]:
            self._visitor.open(f"index.php?controller=product&id_product={number}")
            button = self._visitor.first(CART_BUTTONS)
            if button is None or not button.is_enabled() or not button.is_displayed():
                continue
            tried += 1
            self._visitor.click(button)
            if self._visitor.until(self._has_lines, 25):
                return self._cart_page()
        if not tried:
            return "none of its first products can be bought"
        page = self._visitor.look()
        page.faults.append(f"{tried} products did not get into the cart")
        return page.row("cart")

    def _has_lines(self):
        return self._query(f"SELECT id_product FROM {self._prefix}cart_product LIMIT 1")

    def _cart_page(self):
        path = "index.php?controller=order" if self._is_1_6 else "index.php?controller=cart&action=show"
        return self._visitor.open(path).row("cart")

    def registration(self):
        """The page on which customers register."""
        page = self._visitor.open("index.php?controller=authentication&create_account=1")
        if not self._visitor.all("input[type='email'], input[name='email'], input[name='email_create']"):
            page = self._visitor.open("index.php?controller=registration")
        if not self._visitor.all("input[type='email'], input[name='email'], input[name='email_create']"):
            page.faults.append("asks for no e-mail address")
        return page.row("registration")

    def menu(self):
        """Return the addresses the menu leads to, with this session's tokens."""
        folder = self._one.row["admin_url"].rstrip("/").rpartition("/")[2]
        return [one for one in self._visitor.links(MENU, f"/{folder}/") if "logout" not in one.lower()]

    def excused(self, page):
        """Return why a page of the marketplace shows nothing here."""
        if page.faults and any(word in str((page.url, page.faults)) for word in MARKETPLACE):
            return f"the marketplace's page asks the marketplace, which cannot be reached here: {page.title[:80]}"
        # A page in place of an error does not say what went wrong
        asked = CANNOT_REACH.search(self._one.log.since()) if page.faults == ["status 500"] else None
        return f"asks a server of others, which cannot be reached here: {asked[1]}" if asked else ""
