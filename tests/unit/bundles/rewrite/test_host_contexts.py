"""What is an address of the shop and what a host of the machine, by where it stands."""

import base64
import json
import re
from urllib.parse import quote, quote_plus

import pytest

from controller.bundles.rewrite import searched
from controller.recipes.location import hosts
from controller.recipes.template_location import Replacements
from tests.unit.bundles.rewrite.helpers import VALUES, Shop, serialize

NEW = {
    **VALUES,
    "domain": "new.example",
    "shop.address": "new.example/s",
    "shop.url": "http://new.example/s",
    "base_uri": "/s/",
}


def shop_at(address, **options):
    """A template whose configuration names `address`: a host, maybe with a port and a folder."""
    host, slash, folder = address.partition("/")
    found = Replacements()
    found.add_hosts([hosts.plain(one) for one in host.split(",")], slash + folder)
    if folder:
        found.add(f"/{folder}/", "base_uri", "uri")
    return Shop(found.all(), NEW, **options)


#: {a} is the address, {h} its host, {r} the same as a regular expression.
ADDRESSES = [
    ("http://{a}", "http://new.example/s"), ("https://{a}/x?y", "https://new.example/s/x?y"),
    ('src="//{a}/img/a.png"', 'src="//new.example/s/img/a.png"'), ("url(//{a}/a.png)", "url(//new.example/s/a.png)"),
    (r'{{"u":"http:\/\/{a}\/x"}}', r'{{"u":"http:\/\/new.example\/s\/x"}}'),
    ("$scheme . '://{a}/x'", "$scheme . '://new.example/s/x'"), ("http://{a}#top", "http://new.example/s#top"),
    ("HTTP://{a}/", "HTTP://new.example/s/"),
]  # fmt: skip
#: Where a web server or a cookie asks for a host.
HOSTS = [
    ("RewriteCond %{{HTTP_HOST}} ^{h}$", "RewriteCond %{{HTTP_HOST}} ^new.example$"),
    ("RewriteCond %{{HTTP_HOST}} !^{h}$ [NC]", "RewriteCond %{{HTTP_HOST}} !^new.example$ [NC]"),
    ("RewriteCond %{{HTTP_HOST}} ={h}", "RewriteCond %{{HTTP_HOST}} =new.example"),
    ("define( 'COOKIE_DOMAIN', '{h}' );", "define( 'COOKIE_DOMAIN', 'new.example' );"),
    ('var c = {{"cookie_domain":"{h}"}};', 'var c = {{"cookie_domain":"new.example"}};'),
    ("session.cookie_domain = {h}", "session.cookie_domain = new.example"),
    ("SetEnvIf Host ^{h}$ own", "SetEnvIf Host ^new.example$ own"),
    ("$config['cookie_domain'] = '{h}';", "$config['cookie_domain'] = 'new.example';"),
]  # fmt: skip
#: Hosts of the machine, whatever the template's own port and folder are.
MACHINES = [
    "memcached://{b}", "redis://{b}:6379/0", "mysql:host={b};port=3306", "amqp://guest@{b}/", "smtp://{b}:25",
    "tcp://{b}:4711", "{b}:11211", "{b}:9000", "'host' => '{b}',", 'mysqli_connect("{b}", "a")', "http://{b}:9200/_search",
    "root@{b}", "{b}", "ftp://{b}/x", "unix://{b}", "DB_HOST={b}", "//{b} is a comment",
    "http://{b}x.example/", "http://api.{b}/", "ssl://{b}:465",
]  # fmt: skip
WEAK = [
    "localhost", "localhost:8080", "localhost/shop", "localhost:8080/shop", "127.0.0.1:8000", "192.168.1.5/shop",
    "prestashop", "web:8080", "[::1]:8080", "[::1]/shop",
]  # fmt: skip
STRONG = ["shop.test", "my-shop.local:8080/shop", "shop.example/shop"]


@pytest.mark.parametrize("template", WEAK + STRONG)
@pytest.mark.parametrize(("old", "new"), ADDRESSES)
def test_an_address_of_the_template_is_the_shops(template, old, new):
    shop = shop_at(template)
    assert shop.moved(old.format(a=template).encode()).decode() == new.format()
    assert not shop.report.left


