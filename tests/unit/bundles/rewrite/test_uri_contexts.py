"""The folder a template lives in: an address of the shop in its files, or a folder of another name."""

import pytest

from controller.recipes.base import Replacement
from tests.unit.bundles.rewrite.helpers import VALUES, Shop

TREE = {b"img", b"modules", b"themes", b"index.php"}
NEW = {**VALUES, "base_uri": "/new/"}
REPLACEMENTS = [Replacement(b"/prestashop/", "base_uri", "uri")]

#: In a file of the template's own: what addresses of the shop look like.
ADDRESSES = [
    "define('__PS_BASE_URI__', '/prestashop/');",
    '<a href="/prestashop/">',
    '<a href="/prestashop/3-clothes">',
    ".logo { background: url(/prestashop/img/logo.png) }",
    "var base = '/prestashop/';",
    '{"logo":"/prestashop/img/logo.png"}',
    'ErrorDocument 404 "/prestashop/index.php?controller=404"',
]
#: Paths of the same spelling that programs join.
JOINED = [
    "0 => __DIR__ . '/..' . '/prestashop/decimal/src',",
    "$vendorDir . '/prestashop/decimal/src/Number.php'",
    "require_once dirname(__FILE__).'/prestashop/img/x.php';",
    "root + '/prestashop/img/x'",
    "${root}/prestashop/img/x",
    "'/prestashop/circuit-breaker/src' => 1,",
    "namespace('/prestashop/sub/')",
]


def filed(text, is_example=False):
    """Return what a file of the template becomes in a shop below another folder."""
    shop = Shop(REPLACEMENTS, NEW, holds=TREE.__contains__)
    return shop.fill(shop.rewriter.rewrite_file(text.encode(), "file", is_example)).decode()


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_of_the_shop_in_a_file_follows_it(text):
    assert filed(text) == text.replace("/prestashop/", "/new/")


@pytest.mark.parametrize("text", JOINED)
def test_a_path_that_a_program_joins_stays(text):
    assert filed(text) == text


@pytest.mark.parametrize("text", ADDRESSES)
def test_files_of_libraries_and_documentation_stay(text):
    assert filed(text, is_example=True) == text


def test_a_value_of_the_database_names_pages_that_are_no_files():
    shop = Shop(REPLACEMENTS, NEW, holds=TREE.__contains__)
    assert shop.moved(b'<a href="/prestashop/3-clothes">') == b'<a href="/new/3-clothes">'


@pytest.mark.parametrize(
    "text", ["/prestashop/img/a.png 1x, /prestashop/img/b.png 2.5x", "/prestashop/a 9w,\n/prestashop/b 99w"]
)
def test_each_picture_of_a_list_for_screens_of_several_sizes_follows(text):
    text = f'<img srcset="{text}">'.encode()
    assert Shop(REPLACEMENTS, NEW).moved(text) == text.replace(b"/prestashop/", b"/new/")
    at_root = text.replace(b"/prestashop/", b"/")
    assert Shop(values=NEW, root_links=True).moved(at_root) == text.replace(b"/prestashop/", b"/new/")


@pytest.mark.parametrize(
    ("old", "new"),
    [('<a href="/prestashop">', '<a href="/new/">'), ("<a href='/prestashop?a=1'>", "<a href='/new/?a=1'>"),
     ('{"h":"<a href=\\"\\/prestashop\\">"}', '{"h":"<a href=\\"\\/new\\/\\">"}'),
     ('<form action="/prestashop#x">', '<form action="/new/#x">'),
     ('<a href="/prestashop2">', None), ('<a href="/prestashop.php">', None), ('<a href="/x/prestashop">', None),
     ('<a href="//prestashop">', None), ("/prestashop", None), ('"/prestashop"', None)],
)  # fmt: skip
def test_a_link_to_the_front_page_needs_no_slash_at_its_end(old, new):
    assert Shop(REPLACEMENTS, NEW).moved(old.encode()).decode() == (new or old)


def test_of_a_folder_in_a_folder_the_front_page_is_the_whole():
    shop = Shop([Replacement(b"/a/shop/", "base_uri", "uri")], NEW)
    assert (
        shop.moved(b'<a href="/a/shop"> <a href="/shop"> <a href="/a">')
        == b'<a href="/new/"> <a href="/shop"> <a href="/a">'
    )
