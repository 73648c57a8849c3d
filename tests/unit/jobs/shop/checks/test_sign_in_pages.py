"""Which of a back office's links the check follows once it has signed in."""

import pytest

from controller.jobs.shop.checks.sign_in import pages
from controller.jobs.shop.checks.visits import Answer, Site
from controller.shop_address import ShopAddress

CHECK = {
    "name": "office",
    "sign_in": {"user": "boss@shop.example", "pages": [{"name": "orders", "links": ["/sell/orders"]}]},
}  # fmt: skip
FORM = b'<form action="login" method="post"><input name="email"><input type="password" name="passwd"></form>'


class Visited:
    """Answers with the form, then with the links."""

    def __init__(self, base_uri, links):
        self.site = Site("192.0.2.7", 80, ShopAddress.on_usual_port("shop.example", base_uri.strip("/")))
        self.asked = []
        self._first = "".join(f'<a href="{link}">page</a>' for link in links).encode()

    def open(self, path, name, form=None):
        self.asked.append(path)
        return answer(path, self._first if form else b"<p>orders</p>")


def answer(path, body):
    return Answer(200, path, body, "text/html", 0)


@pytest.mark.parametrize("token", ["a", "a-longer-one-than-the-other"])
def test_a_link_out_of_the_shops_folder_is_not_followed_however_short_it_is(token):
    own = f"/boutique/office/sell/orders/?_token={token}"
    visited = Visited("/boutique/", ["/office/index.php/sell/orders?_token=b", "/office/sell/orders", own])
    assert [name for name, _ in pages(visited, answer("/boutique/office/login", FORM), CHECK, "pw")] == [
        "office_first_page", "office_orders",
    ]  # fmt: skip
    assert visited.asked == ["/boutique/office/login", own]
