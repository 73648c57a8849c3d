"""Every spelling of the template's names becomes the new name in the same spelling, or is reported."""

import base64
import gzip
import html
import json
from dataclasses import replace
from itertools import product
from urllib.parse import quote, quote_plus

import pytest

from controller.jobs.shop import values
from controller.recipes.base import Replacement
from controller.recipes.template_location import Replacements
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from tests.unit.bundles.rewrite.helpers import NONCE, REPLACEMENTS, VALUES, Shop, serialize, string

DOMAIN = VALUES["domain"]
ROOT = VALUES["root"]
OLD, NEW = "http://myshop.example/a b", f"http://{DOMAIN}/a b"
OLD_PATH, NEW_PATH = "/srv/tpl/public_html/img", f"{ROOT}/img"


def php_json(value):
    return json.dumps(value).replace("/", "\\/")


#: How an address may be written.
SPELLINGS = (
    lambda text: text,
    lambda text: php_json({"u": text}),
    lambda text: json.dumps({"u": text}),
    lambda text: php_json([php_json({"u": text})]),
    lambda text: json.dumps({"é": text + "é"}, ensure_ascii=False),
    lambda text: "x=" + quote(text, safe=""),
    lambda text: "x=" + quote(quote(text, safe=""), safe=""),
    lambda text: "x=" + quote_plus(text),
    lambda text: "var a = " + php_json({"u": text}) + "; // and more",
    lambda text: "var a = '" + php_json(php_json({"u": text})) + "';",
    lambda text: f'<a href="{html.escape(text)}">',
    lambda text: html.escape(php_json({"u": text})),
    lambda text: quote(php_json({"u": text}), safe=""),
    lambda text: quote(serialize({b"u": text.encode()}).decode(), safe=""),
    lambda text: html.escape(serialize({b"u": text.encode()}).decode()),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    lambda text: "data:x;base64," + base64.b64encode((f"<{text}> <{text}>").encode()).decode() + '"',
    lambda text: base64.b64encode(serialize({b"j": php_json({"u": text}).encode()})).decode(),
    lambda text: serialize({b"o": base64.b64encode(php_json({"u": text}).encode()), b"p": 1}).decode(),
    lambda text: php_json({"s": serialize({b"b": base64.b64encode(php_json([text]).encode())}).decode()}),
)


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (OLD_PATH, NEW_PATH)])
def test_a_value_reads_as_if_it_had_been_written_in_the_new_shop(spell, old, new):
    shop = Shop()
    assert shop.moved(spell(old).encode()).decode() == spell(new)
    assert sum(shop.report.forms.values()) >= 1
    assert not shop.report.left


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a=%2fsrv%2ftpl%2fpublic_html%2fx", "a=%2Fhome%2Falice%2Fpublic_html%2fx"),
        ('"\\u002fsrv\\u002ftpl\\u002fpublic_html\\u002fx"', '"\\/home\\/alice\\/public_html\\/x"'),
        ("x &#x2F;srv&#x2F;tpl&#x2F;public_html&#x2F;y", "x /home/alice/public_html&#x2F;y"),
        (r"~^myshop\.example$~", r"~^a\-much\-longer\-name\.shop\.test\:8080$~"),
        (r'"~^\\/srv\\/tpl\\/public_html~"', r'"~^\\/home\\/alice\\/public_html~"'),
        ("http%3A%2F%2Fmyshop.example%2Fx", "http%3A%2F%2Fa-much-longer-name.shop.test%3A8080%2Fx"),
        ("http%253A%252F%252Fmyshop.example%252Fx", "http%253A%252F%252Fa-much-longer-name.shop.test%253A8080%252Fx"),
    ],
)
def test_spellings_that_differ_from_the_encoders_own_mean_the_same_afterwards(old, new):
    assert Shop().moved(old.encode()).decode() == new