@pytest.mark.parametrize("template", [one for one in WEAK if "[" not in one] + STRONG)
@pytest.mark.parametrize(("old", "new"), HOSTS)
def test_a_host_that_a_web_server_or_a_cookie_asks_for_is_the_shops(template, old, new):
    host = template.partition("/")[0]
    for name in dict.fromkeys([host, hosts.split(host)[0]]):
        assert shop_at(template).moved(old.format(h=name).encode()).decode() == new.format()


def test_a_host_as_a_regular_expression_is_one_too():
    assert shop_at("127.0.0.1").moved(rb"RewriteCond %{HTTP_HOST} ^127\.0\.0\.1$") == (
        rb"RewriteCond %{HTTP_HOST} ^new\.example$"
    )
    assert shop_at("localhost").moved(rb"RewriteCond %{HTTP_HOST} ^(www\.)?localhost$") == (
        rb"RewriteCond %{HTTP_HOST} ^(www\.)?new.example$"
    )


@pytest.mark.parametrize("template", WEAK)
@pytest.mark.parametrize("text", MACHINES)
def test_a_host_that_every_machine_has_stays(template, text):
    shop = shop_at(template)
    old = text.format(b=hosts.split(template.partition("/")[0])[0])
    assert shop.moved(old.encode()).decode() == old


@pytest.mark.parametrize(
    ("template", "text"),
    [("localhost:8080", "http://localhost/x"), ("localhost:8080", "http://localhost:8081/x"),
     ("localhost/shop", "http://localhost/phpmyadmin/"), ("localhost/shop", "http://localhost/shopping"),
     ("localhost/shop", "http://localhost/"), ("localhost/shop", "http://localhost:8080/shop"),
     ("localhost:8080/shop", "http://localhost:8080/blog/"), ("localhost:8080/shop", "http://localhost/shop/x"),
     ("127.0.0.1:8000", "http://127.0.0.1:9200"), ("127.0.0.1", "http://localhost/x"), ("db", "http://dba/x")],
)  # fmt: skip
def test_another_port_or_folder_of_such_a_host_is_another_server(template, text):
    shop = shop_at(template)
    assert shop.moved(text.encode()).decode() == text


@pytest.mark.parametrize(
    ("text", "new"),
    [("redis://shop.example:6379", None), ("smtp.shop.example", None), ("shop.example:11211", None),
     ("http://shop.example:8443/x", None), ("ftp://shop.example/x", "ftp://new.example/x"),
     ("mysql:host=shop.example", "mysql:host=new.example"), ("root@shop.example", "root@new.example"),
     ("memcached://shop.example", "memcached://new.example")],
)  # fmt: skip
def test_of_a_name_of_its_own_only_other_ports_and_names_below_it_stay(text, new):
    assert shop_at("shop.example").moved(text.encode()).decode() == (new or text)


def test_the_address_with_https_may_be_of_another_port():
    shop = shop_at("localhost:8080,localhost:443")
    assert shop.moved(b"https://localhost/x http://localhost:8080/x redis://localhost") == (
        b"https://new.example/s/x http://new.example/s/x redis://localhost"
    )


@pytest.mark.parametrize("template", WEAK)
def test_what_stays_is_not_searched_for_and_every_address_is(template):
    shop = shop_at(template)
    bare = hosts.split(template.partition("/")[0])[0]
    for text in MACHINES:
        shop.moved(text.format(b=bare).encode())
    wanted = [
        needle for one in searched.uncovered(shop.replacements) for needle in searched.needles_of(one, shop.report.left)
    ]
    stays = " ".join(MACHINES).format(b=bare).encode()
    assert not any(needle in stays for needle in wanted)
    for address in ("http://%s/x", "https://%s/", '"http://%s"', "'https://%s'"):
        assert any(needle in (address % template).encode() for needle in wanted)


