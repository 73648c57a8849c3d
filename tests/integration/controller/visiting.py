"""Visits to a real web server, for tests of what they find."""

from controller.jobs.shop.checks.shop_checks import run_checks
from controller.jobs.shop.checks.visits import Site
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer
from tests.support.worlds.agent_box import NONCE

HOST = "shop.example.com"


def site(shop, host=HOST, folder="", **more):
    return Site("127.0.0.1", shop.port, ShopAddress.on_usual_port(host, folder), **more)


def check(shop, **changes):
    """Run one check; return its row, or the message with which it failed."""
    row = {"name": "front", "path": "/", "status": [200], **changes}
    renderer = Renderer(NONCE, {"domain": HOST, "admin_folder": "backoffice1"})
    try:
        return run_checks(site(shop), [row], renderer, timeout=60)[0]
    except ShoplaunchError as error:
        assert error.code == "check_failed"
        return error.message


def redirect(shop, path, target, status=302):
    shop.pages[path] = (status, {"Location": target}, b"")
