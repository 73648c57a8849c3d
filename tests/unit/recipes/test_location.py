"""Where a template stood: its absolute paths, what its own logs and pages say of them, and names of its host."""

import os

import pytest

from controller.recipes.location import hosts, paths
from controller.recipes.location.evidence import ends_of_logs, former_roots
from controller.recipes.prestashop.facts import series_of
from controller.recipes.prestashop.files.tree import former_roots as of_prestashop


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("/srv/a//b/", "/srv/a/b"), ("/app", "/app"), ("/", None), (".", None), ("a/b", None), ("", None), (None, None),
     ("//srv/a", "/srv/a"), ("c:\\xampp\\htdocs", "C:/xampp/htdocs"), ("D:/x/./y/../z", "D:/x/z"), ("C:\\", None),
     ("/C:/x/y", "C:/x/y"), ("C:x", None)],
)  # fmt: skip
def test_an_absolute_path_has_one_form_and_others_have_none(path, wanted):
    assert paths.absolute(path) == wanted


@pytest.mark.parametrize(
    ("path", "weak"), [("/app", True), ("/var/www", True), ("/var/www/html", False), ("C:/shop", False)]
)
def test_a_path_of_one_part_or_of_a_whole_server_is_weak(path, weak):
    assert paths.is_weak(path) == weak


def test_a_root_given_by_a_relative_path_or_a_link_is_known_by_all_its_absolute_paths(tmp_path, monkeypatch):
    real = tmp_path / "data" / "shop"
    real.mkdir(parents=True)
    link = tmp_path / "www"
    link.symlink_to(real)
    assert paths.roots_of(link) == [str(real), str(link)]
    monkeypatch.chdir(link)
    monkeypatch.setenv("PWD", str(link))
    assert paths.roots_of(type(real)(".")) == [str(real), str(link)]
    monkeypatch.setenv("PWD", str(tmp_path))
    assert paths.roots_of(type(real)(".")) == [str(real)]
    monkeypatch.chdir(tmp_path)
    assert paths.roots_of(type(real)("www")) == [str(real), str(link)]


@pytest.mark.parametrize(
    ("path", "home"),
    [("/home/bob/www/x", "/home/bob"), ("/home2/bob/www", "/home2/bob"),
     ("C:/Users/Bob Doe/Sites/x", "C:/Users/Bob Doe"),
     ("/Users/bob/Sites/x", "/Users/bob"), ("/srv/x", None), ("C:/xampp/htdocs", None),
     (None, None)],
)  # fmt: skip
def test_a_home_is_known_by_its_form(path, home):
    assert paths.home_in(path) == home


