"""A really installed PrestaShop 1.6 or 1.7, restored by the agent and read through a PHP compiled to WebAssembly.

Beside the template's document root and database SHOPLAUNCH_TEST_PHP_WASM names the folder in which
`npm install @php-wasm/node @php-wasm/node-7-4 node@24` was run.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import idna
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as expected

from controller.agent_archive.build import build_agent
from controller.jobs.shop.values import located, make_private_values
from controller.panels.local.private_stack.stack import free_port
from controller.shop_address import ShopAddress
from shared.encoding import sha256_hex
from tests.browser.chromium.chrome import chrome
from tests.integration.real_prestashop import test_browser as walk
from tests.integration.real_prestashop.test_browser import check_page, click, one, pictures, visit, wait_for
from tests.integration.real_prestashop.test_shops import SECRETS as LATER_SECRETS
from tests.integration.real_prestashop.test_variants import seen
from tests.support.servers.databases.mariadb import MariaDB
from tests.support.servers.php_versions import WASM, wasm_folder
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops.real_shop import DOCROOT, SHOP_NAME, is_1_6, parameters
from tests.support.shops.real_variant import LOGO_SIZE, NAME, PRODUCT_NAME, write_variants
from tests.support.traces import Traces
from tests.support.worlds.agent_box import Box, Keys

pytestmark = pytest.mark.browser
SERVER = Path(__file__).resolve().parents[2] / "support" / "servers" / "php_server.mjs"
SECONDS = 900
#: Domain and folder, and what else the job says, of each shop.
ORDERS = (
    ("shop.example", "", {}),
    (str(idna.encode("فروشگاه.example"), "ascii"), "", {}),
    ("evening.example", "", {"variant": NAME}),
    ("around.example", "shop", {}),
)
SECRETS = ("database_name", "database_user", "database_password", "cookie_key", "cookie_iv", "rijndael_key")
SECRETS += ("rijndael_iv",)


@pytest.fixture(scope="module")
def old(template):
    if not template.needs_wasm:
        pytest.skip(f"{DOCROOT} is of a later series than 1.7")
    if not wasm_folder("7.4"):
        pytest.skip(f"{WASM} names no PHP that is old enough")
    return template


@pytest.fixture(scope="module")
def series_1_6(old):
    if not is_1_6(old.root):
        pytest.skip("these pages are those of 1.6")


@pytest.fixture(scope="module")
def series_1_7(old):
    if is_1_6(old.root):
        pytest.skip("these pages are those of 1.7 and later")


@pytest.fixture(scope="module")
def folder():
    """A folder every account may enter."""
    made = Path(tempfile.mkdtemp(prefix="sl16"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def variants(old, folder):
    return write_variants(old, folder)


@pytest.fixture(scope="module")
def bundle(old, folder, variants):
    old.pack(folder / "old.bundle", variants)
    return folder / "old.bundle"


@pytest.fixture(scope="module")
def database(folder):
    """A server that also listens to addresses: sockets are beyond a PHP in WebAssembly."""
    (folder / "mariadb").mkdir()
    port = free_port()
    server = MariaDB(folder / "mariadb", ["--skip-networking=0", "--bind-address=127.0.0.1", f"--port={port}"])
    server.install()
    server.start()
    server.port = port
    yield server
    server.stop()


class Shop:
    """One restored shop at `address`: `box` is its account, `values` are its job's, `private` the secrets with the
    password."""

    def __init__(self, address, box, values, private):
        self.box, self.values, self.private = box, values, private
        self.root, self.database = Path(values["root"]), values["db.name"]
        self.port = free_port()
        self.shown = {"shop_url": address.url, "admin_url": address.url_below(values["admin_folder"])}
        self.process = None

    def serve(self):
        """Start a web server with the old PHP; return once it answers."""
        wasm = Path(wasm_folder("7.4"))
        own = wasm / "node_modules" / ".bin" / "node"
        node = [str(own) if own.exists() else "node", "--experimental-wasm-jspi"]
        command = [*node, str(SERVER), str(wasm), "7.4", str(self.box.root), str(self.port), self.values["base_uri"]]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        if self.process:
            self.process.kill()
            self.process.wait(60)
            self.process.stdout.close()
        self.box.close()


def restored(order, bundle, agent, keys, server, controller):
    """Restore the bundle into an account of its own as one of ORDERS says."""
    domain, below, more = order
    with zipfile.ZipFile(bundle) as members:
        raw = members.read("manifest.json")
    manifest = json.loads(raw)
    name, user, password = server.new_database()
    server.query(f"CREATE USER `{user}`@'127.0.0.1' IDENTIFIED BY %s", password)
    server.query(f"GRANT ALL ON `{name}`.* TO `{user}`@'127.0.0.1'")
    box = Box(controller, keys, agent)
    shutil.copy(bundle, box.folder / "shop.bundle")
    box.pin = {"manifest_sha256": sha256_hex(raw), "size": bundle.stat().st_size}
    box.own()
    private, address = make_private_values(manifest), ShopAddress.on_usual_port(domain, below)
    values = {
        **located(address), "domain_ssl": domain,
        "root": str(box.root / below), "home": str(box.home), "db.host": "127.0.0.1", "db.port": str(server.port),
        "db.tls": "plain", "db.address": f"127.0.0.1:{server.port}", "db.socket": "", "db.name": name, "db.user": user,
        "shop.name": SHOP_NAME, "shop.email": "owner@example.com", "admin.email": "owner@example.com",
        "admin.first_name": "Dana", "admin.last_name": "Neil", "shop.language": "en", "shop.country": "US",
        "shop.time_zone": "", "shop.currency": "",
        **{key: value for key, value in private.items() if key != "admin.password"}, "db.password": password,
    }  # fmt: skip
    # A job without a folder says nothing of one
    rules = {"keep": [], "default_pages": [], "htaccess_blocks": [], "occupied": "refuse"}
    place = {"document_root": {**rules, "folder": below}} if below else {}
    box.drop(values=values, account={"user": box.user, "home": str(box.home), "root": values["root"]}, **place, **more)
    assert box.run(seconds=SECONDS) == 0, controller.accepted("failed")
    return Shop(address, box, values, private)


@pytest.fixture(scope="module")
def shops(bundle, database, folder):
    keys = Keys()
    build_agent(folder / "agent.pyz", [keys.public])
    controller = Controller()
    made = []
    try:
        for order in ORDERS:
            made.append(restored(order, bundle, folder / "agent.pyz", keys, database, controller))
        yield made
    finally:
        for shop in made:
            shop.close()
        controller.close()


@pytest.fixture(scope="module")
def shop(shops):
    shops[0].serve()
    return shops[0]


@pytest.fixture(scope="module")
def abroad(shops):
    """The shop under a name in another script."""
    shops[1].serve()
    return shops[1]


@pytest.fixture(scope="module")
def evening(shops):
    """The shop ordered in the variant."""
    shops[2].serve()
    return shops[2]


@pytest.fixture(scope="module")
def below(shops):
    """The shop in a folder of its domain."""
    shops[3].serve()
    return shops[3]


@pytest.fixture(scope="module")
def browser(shops):
    resolve = {shop.values["domain"]: f"127.0.0.1:{shop.port}" for shop in shops}
    with chrome(width=1400, height=1000, resolve=resolve) as driver:
        yield driver


def test_the_same_template_is_packed_to_the_same_bytes(old, bundle, folder, variants):
    old.pack(folder / "again.bundle", variants)
    assert (folder / "again.bundle").read_bytes() == bundle.read_bytes()


def test_the_shops_share_no_secret_with_each_other_or_the_template(old, shops):
    found = [parameters(shop.root) for shop in shops]
    for name in SECRETS if is_1_6(old.root) else filter(old.settings.get, LATER_SECRETS):
        values = [one[name] for one in found]
        assert all(values) and len({*values, old.settings[name]}) == len(shops) + 1, name


def test_nothing_of_the_template_is_left_in_files_or_tables(old, shops, database):
    traces = Traces(old.known)
    for shop in shops:
        assert traces.in_tree(shop.root) == []
        assert traces.in_database(database.socket, shop.database) == set()


@pytest.mark.usefixtures("series_1_6")
def test_the_password_never_reached_the_account(shops, database):
    for shop in shops:
        (stored,) = database.query("SELECT passwd FROM ps_employee", database=shop.database)[0]
        keyed = parameters(shop.root)["cookie_key"] + shop.private["admin.password"]
        assert stored == hashlib.md5(keyed.encode()).hexdigest()
        traces = Traces({"password": shop.private["admin.password"]})
        assert traces.in_tree(shop.box.home) == []
        assert traces.in_database(database.socket, shop.database) == set()


@pytest.mark.usefixtures("series_1_6")
def test_a_visitor_finds_buys_and_registers(browser, shop):
    shown = shop.shown
    visit(browser, shown)
    check_page(browser, shown)
    assert browser.title == SHOP_NAME
    assert len(pictures(browser)) > 5
    click(browser, "#block_top_menu > ul > li > a")
    one(browser, "body#category")
    check_page(browser, shown)
    click(browser, "#center_column a.product-name")
    one(browser, "body#product")
    check_page(browser, shown)
    name = browser.find_element(By.CSS_SELECTOR, "h1").text
    assert one(browser, "#bigpic").get_attribute("src") in pictures(browser)
    click(browser, "#add_to_cart button")
    wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#layer_cart")))
    visit(browser, shown, "index.php?controller=order")
    assert name in one(browser, "#cart_summary .cart_item").text
    field = one(browser, "#search_query_top")
    # Short words may be on the shop's list of those it does not look for
    field.send_keys(max(name.split(), key=len))
    browser.execute_script("arguments[0].form.submit()", field)
    one(browser, "body#search")
    assert name in [link.text for link in browser.find_elements(By.CSS_SELECTOR, "#center_column a.product-name")]
    register(browser, shown)
    visit(browser, shown, "index.php?controller=order&step=1")
    wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#address1")))
    check_page(browser, shown)


def register(browser, shown):
    visit(browser, shown, "index.php?controller=authentication&back=my-account")
    one(browser, "#email_create").send_keys("vera@example.com")
    click(browser, "#SubmitCreate")
    for field, value in {"customer_firstname": "Vera", "customer_lastname": "Visitor", "passwd": "Marigold-73"}.items():
        wait_for(browser, expected.element_to_be_clickable((By.ID, field))).send_keys(value)
    click(browser, "#submitAccount")
    one(browser, "a.logout")
    check_page(browser, shown)


@pytest.mark.usefixtures("series_1_6")
def test_the_owner_logs_in_and_saves_a_product(browser, shop, database):
    sign_in(browser, shop)
    address = one(browser, "#subtab-AdminProducts a").get_attribute("href")
    check_page(browser, shop.shown)
    browser.get(address)
    assert len(wait_for(browser, lambda page: page.find_elements(By.CSS_SELECTOR, "table.product tbody tr"))) > 3
    check_page(browser, shop.shown)
    browser.get(one(browser, "table.product tbody tr a.edit").get_attribute("href"))
    field = wait_for(browser, expected.element_to_be_clickable((By.ID, "name_1")))
    field.clear()
    field.send_keys("Renamed by its owner")
    # Not before all parts of the page are there; each has such a button
    buttons = "button[name='submitAddproductAndStay']"
    button = wait_for(browser, lambda page: usable(page.find_elements(By.CSS_SELECTOR, buttons)))
    browser.execute_script("arguments[0].click()", button)
    saved = "SELECT COUNT(*) FROM ps_product_lang WHERE name = 'Renamed by its owner'"
    wait_for(browser, lambda _: database.query(saved, database=shop.database)[0][0])
    check_page(browser, shop.shown)


def sign_in(browser, shop):
    """The back office opens to the password that was made for its owner."""
    browser.get(shop.shown["admin_url"])
    one(browser, "#email").send_keys("owner@example.com")
    one(browser, "#passwd").send_keys(shop.private["admin.password"])
    click(browser, "button[name='submitLogin'], #submit_login")
    one(browser, "#subtab-AdminProducts a")


def usable(elements):
    """Return the first of the elements that is shown and enabled, None when none is."""
    return next((element for element in elements if element.is_displayed() and element.is_enabled()), None)


@pytest.mark.usefixtures("series_1_6")
def test_another_word_than_the_password_does_not_open_the_back_office(browser, shop):
    browser.delete_all_cookies()
    browser.get(shop.shown["admin_url"])
    one(browser, "#email").send_keys("owner@example.com")
    one(browser, "#passwd").send_keys("not the password")
    click(browser, "button[name='submitLogin']")
    assert wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#error"))).text
    assert not browser.find_elements(By.CSS_SELECTOR, "#subtab-AdminProducts")


class RealShop:
    """The shop as the walk through later series asks for it (tests.support.shops.real_shop.Real)."""

    def __init__(self, template, shop, server):
        self.template = template
        self._shop, self._server = shop, server

    def sql(self, statement, *values, database):
        return tuple(self._server.query(statement, *values, database=database))

    def database(self, job):
        return self._shop.database

    def password(self, job):
        return self._shop.private["admin.password"]


@pytest.mark.usefixtures("series_1_7")
def test_a_visitor_and_the_owner_walk_through_1_7_as_through_later_ones(browser, old, shop, database):
    real, ordered = RealShop(old, shop, database), ({"account": "owner"}, shop.shown)
    walk.test_a_visitor_finds_a_product_and_puts_it_into_the_cart(browser, ordered)
    walk.test_a_visitor_searches_registers_and_reaches_the_address_step(browser, real, ordered)
    walk.test_the_owner_logs_in_with_the_password_from_the_mail_and_saves_a_product(browser, real, ordered)
    walk.test_a_wrong_password_does_not_open_the_back_office(browser, ordered)


@pytest.mark.parametrize("which", ["abroad", "below"])
def test_a_name_in_another_script_and_a_folder_have_pages_pictures_and_back_office(browser, request, which):
    shop = request.getfixturevalue(which)
    visit(browser, shop.shown)
    check_page(browser, shop.shown)
    assert browser.title == SHOP_NAME and len(pictures(browser)) > 5
    click(browser, "#block_top_menu > ul > li > a, #top-menu > li > a")
    one(browser, "body#category")
    check_page(browser, shop.shown)
    click(browser, "#center_column a.product-name, .product-miniature a.product-thumbnail")
    one(browser, "body#product")
    check_page(browser, shop.shown)
    name = browser.find_element(By.CSS_SELECTOR, "h1").text
    assert one(browser, "#bigpic, .product-cover img").get_attribute("src") in pictures(browser)
    click(browser, "#add_to_cart button, button.add-to-cart")
    wait_for(browser, expected.visibility_of_element_located((By.CSS_SELECTOR, "#layer_cart, #blockcart-modal")))
    visit(
        browser,
        shop.shown,
        "index.php?controller=order" if is_1_6(shop.root) else "index.php?controller=cart&action=show",
    )
    assert name.lower() in one(browser, "#cart_summary .cart_item, .cart-item").text.lower()
    check_page(browser, shop.shown)
    field = one(browser, "#search_query_top, input[name='s']")
    field.send_keys(max(name.split(), key=len))
    browser.execute_script("arguments[0].form.submit()", field)
    one(browser, "body#search")
    assert browser.find_elements(By.CSS_SELECTOR, "#center_column a.product-name, .product-miniature")
    check_page(browser, shop.shown)
    sign_in(browser, shop)
    check_page(browser, shop.shown)


def test_the_variant_shows_its_setting_its_file_and_its_rows_and_the_others_do_not(browser, old, shop, evening):
    looks = [seen(browser, one_shop.shown, old) for one_shop in (evening, shop)]
    assert looks[0] == ([LOGO_SIZE], PRODUCT_NAME.lower())
    assert looks[1][0] == [] and looks[1][1] not in ("", PRODUCT_NAME.lower())