@pytest.mark.parametrize(
    "text",
    ["myshop.example", "http://myshop.example", "HTTP://MyShop.Example/", "//myshop.example:443/", ".myshop.example",
     "https://www.myshop.example/x", "Visit myshop.example.", "myshop.example,", "x\\nmyshop.example\\n",
     ">myshop.example<", "%20myshop.example", "backup of myshop.example_2024",
     "myshop.example-catalogue.csv", "sales@myshop.example",
     "^(.*\\.)?myshop.example$"],
)  # fmt: skip
def test_the_domain_is_found_wherever_it_stands_as_a_whole(text):
    shop = Shop()
    moved = shop.moved(text.encode()).decode()
    assert DOMAIN in moved
    assert "myshop" not in moved.lower()
    assert not shop.report.left


@pytest.mark.parametrize(
    ("text", "reason"),
    [("http://notmyshop.example/", "part of a longer name"), ("http://myshop.example.org/", "part of a longer name"),
     ("http://my-myshop.example/", "part of a longer name"), ("http://cdn.myshop.example/", "a sub-domain"),
     ("cdn\\.myshop\\.example", "a sub-domain"), ("http://myshop.example-old.org/", "part of a longer name"),
     ("http://myshop.example:9999/", "with another port"), ("http://myshop.exampleé/", "part of a longer name"),
     ("/mnt/srv/tpl/x", "part of a longer path"), ("/srv/tpl2/x", "part of a longer path"),
     ("/srv/tpl.old/x", "part of a longer path"), ("/srv/tpl-2/x", "part of a longer path")],
)  # fmt: skip
def test_what_only_looks_like_it_is_left_and_reported(text, reason):
    shop = Shop()
    assert shop.template(text.encode()) == text.encode()
    assert shop.reasons == [reason]


def test_the_home_is_found_where_a_longer_path_only_begins_like_the_root():
    assert Shop().moved(b"/srv/tpl/public_html2/x") == b"/home/alice/public_html2/x"


def test_an_address_of_mail_is_one_value_and_not_a_domain():
    assert Shop().moved(b"to: Owner@myshop.example;") == b"to: o'neil+shop@new.test;"
    assert Shop().moved(b'{"m":"owner@myshop.example"}') == b'{"m":"o\'neil+shop@new.test"}'
    assert Shop().moved(b"the.owner@myshop.example") == b"the.owner@" + DOMAIN.encode()


def test_common_words_are_replaced_only_inside_addresses():
    shop = Shop([Replacement(b"localhost", "domain", "domain")])
    assert shop.moved(b"host=localhost http://localhost/x") == b"host=localhost http://" + DOMAIN.encode() + b"/x"
    assert shop.reasons == ["a common word outside an address"]


def test_a_domain_with_its_port_goes_as_a_whole():
    shop = Shop(
        [Replacement(b"myshop.local:8080", "domain", "domain"), Replacement(b"myshop.local", "domain", "domain")]
    )
    assert shop.moved(b"http://myshop.local:8080/ http://myshop.local/") == b"http://%b/ http://%b/" % (
        (DOMAIN.encode(),) * 2
    )


def test_a_folder_of_the_template_goes_with_its_domain_and_at_the_beginning_of_addresses():
    shop = Shop(
        [
            Replacement(b"myshop.example/shop", "domain", "domain"),
            Replacement(b"myshop.example", "domain", "domain"),
            Replacement(b"/shop/", "base_uri", "uri"),
        ]
    )
    text = b'<img src="/shop/img/a.jpg"> http://myshop.example/shop/x /my/shop/here'
    assert shop.moved(text) == b'<img src="/img/a.jpg"> http://' + DOMAIN.encode() + b"/x /my/shop/here"


def test_the_domain_in_its_own_script_is_found():
    name = "فروشگاه.example"
    shop = Shop([Replacement(name.encode(), "domain", "domain")])
    assert shop.moved(name.encode()) == DOMAIN.encode()
    assert shop.moved(json.dumps({"u": f"http://{name}/"}).encode()) == json.dumps({"u": f"http://{DOMAIN}/"}).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(b"http://myshop.example/", mtime=0), "compressed"),
        (base64.b64encode(gzip.compress(b"http://myshop.example/", mtime=0)), "compressed"),
        (b"\x00\x01http://myshop.example/\x00", "binary"),
        (b"x " + b"http://myshop.example/".hex().encode(), "in hexadecimal"),
        (base64.b64encode(b"<<http://myshop.example/>>??>").rstrip(b"="), "base64 in an unusual spelling"),
    ],
)
def test_what_cannot_be_rewritten_stays_and_is_reported(data, reason):
    shop = Shop()
    assert shop.template(data) is data
    assert reason in shop.reasons


