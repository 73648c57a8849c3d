"""What the markup of a visited page takes of the controller's memory is bounded, whatever the page says of itself"""

import pytest

from controller.jobs.shop.checks.page_markup import LINK, MAX_ADDRESS_CHARACTERS, MAX_ADDRESSES, Page
from tests.attacks.table import attack
from tests.support.measured import ended

ADDRESS = "http://shop.example/"
MOST_MEMORY = 32 * 1024 * 1024
#: Each is less than half a megabyte.
PAGES = {
    "a long base": b"<base href='/" + 20_000 * b"A/" + b"'>" + 5000 * b"<a href=1>",
    "a base that grows": 5000 * b"<base href=x/>" + 5000 * b"<a href=1>",
    "a base as long as allowed": b"<base href='/" + 900 * b"A/" + b"'>" + 40_000 * b"<a href=1>",
    "forms at a long base": b"<base href='/" + 900 * b"A/" + b"'>" + 60_000 * b"<form>",
}


@pytest.mark.sampled(of=3)
@attack(
    "a client's shop shows the check a page whose every address repeats a base of half the page's length",
    "so many addresses of such a length are noted, however many more it names",
)
@pytest.mark.parametrize("body", PAGES.values(), ids=PAGES)
def test_addresses_of_a_page_take_a_bounded_memory(body):
    assert len(body) < 512 * 1024
    page, memory = ended(lambda: Page(ADDRESS, body))
    assert memory < MOST_MEMORY
    assert len(page.addresses) <= MAX_ADDRESSES
    assert max((len(address) for _kind, address in page.addresses), default=0) <= MAX_ADDRESS_CHARACTERS


def test_the_first_base_counts():
    page = Page(ADDRESS, b"<base href=/one/><base href=/two/><a href=three>")
    assert page.of(LINK) == ["http://shop.example/one/three"]
