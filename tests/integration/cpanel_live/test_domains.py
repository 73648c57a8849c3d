"""Shops on domains that are not the account's main one, visited in the site that serves them."""

import pytest
import requests

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def server(shops):
    name = shops.add_server("domains", "api")
    shops.whole.world.run("skeleton", "install", name)
    return name


def visit(shops, domain):
    address = f"http://{shops.whm.ip}:{shops.whm.http_port}/"
    return requests.get(address, headers={"Host": domain}, allow_redirects=False, timeout=120)


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("kind", ["addon", "parked"])
def test_a_shop_lives_on_a_further_domain_of_the_account(shops, server, kind):
    hosting = shops.hosting(server)
    domain = f"{kind}-{hosting.user}.example.com"
    site = shops.whm.add_domain(hosting.user, domain, kind)
    (main := visit(shops, hosting.domain)).close()
    status = shops.live(shops.dropped(server, hosting, domain), hosting)
    assert domain in status["shop_url"]
    assert visit(shops, domain).status_code == 200
    assert (site.root == hosting.document_root_path) == (kind == "parked")
    if kind == "addon":
        assert visit(shops, hosting.domain).status_code == main.status_code, "the main site is as before"
