"""The walk through a WordPress, with or without WooCommerce: what there is to see is asked of its tables."""

from tests.corpus.walks.walker import Walker

MENU = "#adminmenu a[href]"
TRIED_PRODUCTS = 5
#: Pages that are none of the back office.
ELSEWHERE = ("logout", "customize.php")


class WordPress(Walker):
    """The walk through one WordPress."""

    SEEN = ("category", "post", "search", "cart", "registration")
    NAME, PASSWORD, SUBMIT = "#user_login", "#user_pass", "#wp-submit"
    INSIDE, COMPLAINT = "#adminmenu", "#login_error"

    def __init__(self, one):
        super().__init__(one)
        self._prefix = next(name for name in one.query.tables if name.endswith("usermeta")).removesuffix("usermeta")
        self._options = dict(self._query(f"SELECT option_name, option_value FROM {self._prefix}options"))

    def _posts(self, kind):
        return self._query(
            f"SELECT ID, post_title FROM {self._prefix}posts WHERE post_type = %s AND post_status = 'publish'"
            " ORDER BY ID LIMIT 20",
            kind,
        )

    def _sells(self):
        plugins = self._options.get("active_plugins") or ""
        return "woocommerce/woocommerce.php" in plugins

    def front(self):
        """The front page."""
        page = self._visitor.open("")
        return page.row("front", title=page.title)

    def product(self):
        """A product, with its pictures."""
        if not self._sells():
            return "no shop: WooCommerce is not active"
        products = self._posts("product")
        if not products:
            return "it sells nothing"
        pictured = self._query(
            f"SELECT p.ID FROM {self._prefix}posts p JOIN {self._prefix}postmeta m ON m.post_id = p.ID AND m.meta_key ="
            f" '_thumbnail_id' AND m.meta_value > 0 JOIN {self._prefix}posts a ON a.ID = m.meta_value"
            " WHERE p.post_type = 'product' AND p.post_status = 'publish' ORDER BY p.ID LIMIT 1"
        )
        number = (pictured or products)[0][0]
        page = self._visitor.open(f"?post_type=product&p={number}")
        own = [one for one in page.pictures if "/uploads/" in one]
        if pictured and not own:
            page.faults.append("none of the product's pictures is shown")
        return page.row("product", product_pictures=len(own))

    def category(self):
        """The category with most products, else posts."""
        kind = "product_cat" if self._sells() else "category"
        rows = self._query(
            f"SELECT t.slug, t.term_id FROM {self._prefix}terms t JOIN {self._prefix}term_taxonomy x"
            " ON x.term_id = t.term_id WHERE x.taxonomy = %s AND x.count > 0 ORDER BY x.count DESC LIMIT 1",
            kind,
        )
        if not rows:
            return "no category holds anything"
        slug, number = rows[0]
        return self._visitor.open(f"?product_cat={slug}" if self._sells() else f"?cat={number}").row("category")

    def post(self):
        """A post, else a page."""
        posts = self._posts("post") or self._posts("page")
        return self._visitor.open(f"?p={posts[0][0]}").row("post") if posts else "nothing is published"

    def search(self):
        """Something is found by a word of its title."""
        found = (self._posts("product") if self._sells() else []) or self._posts("post") or self._posts("page")
        words = [word for _number, title in found for word in (title or "").split() if word.isalnum() and len(word) > 3]
        if not words:
            return "nothing has a title"
        page = self._visitor.open(f"?s={words[0]}")
        if words[0].lower() not in page.source.lower():
            page.faults.append("finds nothing")
        return page.row("search")

    def cart(self):
        """A product goes into the cart."""
        if not self._sells():
            return "no shop: WooCommerce is not active"
        simple = self._query(
            f"SELECT p.ID FROM {self._prefix}posts p JOIN {self._prefix}postmeta m ON m.post_id = p.ID"
            " AND m.meta_key = '_stock_status' AND m.meta_value = 'instock'"
            f" JOIN {self._prefix}postmeta c ON c.post_id = p.ID AND c.meta_key = '_price' AND c.meta_value <> ''"
            " WHERE p.post_type = 'product' AND p.post_status = 'publish' GROUP BY p.ID HAVING COUNT(*) = 1 LIMIT 5"
        )
        number = self._options.get("woocommerce_cart_page_id")
        if not simple or not number:
            return "nothing simple is in stock" if number else "it has no cart page"
        if "catalog-mode" in (self._options.get("active_plugins") or ""):
            return "a plug-in makes it a catalogue without a cart"
        for (product,) in simple[:TRIED_PRODUCTS]:
            self._visitor.open(f"?add-to-cart={product}")
            page = self._visitor.open(f"?page_id={number}")
            lines = ".cart_item, .wc-block-cart-items__row, .woocommerce-cart-form__cart-item"
            if self._visitor.until(lambda: self._visitor.all(lines), 15):
                return page.row("cart")
        page.faults.append("no product got into the cart")
        return page.row("cart")

    def registration(self):
        """The page on which customers sign in or register."""
        number = self._options.get("woocommerce_myaccount_page_id") if self._sells() else None
        if number:
            return self._visitor.open(f"?page_id={number}").row("registration")
        if self._options.get("users_can_register") != "1":
            return "nobody may register"
        return self._visitor.open("wp-login.php?action=register").row("registration")

    def form(self):
        """Open the form, where WordPress has it when the address the client was given leads elsewhere."""
        page, name, password = super().form()
        if name is not None and password is not None:
            return page, name, password
        page = self._visitor.open("wp-login.php")
        return page, self._visitor.first(self.NAME), self._visitor.first(self.PASSWORD)

    def menu(self):
        """Return the addresses the menu leads to."""
        found = self._visitor.links(MENU, "/wp-admin/")
        return [one for one in found if not any(word in one for word in ELSEWHERE)]