@pytest.fixture
def tree(tmp_path):
    """A tree of a few files."""
    for name in ("modules/one/one.php", "themes/classic/page.tpl", "classes/Tools.php", "img/p/1.jpg", "index.php"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("from '{0}/themes/classic/page.tpl' and '{0}/modules/one/one.php'", True),
        ("PHP Warning: x in {0}/classes/Tools.php on line 3\n#1 {0}/modules/one/one.php(7): y()", True),
        ('{{"a":"{1}\\/modules\\/one\\/one.php","b":"{1}\\/classes\\/Tools.php"}}', True),
        ("{0}/modules/one/one.php {0}/modules/one/one.php", False),
        ("{0}/modules/two/two.php {0}/classes/No.php", False),
        ("http://x.example{0}/modules/one/one.php http://x.example{0}/classes/Tools.php", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "root", ["/home/bob/www", "C:/xampp/htdocs/shop", "C:/Users/Bob Doe/shop", "/home/admin7/a/www"]
)
def test_a_former_root_is_where_two_files_of_the_tree_are_said_to_be(tree, text, wanted, root):
    said = text.format(root, root.replace("/", "\\/"))
    forms = [said, said.replace("/", "\\")] if ":" in root and "\\" not in said and "http" not in said else [said]
    for form in forms:
        assert former_roots(tree, [form.replace("\\", "\\\\").encode() if form != said else form.encode()]) == (
            [root] if wanted else []
        )


def test_the_folder_of_the_shops_address_is_no_path(tree):
    text = (
        b'"/blog/shop/modules/one/one.php" "/blog/shop/classes/Tools.php" "/shop/img/p/1.jpg" "/shop/classes/Tools.php"'
    )
    assert former_roots(tree, [text], "/blog/shop") == []
    assert former_roots(tree, [text]) == ["/blog/shop"]


def test_logs_that_may_not_be_read_say_nothing(tree):
    (tree / "error_log").mkdir()
    (tree / "log").mkdir()
    (tree / "log" / "a.log").write_bytes(b"x" * 300_000 + b"end")
    (found,) = ends_of_logs(tree, ("error_log", "log/*.log"))
    assert found.endswith(b"end") and len(found) < 300_000


@pytest.mark.parametrize(
    ("header", "root"),
    [
        (r"/* Smarty version 3.1.43, from 'C:\xampp\htdocs\shop\themes\classic\page.tpl' */", "C:/xampp/htdocs/shop"),
        (r'/* Smarty version 3.1, created on x from "c:\wamp64\www\ps\modules\gone\a.tpl" */', "C:/wamp64/www/ps"),
        ("/* compiled from '/home/old_user/www/themes/gone/x.tpl' */", "/home/old_user/www"),
        ("/* compiled from '/home/admin7/www/themes/classic/page.tpl' */", "/home/admin7/www"),
    ],
)  # fmt: skip
def test_compiled_pages_of_prestashop_reveal_where_it_ran_on_windows_too(tree, header, root):
    compiled = tree / "var/cache/prod/smarty/compile/ab"
    compiled.mkdir(parents=True)
    (compiled / "a.php").write_text(f"<?php {header}")
    if "classic" in header:
        other = header.replace("themes", "modules").replace("classic", "one").replace("page.tpl", "one.php")
        (compiled / "b.php").write_text(f"<?php {other}")
    assert of_prestashop(tree, series_of("8.2.1"), [], "") == [root]


def test_without_compiled_pages_logs_and_settings_reveal_the_location(tree):
    (tree / "var/logs").mkdir(parents=True)
    (tree / "var/logs/prod.log").write_text('request.CRITICAL at C:\\laragon\\www\\shop\\classes\\Tools.php line 7 "x"')
    settings = ["1", r"C:\laragon\www\shop\modules\one\one.php"]
    assert of_prestashop(tree, series_of("8.2.1"), settings, "") == ["C:/laragon/www/shop"]


@pytest.mark.parametrize(
    ("folder", "root"),
    [
        (r"\/var\/www\/html\/prestashop\/themes\/classic\/", ["/var/www/html/prestashop"]),
        (r"C:\\wamp64\\www\\shop\/themes\/classic\/", ["C:/wamp64/www/shop"]),
        (r"\/app\/themes\/classic\/", []), (r"themes\/classic\/", []), ("", []),
    ],
)  # fmt: skip
def test_the_record_of_a_theme_reveals_where_it_was_switched_on(tree, folder, root):
    record = tree / "config/themes/classic/shop1.json"
    record.parent.mkdir(parents=True)
    record.write_text(f'{{"name":"classic","directory":"{folder}"}}')
    (record.parent / "shop2.json").write_text("no JSON")
    (record.parent / "shop3.json").write_text('{"directory":7}')
    (record.parent / "shop4.json").write_text("[]")
    assert of_prestashop(tree, series_of("8.2.1"), [], "") == root


@pytest.mark.parametrize(
    ("host", "bare", "port", "weak"),
    [("localhost", "localhost", "", True), ("localhost:8080", "localhost", "8080", True),
     ("[::1]:8000", "[::1]", "8000", True),
     ("[::1]", "[::1]", "", True), ("192.168.1.5", "192.168.1.5", "", True), ("shop.test", "shop.test", "", False),
     ("db", "db", "", True), ("shop.example:443", "shop.example", "", False), ("1.example", "1.example", "", False)],
)  # fmt: skip
def test_a_host_and_its_port_are_separated(host, bare, port, weak):
    assert (hosts.split(host), hosts.is_weak(host)) == ((bare, port), weak)


def test_names_of_a_host():
    assert hosts.names_of("www.shop.example:81") == [
        "shop.example:81", "shop.example", "www.shop.example:81", "www.shop.example"
    ]  # fmt: skip
    assert hosts.names_of("localhost:81") == ["localhost:81", "localhost"]
    assert hosts.names_of("[::1]:81") == ["[::1]:81", "[::1]"]
    own = [name for name in hosts.names_of("xn--mnchen-3ya.example") if not name.isascii()]
    assert {"münchen.example", "MÜNCHEN.EXAMPLE", "www.münchen.example"} <= set(own)


@pytest.mark.parametrize(
    ("names", "one"),
    [(["a.example", "www.a.example:81"], True),
     (["a.example", "b.example"], False), (["localhost:8080", "127.0.0.1"], True),
     (["localhost", "a.example"], True), (["localhost", "a.example", "b.example"], False)],
)  # fmt: skip
def test_hosts_of_one_site(names, one):
    assert hosts.are_one_site(names) == one


def test_no_shell_that_lies_is_believed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", "relative")
    assert paths.roots_of(type(tmp_path)(".")) == [os.path.realpath(tmp_path)]
