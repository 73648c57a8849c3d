"""Paths of the template become the account's: only absolute ones, at their ends, and those of Windows as well."""

import base64
import json

import pytest

from controller.bundles.rewrite.needles import Needles
from controller.recipes.base import Replacement
from controller.recipes.template_location import Replacements
from shared.errors import ShoplaunchError
from tests.unit.bundles.rewrite.helpers import VALUES, Shop, serialize

ROOT = VALUES["root"]


def php_json(value):
    return json.dumps(value).replace("/", "\\/")


def needles(*roots, homes=()):
    found = Replacements()
    found.add_paths(roots, homes)
    return found.all()


class Tree(Shop):
    """A template at `root` whose tree holds `entries`."""

    def __init__(self, root, *entries):
        held = {"/".join(entry.split("/")[: depth + 1]) for entry in entries for depth in range(entry.count("/") + 1)}
        super().__init__(needles(root), holds=lambda path: path.decode() in held)


@pytest.mark.parametrize("path", [".", "..", "./", "warehouse", "a/b", "", "/", "//", "C:", "C:\\", "c:/", "~/shop"])
def test_only_absolute_paths_are_looked_for(path):
    assert needles(path, homes=[path]) == []


@pytest.mark.parametrize("old", [b".", b"warehouse", b"a/b", b"/", b""])
def test_a_recipe_that_names_another_one_is_refused(old):
    with pytest.raises(ShoplaunchError, match=r"recipe_invalid.*not absolute"):
        Needles([Replacement(old, "root", "path")])


@pytest.mark.parametrize(
    "text", ["./srv/tpl/x", "../srv/tpl/x", "x/srv/tpl/y", "/mnt/srv/tpl", "/srv/tpl2", "/srv/tpl.old/x", "a-/srv/tpl"]
)
def test_a_path_is_found_at_its_ends_alone(text):
    shop = Shop(needles("/srv/tpl/"))
    assert shop.moved(text.encode()) == text.encode()


def test_what_is_written_twice_or_with_a_slash_at_its_end_is_the_same_path():
    assert needles("/srv//tpl/", "/srv/tpl", "/srv/x/../tpl") == needles("/srv/tpl")


#: A short root whose tree holds a folder of the same name, as PrestaShop's `app`.
HELD = (
    "config/settings.php",
    "modules/one/view.tpl",
    "app/config/parameters.php",
    "app/Resources/x.yml",
    "img/p/1.jpg",
)


@pytest.mark.parametrize(
    "text",
    ["'/app/modules/one/view.tpl'", "root=/app/img/p", '{"p":"\\/app\\/modules\\/one"}',
     "include '/app/modules/one/x.php';",
     "x=%2Fapp%2Fmodules%2Fone", "/app/modules/one", "file:///app/", "in /app/modules/one/view.tpl on line 3"],
)  # fmt: skip
def test_a_root_of_one_part_is_replaced_where_what_follows_is_in_the_tree(text):
    shop = Tree("/app", *HELD)
    moved = shop.moved(text.encode()).decode()
    assert "alice" in moved and "app" not in moved
    assert not shop.report.left


@pytest.mark.parametrize(
    "text",
    ["/app", "'/app'", "/app/", "'/app/config/parameters.php'", "$root . '/app/modules/one/view.tpl'",
     "{$dir}/app/modules/one",
     "'/app/modules'", "'/app/missing/one'", 'href="/app/modules/one"', "url(/app/img/p/1.jpg)", "../app/modules/one",
     "__DIR__.'/app/modules/one'", "~/app/img/p", "base + '/app/img/p'", "/app/../img/p"],
)  # fmt: skip
def test_a_root_of_one_part_stays_and_is_reported_where_it_may_be_something_else(text):
    shop = Tree("/app", *HELD)
    assert shop.moved(text.encode()) == text.encode()
    assert set(shop.reasons) <= {"a short path that may stand below another folder", "part of a longer path"}
    assert shop.reasons


def test_the_root_of_a_whole_server_is_as_short():
    shop = Tree("/var/www", "modules/one/x.php")
    assert shop.moved(b"'/var/www/modules/one'") == f"'{ROOT}/modules/one'".encode()
    assert shop.moved(b"'/var/www/html/modules/one'") == b"'/var/www/html/modules/one'"