@pytest.mark.parametrize(
    "path",
    [
        "vendor/a/b.php",
        "modules/x/vendor/y.php",
        "node_modules/z/i.js",
        "docs/a.html",
        "README.md",
        "tests/AppTest.php",
    ],
)
def test_an_example_in_a_library_or_in_documentation_stays(path):
    from controller.bundles.rewrite.contexts.examples import is_example

    assert is_example(path.encode())
    shop = shop_at("localhost")
    text = b"$client->get('http://localhost/x');"
    assert shop.rewriter.rewrite_file(text, path, is_example=True) is text
    assert shop.reasons == ["an example in a library or in documentation"]
    assert shop.fill(shop.rewriter.rewrite_file(text, "classes/a.php")) == b"$client->get('http://new.example/s/x');"
    own = shop_at("shop.example")
    assert b"new.example" in own.fill(own.rewriter.rewrite_file(b"http://shop.example/", path, is_example=True))


@pytest.mark.parametrize("path", ["themes/classic/a.tpl", "modules/docs.php", "wp-content/uploads/a.css", ".htaccess"])
def test_other_files_are_the_templates(path):
    from controller.bundles.rewrite.contexts.examples import is_example

    assert not is_example(path.encode())


@pytest.mark.parametrize("template", ["localhost", "localhost:8080/shop", "127.0.0.1/shop"])
@pytest.mark.parametrize(
    "text",
    ["RewriteCond %{{HTTP_REFERER}} !^https?://{h} [NC]", "RewriteCond %{{HTTP_REFERER}} !^http://([^.]+\\.)?{h}(/.*)?$",
     "RewriteCond %{{HTTP_REFERER}} !{h} [NC]", 'SetEnvIfNoCase Referer "^https?://{h}" own',
     "RewriteCond %{{HTTP_ORIGIN}} ^https?://{h}$"],
)  # fmt: skip
def test_a_rule_that_refuses_pictures_to_pages_of_other_hosts_lets_the_shops_own_have_them(template, text):
    old = text.format(h=hosts.split(template.partition("/")[0])[0])
    shop = Shop(shop_at(template).replacements, {**NEW, "shop.address": "new.example"})
    assert shop.moved(old.encode()).decode() == text.format(h="new.example")


@pytest.mark.parametrize("template", ["localhost", "shop.example"])
@pytest.mark.parametrize(
    "text",
    ['Header set Access-Control-Allow-Origin "http://{h}"', "'Access-Control-Allow-Origin' => 'http://{h}'",
     '<add name="Access-Control-Allow-Origin" value="http://{h}" />', 'Header set X-Frame-Options "ALLOW-FROM http://{h}"',
     "header('Access-Control-Allow-Origin: https://{h}');",
     "Header set Content-Security-Policy \"default-src 'self' http://{h}; img-src data: https://{h}\"",
     '<meta http-equiv="Content-Security-Policy" content="frame-ancestors http://{h}; form-action http://{h}">',
     r'{{"csp":"script-src http:\/\/{h} https:\/\/cdn.example"}}', "SetEnvIf Origin ^https?://{h}$ own"],
)  # fmt: skip
def test_an_origin_has_no_path_in_a_folder_either(template, text):
    moved = shop_at(template).moved(text.format(h=template).encode()).decode()
    assert moved == text.format(h="new.example")


def test_what_follows_a_policy_or_goes_on_with_a_path_is_an_address():
    text = b'img-src http://shop.example/a.png "><a href="http://shop.example">'
    assert (
        shop_at("shop.example").moved(text) == b'img-src http://new.example/s/a.png "><a href="http://new.example/s">'
    )


@pytest.mark.parametrize("key", [b"cookie_domain", b"cookieDomain", b"session.cookie_domain"])
@pytest.mark.parametrize("value", [b"localhost", b".localhost"])
def test_a_host_below_the_key_of_a_cookie_is_the_shops_in_whatever_it_is_wrapped(key, value):
    new = value.replace(b"localhost", b"new.example")
    for wrap in (serialize, lambda pairs: json.dumps({k.decode(): v.decode() for k, v in pairs.items()}).encode()):
        old, moved = wrap({key: value, b"host": b"localhost"}), wrap({key: new, b"host": b"localhost"})
        assert shop_at("localhost").moved(old) == moved
        assert shop_at("localhost").moved(serialize({b"x": old})) == serialize({b"x": moved})
        assert shop_at("localhost").moved(base64.b64encode(old)) == base64.b64encode(moved)