@pytest.mark.parametrize("needle", [b"rowjobnowjog", b"Row/Job-2024-x", b"0f5c7a52-6f0b-4d0e"])
@pytest.mark.parametrize("before", [b"", b"a", b"ab"])
@pytest.mark.parametrize("around", [b"<?php $x = '%b';", b"THE KEY='%b' OF ALL", b"'%b'", b"aB '%b' Cd"])
def test_base64_in_a_file_is_found_whatever_letters_it_has(needle, before, around):
    shop = Shop([Replacement(needle, "domain", "secret")])
    coded = base64.b64encode(before + needle + before)
    moved = shop.fill(shop.rewriter.rewrite_file(around % coded, "file"))
    assert moved == around % base64.b64encode(before + DOMAIN.encode() + before)


def test_values_without_a_trace_come_back_as_the_same_object():
    shop = Shop()
    for data in (
        b"",
        b"x",
        b'{"a": "b"}',
        serialize({b"a": b"b" * 40}),
        b"aGVsbG8gd29ybGQh",
        b"plain text",
        b"\xff\x00",
    ):
        assert shop.template(data) is data


def test_the_report_names_forms_and_places_and_is_the_same_in_any_order():
    reports = []
    values = {
        "t.a": b"myshop.example",
        "t.b": b'{"u":"http:\\/\\/myshop.example"}',
        "t.c": serialize({b"u": b"/srv/tpl/x"}),
        "t.d": b"cdn.myshop.example",
    }
    for places in (sorted(values), sorted(values, reverse=True)):
        shop = Shop()
        for place in places:
            shop.rewriter.rewrite_text(values[place], place)
        reports.append(shop.report.as_json())
    assert reports[0] == reports[1]
    assert reports[0]["forms"] == {"json": 1, "plain": 1, "serialized": 1}
    assert [one["reason"] for one in reports[0]["left"]] == ["a sub-domain"]


def test_deeply_wrapped_values_end_without_harm():
    value = b"http://myshop.example/"
    for _ in range(25):
        value = serialize({b"x": value})
    moved = Shop().moved(value)
    assert b"myshop" not in moved


def test_files_are_rewritten_only_when_they_are_text():
    shop = Shop()
    text = b"<?php $root = '/srv/tpl/public_html';"
    assert shop.fill(shop.rewriter.rewrite_file(text, "a.php")) == b"<?php $root = '" + ROOT.encode() + b"';"
    binary = b"\x89PNG\0\0 http://myshop.example/"
    assert shop.rewriter.rewrite_file(binary, "a.png") is binary
    assert shop.reasons == ["binary"]
    assert NONCE.encode() not in binary


SECURE = [
    Replacement(b"https://myshop.example", "shop.url", "domain"),
    Replacement(b"myshop.example", "domain", "domain"),
]
SECURE_VALUES = {**VALUES, "shop.url": f"http://{DOMAIN}"}


@pytest.mark.parametrize("spell", [str, php_json, lambda text: "x=" + quote(text, safe=""), html.escape])
def test_an_address_with_its_scheme_becomes_the_new_one_with_its_own(spell):
    shop = Shop(SECURE, SECURE_VALUES)
    old = [spell(f"{scheme}://myshop.example/a") for scheme in ("https", "http")]
    assert [shop.moved(text.encode()).decode() for text in old] == [spell(f"http://{DOMAIN}/a")] * 2


def test_an_address_with_its_scheme_and_another_port_is_somebody_elses():
    shop = Shop(SECURE, SECURE_VALUES)
    text = b"https://myshop.example:8443/a"
    assert shop.moved(text) == text
    assert {stays.reason for stays in shop.report.left} == {"with another port"}


