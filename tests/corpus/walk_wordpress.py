"""The walk through a WordPress, with or without WooCommerce: what there is to see is asked of its tables."""

PAGES = 10
MENU = "#adminmenu a[href]"
TRIED_PRODUCTS = 5
#: Pages that are none of the back office.
ELSEWHERE = ("logout", "customize.php")


def walk(one):
    """Take the steps."""
    site = _Site(one)
    one.do("front", site.front)
    one.do("product", site.product)
    if one.whole:
        one.do("category", site.category)
        one.do("post", site.post)
        one.do("search", site.search)
        one.do("cart", site.cart)
        one.do("registration", site.registration)
    one.do("login", site.login)
    if one.whole:
        pages = site.pages()
        for number in range(PAGES):
            one.do(f"back office {number + 1}", lambda number=number: site.page(pages, number))


class _Site:
    def __init__(self, one):
        self._one, self._visitor, self._query = one, one.visitor, one.query
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

    def login(self):
        """The back office opens to the new owner."""
        one, visitor = self._one, self._visitor
        page = visitor.open(one.row["admin_url"])
        name, password = visitor.first("#user_login"), visitor.first("#user_pass")
        if name is None or password is None:
            page = visitor.open("wp-login.php")
            name, password = visitor.first("#user_login"), visitor.first("#user_pass")
        if name is None or password is None:
            page.faults.append("asks for no name and password")
            return page.row("login")
        visitor.fill(name, f"{one.row['account']}@example.com")
        visitor.fill(password, one.password)
        visitor.click(visitor.first("#wp-submit"))
        if not visitor.until(lambda: visitor.all("#adminmenu"), 90):
            page = visitor.look()
            error = visitor.first("#login_error")
            page.faults.append(f"does not open: {error.text[:200] if error is not None else page.title}")
            return page.row("login")
        return visitor.look().row("login")

    def pages(self):
        """Return ten of the pages the menu leads to, spread over it."""
        found = [
            one for one in self._visitor.links(MENU, "/wp-admin/") if "logout" not in one and "customize.php" not in one
        ]
        step = max(1, len(found) / PAGES)
        return list(
            dict.fromkeys(found[int(number * step)] for number in range(PAGES) if int(number * step) < len(found))
        )

    def page(self, pages, number):
        """One page of the back office."""
        if number >= len(pages):
            return "the menu has no more" if pages else "nobody got in"
        page = self._visitor.open(pages[number])
        if self._visitor.all("#user_login"):
            page.faults.append("asks to sign in again")
        return page.row(f"back office {number + 1}", title=page.title)
