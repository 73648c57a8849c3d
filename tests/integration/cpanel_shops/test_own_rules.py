"""PrestaShop's own rules, written anew for a template of localhost: its addresses work in a real Apache."""

import os
from pathlib import Path

import pytest

from controller.recipes.prestashop.files.htaccess import OwnBlock
from controller.recipes.tree.htaccess import OwnersRules
from shared.placeholders import Renderer

pytestmark = pytest.mark.root
NONCE = "1a2b3c4d"
#: What a developer's shop of 1.6 left: pictures for its own host alone.
TEMPLATE = """\
# of the owner
RewriteCond %{HTTP_HOST} ^localhost$
RewriteRule ^old-page$ /shop/cms [R=301,L]

# ~~start~~ Do not remove this comment
<IfModule mod_rewrite.c>
RewriteEngine on
RewriteRule . - [E=REWRITEBASE:/shop/]
RewriteCond %{HTTP_HOST} ^localhost$
RewriteRule ^([0-9])(\\-[_a-zA-Z0-9-]*)?(-[0-9]+)?/.+\\.jpg$ %{ENV:REWRITEBASE}img/p/$1/$1$2$3.jpg [L]
</IfModule>
# ~~end~~ Do not remove this comment
# behind it
"""
SETTINGS = {"PS_REWRITING_SETTINGS": "1", "PS_HTACCESS_CACHE_CONTROL": "1", "PS_HTACCESS_DISABLE_MULTIVIEWS": "1"}
VERSIONS = ("1.6.0.9", "1.6.1.13", "1.7.2.4", "1.7.6.8", "1.7.8.11", "8.0.5", "8.2.1", "9.0.0")
FILES = {
    "img/p/1/2/12-home_default.jpg": "picture 12", "img/p/7/7.jpg": "picture 7",
    "img/c/3-category_default.jpg": "category 3",
    "img/p/1/2/3/4/5/6/7/1234567-large_default.jpg": "picture 1234567", "img/c/en-default.jpg": "no category",
    "index.php": "<?php echo 'page '.$_SERVER['REQUEST_URI'].' '.($_SERVER['REDIRECT_HTTP_MOD_REWRITE'] ?? ''); ",
    "webservice/dispatcher.php": "<?php echo 'service '.$_GET['url']; ", "css/a.css": "style",
}  # fmt: skip
#: Address below the shop -> what it shows.
SHOWN = {
    "12-home_default/blue-shirt.jpg": "picture 12", "7/blue-shirt.jpg": "picture 7",
    "1234567-large_default/a.jpg": "picture 1234567", "c/3-category_default/shirts.jpg": "category 3",
    "c/en-default/none.jpg": "no category", "api/products": "service products", "css/a.css": "style",
    "3-shirts/12-blue-shirt.html": "page ", "nothing/here.html": "page ",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(server):
    """An account with a shop's files, at the root of its domain and in a folder."""
    hosting = server.add_account()
    root = Path(hosting.document_root_path)
    for folder in (root, root / "shop"):
        for name, content in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
    owner = root.stat()
    for path in root.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid)
    return hosting


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("base", ["/", "/shop/"])
def test_addresses_of_pictures_pages_and_services_work_wherever_the_shop_goes(whm, site, version, base):
    block = OwnBlock(tuple(map(int, version.split("."))), SETTINGS, NONCE)
    owners = OwnersRules(["localhost"], "/shop/", NONCE)
    template = block.put_into(TEMPLATE.encode(), lambda text: owners.template(b".htaccess", text, bytes) or text)
    filled = Renderer(NONCE, {"domain": site.domain, "base_uri": base}).render(template)
    assert b"of the owner" in filled and b"behind it" in filled and filled.count(b"~~start~~") == 1
    root = Path(site.document_root_path)
    (root / ".htaccess").unlink(missing_ok=True)
    (root / base.strip("/") / ".htaccess").write_bytes(filled)
    for address, shown in SHOWN.items():
        status, body = whm.server.get(site.domain, base + address)
        assert (status, body.decode()[: len(shown)]) == (200, shown), address


def test_the_rules_of_the_template_itself_show_no_picture(whm, site):
    root = Path(site.document_root_path)
    (root / ".htaccess").write_text(TEMPLATE)
    assert whm.server.get(site.domain, "/7/blue-shirt.jpg")[0] == 404