#: The template at the root of its domain, as recipes name it that know folders.
AT_ROOT = [replace(one, address="shop.address") if one.kind == "domain" else one for one in REPLACEMENTS]
#: The same in a folder.
IN_FOLDER = [
    *(Replacement(one.old + b"/shop", "shop.address", "domain") for one in REPLACEMENTS if one.kind == "domain"),
    *REPLACEMENTS,
    Replacement(b"/shop/", "base_uri", "uri"),
]


def moved_to(folder, template):
    """A shop below `folder` ("" for the root) made of a template with these needles."""
    known = {**VALUES, **values.located(ShopAddress.on_usual_port(DOMAIN, folder))}
    return Shop(template, known, root_links=template is AT_ROOT)


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("folder", ["", "shop", "a.b/c-d"])
@pytest.mark.parametrize(("template", "old"), [(AT_ROOT, "myshop.example"), (IN_FOLDER, "myshop.example/shop")])
def test_addresses_follow_the_shop_out_of_a_folder_and_into_one(spell, folder, template, old):
    shop = moved_to(folder, template)
    new = shop.values["shop.address"]
    for path in ("?x", "/", "/a b/c.jpg"):
        assert shop.moved(spell(f"http://{old}{path}").encode()).decode() == spell(f"http://{new}{path}")
    assert not shop.report.left


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("//myshop.example/x", "//{address}/x"), ("HTTPS://www.MyShop.example/x", "HTTPS://{address}/x"),
        ("http://myshop.example:80/x", "http://{address}/x"), ("https://myshop.example:443", "https://{address}"),
        ("u=http%3A%2F%2Fmyshop.example%3A80%2Fx", "u=http%3A%2F%2F{url}%2Fx"),
        ("see myshop.example/contact or >myshop.example/x<", "see {address}/contact or >{address}/x<"),
        ("myshop.example", "{domain}"), ("sales@myshop.example", "sales@{domain}"),
        ("mailto:sales@myshop.example?cc=a@myshop.example", "mailto:sales@{domain}?cc=a@{domain}"),
        ("^myshop.example$", "^{domain}$"), ('"cookie_domain": ".myshop.example"', '"cookie_domain": ".{domain}"'),
        ("ftp://myshop.example/x", "ftp://{domain}/x"), ("smtp%3A%2F%2Fmyshop.example", "smtp%3A%2F%2F{quoted}"),
        ("mysql://user@myshop.example/db", "mysql://user@{domain}/db"),
        ("/var/log/myshop.example/access.log", "/var/log/{domain}/access.log"),
        ("myshop.example-catalogue.csv", "{domain}-catalogue.csv"),
    ],
)  # fmt: skip
def test_only_addresses_of_the_shop_take_its_folder_and_hosts_stay_hosts(text, wanted):
    shop = moved_to("a/b", AT_ROOT)
    address = shop.values["shop.address"]
    names = {"domain": DOMAIN, "quoted": quote(DOMAIN, safe=""), "address": address, "url": quote(address, safe="")}
    assert shop.moved(text.encode()).decode() == wanted.format(**names)


def test_what_lies_next_to_the_folder_of_the_template_is_not_the_shop():
    shop = moved_to("new", IN_FOLDER)
    text = "http://myshop.example/blog/ http://myshop.example/shopping http://myshop.example/shop?x"
    assert shop.moved(text.encode()).decode() == (
        f"http://{DOMAIN}/blog/ http://{DOMAIN}/shopping http://{DOMAIN}/new?x"
    )


#: Links are looked for in whole values and what these are wrapped in, not in encoded text amid other text.
WHOLE = [one for number, one in enumerate(SPELLINGS) if number not in (5, 6, 7, 9, 10, 17)]
#: Values with links that begin with a slash, of a shop whose root is %s.
LINKS = [
    '<a href="%simg/cms/a.jpg">x</a> <img src=\'%sb.png\' alt="/"> <form action="%s"> //cdn.example/x "/y/z"',
    'background: url(%simg/c.png) url("%sd.png") url(//cdn.example/e.png)',
    '<p>http://myshop.example/x <a href="%sf">f</a></p>',
    "&lt;a href=&quot;%sg&quot;&gt;",
]
#: The same of values that are nothing but an address; more text in them makes them others.
FILES = ["%smodules/reassurance/security.svg", "%simg/cms/A.JPG?v=2"]
NOTHING_BUT = [one for one in WHOLE if one not in (SPELLINGS[4], SPELLINGS[8])]
#: Values that are no such addresses.
NO_LINKS = ["/style.css", "//cdn.example/e/f.png", "/img/a.png and more", "/img/a.html", "img/a.png", "/", "/a/b.png/c"]