def test_a_text_that_only_comes_behind_the_name_of_such_a_key_is_a_word():
    for old in (serialize({b"a": b"cookie_domain", b"b": b"localhost"}), b'{"a":["cookie_domain","localhost"]}'):
        assert shop_at("localhost").moved(old) == old


@pytest.mark.parametrize(
    ("old", "new"),
    [("http://{h}/x", "http://{n}/x"), ("http://{c}/x", "http://{n}/x"), ("x http://{H}/x", "x http://{n}/x"),
     ('{{"u": "http://{h}/x"}}', '{{"u": "http://{n}/x"}}'),
     ("http%3A%2F%2F{c}%2Fx", "http%3A%2F%2Fnew.example%2Fs%2Fx")],
)  # fmt: skip
def test_a_name_in_its_own_script_begins_an_address_however_it_is_spelled(old, new):
    name = "österreich.example"
    text = old.format(h=name, c=quote(name), H=name.upper()).encode()
    assert shop_at("xn--sterreich-z7a.example").moved(text).decode() == new.format(n="new.example/s")


@pytest.mark.parametrize("host", ["web", "shop:81", "localhost"])
@pytest.mark.parametrize("spell", [str, quote_plus, lambda text: json.dumps({"u": text}).replace("/", "\\/")])
def test_an_address_in_base64_inside_of_a_text_is_found_however_short_its_host_is(host, spell):
    def coded(address):
        return ("[raw]" + base64.b64encode(f"<{spell(address)}>".encode()).decode() + "[/raw]").encode()

    assert shop_at(host).moved(coded(f"http://{host}/x")) == coded("http://new.example/s/x")


@pytest.mark.parametrize("template", ["localhost/shop", "shop.example/shop", "127.0.0.1/a/b"])
@pytest.mark.parametrize("text", ["http://{h}:80{f}/x", "https://{h}:443{f}/x", r'{{"u":"http:\/\/{h}:80{e}\/x"}}'])
def test_a_port_that_an_address_may_leave_out_stands_before_the_folder_as_well(template, text):
    host, _, below = template.partition("/")
    old = text.format(h=host, f=f"/{below}", e=f"/{below}".replace("/", "\\/"))
    new = re.sub(r":(?:80|443)", "", text).format(h="new.example", f="/s", e="\\/s")
    assert shop_at(template).moved(old.encode()).decode() == new


def test_a_former_domain_follows_in_rows_and_stays_in_files_where_it_is_the_makers():
    found = Replacements()
    found.add_hosts(["shop.example"], "")
    found.add_former("theme.example", "/demo")
    shop = Shop(found.all(), NEW)
    text = b"http://theme.example/demo/a.png https://www.Theme.example/x theme.example cdn.theme.example"
    assert shop.moved(text) == b"http://new.example/s/a.png https://new.example/s/x new.example cdn.theme.example"
    assert shop.rewriter.rewrite_file(text, "themes/a/functions.php") is text
    assert not any(b"theme" in needle for one in searched.uncovered(shop.replacements)
                   for needle in searched.needles_of(one, shop.report.left))  # fmt: skip
    own = Shop(found.all(), NEW)
    assert own.fill(own.rewriter.rewrite_file(b"http://shop.example/", "x.php")) == b"http://new.example/s/"


@pytest.mark.parametrize(
    ("former", "moved", "kept"),
    [
        (("localhost", "/before"), b"http://localhost/before/a.png", b"http://localhost/other/a.png"),
        (("localhost:8000", ""), b"http://localhost:8000/a.png", b"http://localhost:9200/a.png"),
        (("127.0.0.1:8000", "/before"), b"http://127.0.0.1:8000/before/a.png", b"redis://127.0.0.1"),
    ],
)
def test_of_a_former_name_that_every_machine_has_only_the_port_or_the_folder_is_the_templates(former, moved, kept):
    found = Replacements()
    found.add_hosts(["shop.example"], "/shop")
    found.add_former(*former)
    shop = Shop(found.all(), NEW)
    assert shop.moved(moved) == b"http://new.example/s/a.png"
    assert shop.moved(kept) == kept
