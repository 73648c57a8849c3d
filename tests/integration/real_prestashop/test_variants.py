"""A variant of a real PrestaShop, ordered by its name, is seen in a browser; an order without one is the template."""

import pytest

from tests.browser.chromium.chrome import chrome
from tests.integration.real_prestashop.test_browser import check_page, one, pictures, visit
from tests.support.shops.real_variant import LOGO_SIZE, NAME, PRODUCT_NAME, product, sizes_of_the_logo

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chrome(width=1400, height=1000) as driver:
        yield driver


def restored(real, *words):
    """Order a shop and let its agent do its work; return its status."""
    job = real.quiet_order(*words)
    assert real.run_agent(job, 600) == 0
    return real.live(job)


def seen(browser, shown, template):
    """Return what the shop shows in the places the variant changes: (sizes of its logo, name of the product)."""
    visit(browser, shown)
    check_page(browser, shown)
    assert len(pictures(browser)) > 5
    logos = sizes_of_the_logo(browser)
    visit(browser, shown, f"index.php?controller=product&id_product={product(template)}")
    check_page(browser, shown)
    return logos, one(browser, "h1").text.lower()


def test_a_variant_ordered_by_its_name_shows_its_setting_its_file_and_its_rows(browser, real):
    shown = restored(real, "--variant", NAME)
    assert shown["variant"] == NAME
    logos, name = seen(browser, shown, real.template)
    assert logos and set(logos) == {LOGO_SIZE}
    assert name == PRODUCT_NAME.lower()


def test_an_order_without_a_variant_shows_nothing_of_it(browser, real):
    shown = restored(real)
    assert shown["variant"] is None
    logos, name = seen(browser, shown, real.template)
    assert logos == [] and name and name != PRODUCT_NAME.lower()