WINDOWS = r"C:\xampp\htdocs\shop"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"C:\xampp\htdocs\shop", "{root}"), ("C:/xampp/htdocs/shop", "{root}"),
        ("c:/xampp/htdocs/shop/img", "{root}/img"),
        (r"c:\XAMPP\htdocs\shop\img\a b.jpg", "{root}/img/a b.jpg"), (r"C:\xampp\htdocs\shop/img\p", "{root}/img/p"),
        (r"'C:\\xampp\\htdocs\\shop\\img\\a.jpg'", "'{root}/img/a.jpg'"), (r"'C:\\xampp\\htdocs\\shop\\'", "'{root}/'"),
        (r"x = 'C:\\xampp\\htdocs\\shop\\new dir\\a.jpg', 'b\\c'", r"x = '{root}/new dir/a.jpg', 'b\\c'"),
        ("file:///C:/xampp/htdocs/shop/img/a.jpg", "file://{root}/img/a.jpg"),
        # As WooCommerce writes a folder it allows downloads from
        ("file://C:/xampp/htdocs/shop/up/", "file://{root}/up/"), (r"file://c:\xampp\htdocs\shop", "file://{root}"),
        (r'{"u": "file:\/\/C:\/xampp\/htdocs\/shop\/up"} //', r'{"u": "file:\/\/{json}\/up"} //'),
        (r'{"u": "file:\/\/\/C:\/xampp\/htdocs\/shop"} //', r'{"u": "file:\/\/{json}"} //'),
        ("file%3A%2F%2FC%3A%2Fxampp%2Fhtdocs%2Fshop%2Fup", "file%3A%2F%2F{quoted}%2Fup"),
        (r"in C:\xampp\htdocs\shop\classes\Tools.php on line\x", r"in {root}/classes/Tools.php on line\x"),
        ("p=C%3A%5Cxampp%5Chtdocs%5Cshop%5Cimg", "p={quoted}%2Fimg"),
        ("p=C%3A%2Fxampp%2Fhtdocs%2Fshop%2Fimg", "p={quoted}%2Fimg"),
        (r'var p = {"a": "C:\/xampp\/htdocs\/shop\/img"} //', r'var p = {"a": "{json}\/img"} //'),
        (r"C:\xampp\htdocs\shop2\img", r"C:\xampp\htdocs\shop2\img"), (r"C:\xampp\htdocs", r"C:\xampp\htdocs"),
        (r"D:\xampp\htdocs\shop", r"D:\xampp\htdocs\shop"),
    ],
)  # fmt: skip
def test_a_path_of_windows_is_one_of_the_new_host_with_all_that_follows(old, new):
    for root in (WINDOWS, WINDOWS.replace("\\", "/"), WINDOWS.lower()):
        names = {"{root}": ROOT, "{quoted}": ROOT.replace("/", "%2F"), "{json}": ROOT.replace("/", "\\/")}
        wanted = new
        for name, value in names.items():
            wanted = wanted.replace(name, value)
        assert Shop(needles(root)).moved(old.encode()).decode() == wanted


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: php_json({"p": text}),
        lambda text: php_json([php_json([text])]),
        lambda text: serialize({b"p": text.encode()}).decode(),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: serialize({b"p": php_json([text]).encode()}).decode(),
    ],
)
def test_a_path_of_windows_is_found_in_whatever_it_is_wrapped(wrap):
    shop = Shop(needles(WINDOWS))
    assert shop.moved(wrap(WINDOWS + "\\img\\a.jpg").encode()).decode() == wrap(ROOT + "/img/a.jpg")
    assert not shop.report.left


def test_backslashes_of_others_stay():
    shop = Shop(needles(WINDOWS))
    text = rb"use PrestaShop\Core; '\x41'; C:\xampp\htdocs\shop\img; D:\other\dir; \\server\share"
    assert shop.moved(text) == text.replace(rb"C:\xampp\htdocs\shop\img", ROOT.encode() + b"/img")


def test_a_domain_in_a_path_of_windows_goes_too():
    shop = Shop([*needles(WINDOWS), Replacement(b"myshop.example", "domain", "domain")])
    assert shop.moved(rb"C:\xampp\htdocs\shop\log\myshop.example\a.log").endswith(
        b"/log/" + VALUES["domain"].encode() + b"/a.log"
    )