@pytest.mark.parametrize("folder", ["", "a/b"])
@pytest.mark.parametrize(("text", "spell"), [*product(LINKS, WHOLE), *product(FILES, NOTHING_BUT)])
def test_links_in_values_that_begin_with_a_slash_follow_the_shop(text, folder, spell):
    shop = moved_to(folder, AT_ROOT)
    old, new = (text.replace("%s", base) for base in ("/", shop.values["base_uri"]))
    new = new.replace("myshop.example", shop.values["shop.address"])
    assert shop.moved(spell(old).encode()).decode() == spell(new)


@pytest.mark.parametrize("spell", WHOLE)
@pytest.mark.parametrize("text", NO_LINKS)
def test_what_only_looks_like_an_address_stays(text, spell):
    assert moved_to("a/b", AT_ROOT).moved(spell(text).encode()).decode() == spell(text)


def test_a_link_in_code_with_serialized_values_keeps_their_lengths_or_stays():
    shop = moved_to("a/b", AT_ROOT)
    inner = '<a href="/x">'
    escaped = inner.replace('"', '\\"')
    assert shop.moved(f'$x = "s:{len(inner)}:\\"{escaped}\\";";'.encode()).decode() in (
        f'$x = "s:{len(inner) + 4}:\\"{escaped.replace("/x", "/a/b/x")}\\";";',
        f'$x = "s:{len(inner)}:\\"{escaped}\\";";',
    )


def test_links_in_files_are_the_applications_own():
    shop = moved_to("a/b", AT_ROOT)
    code = b"echo '<a href=\"/x\">'; // http://myshop.example/"
    filled = shop.fill(shop.rewriter.rewrite_file(code, "a.php"))
    assert filled == code.replace(b"myshop.example", shop.values["shop.address"].encode())
    assert shop.moved(b'<a href="/x">') == b'<a href="/a/b/x">'


@pytest.mark.parametrize(
    "wrap",
    [
        lambda mark: b'["' + mark.replace(b"@", b"\\u0040") + b' and more"]',
        lambda mark: base64.b64encode(b'a:1:{i:0;s:40:"' + mark + b' aaaaaaaaaaaaaaaaaaaa";}'),
        lambda mark: string(base64.b64encode(b"http://elsewhere.example/?q=" + mark)),
    ],
    ids=["in JSON", "in base64", "in base64 in a serialized string"],
)
@pytest.mark.parametrize(
    "mark", [b"@@SL1a2b3c4d:domain:raw@@", b"@@SL1a2b3c4d:up:rcw@@"], ids=["a placeholder", "broken"]
)
def test_a_value_that_holds_a_mark_of_this_bundle_is_refused_however_it_is_wrapped(wrap, mark):
    """It would be filled in the new shop as if the packer had made it."""
    with pytest.raises(ShoplaunchError, match="template_occupied"):
        Shop().template(wrap(mark))


def test_placeholders_that_a_recipe_has_put_into_a_file_stay():
    text = b"RewriteBase @@SL1a2b3c4d:base_uri:raw@@\n# http://myshop.example/\n"
    shop = Shop()
    assert shop.fill(shop.rewriter.rewrite_file(text, ".htaccess")) == f"RewriteBase /\n# http://{DOMAIN}/\n".encode()


def test_the_names_of_the_database_and_its_user_follow_where_a_module_has_written_them_down():
    found = Replacements()
    found.add_access({"DB_NAME": b"tea_shop1", "DB_USER": b"tea_boss2"})
    shop = Shop(found.all(), {**VALUES, "db.name": "new_db", "db.user": "new_user"})
    moved = shop.moved(b'"tea_boss2" of `tea_shop1`, tea_shop1.sql, my_tea_shop1, tea_shop1s')
    assert moved == b'"new_user" of `new_db`, new_db.sql, my_tea_shop1, tea_shop1s'
