"""A shop of 1.6 or 1.7 in a folder of its domain is a template itself: it goes to the root and into another folder."""

import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from controller.agent_archive.build import build_agent
from tests.browser.chromium.chrome import chrome
from tests.integration.real_prestashop.test_browser import check_page, click, one, pictures, visit
from tests.integration.real_prestashop.test_old_php import (  # noqa: F401 - fixtures among them
    bundle,
    database,
    folder,
    old,
    restored,
    shops,
    sign_in,
    variants,
)
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops.real_shop import PACK_SECONDS, SHOP_NAME
from tests.support.traces import Traces
from tests.support.worlds.agent_box import Keys

pytestmark = pytest.mark.browser
SHOPLAUNCH = str(Path(sys.executable).with_name("shoplaunch"))


@pytest.fixture(scope="module")
def moved(shops, folder, database):  # noqa: F811 - the fixtures above
    """Yield the shop in a folder, and what was made of it at the root and in another folder."""
    first, target, keys, controller = shops[3], folder / "below.bundle", Keys(), Controller()
    address = f"mysql://root@localhost/{first.database}?unix_socket={database.socket}"
    command = [SHOPLAUNCH, "pack", "--docroot", str(first.root), "--database", address, "-o", str(target)]
    subprocess.run(command, check=True, timeout=PACK_SECONDS)
    build_agent(folder / "other.pyz", [keys.public])
    made = []
    try:
        for domain, below in (("out.example", ""), ("across.example", "tea/room")):
            made.append(restored(domain, below, target, folder / "other.pyz", keys, database, controller))
        yield first, made
    finally:
        for shop in made:
            shop.close()
        controller.close()


def test_it_belongs_there_and_nothing_reveals_where_it_came_from(moved, database):  # noqa: F811 - as above
    first, made = moved
    for shop in made:
        shop.serve()
    resolve = {shop.values["domain"]: f"127.0.0.1:{shop.port}" for shop in made}
    with chrome(width=1400, height=1000, resolve=resolve) as browser:
        for shop in made:
            visit(browser, shop.shown)
            check_page(browser, shop.shown)
            assert browser.title == SHOP_NAME and len(pictures(browser)) > 5
            click(browser, "#center_column a.product-name, .product-miniature a.product-thumbnail")
            one(browser, "body#product")
            check_page(browser, shop.shown)
            assert one(browser, "#bigpic, .product-cover img").get_attribute("src") in pictures(browser)
            assert browser.find_elements(By.CSS_SELECTOR, "#add_to_cart button, button.add-to-cart")
            sign_in(browser, shop)
            check_page(browser, shop.shown)
    traces = Traces({"domain": first.values["domain"], "root": str(first.root)})
    for shop in made:
        assert traces.in_tree(shop.root) == []
        assert traces.in_database(database.socket, shop.database) == set()
