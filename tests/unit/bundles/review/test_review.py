"""What is shown of a finding, what may be decided, and how a value is taken out of whatever it stands in."""

import base64
import json
from urllib.parse import quote

import pytest

from controller.bundles.residue.findings import DOMAIN, PATH, SECRET, SUSPECTED, Finding, Place, in_context, masked
from controller.bundles.review import decisions as files
from controller.bundles.review import harmless
from controller.bundles.review.decisions import Decision, Decisions, choices_of
from controller.bundles.review.passwords import Passwords
from controller.bundles.review.substitution import substituted
from shared.errors import ShoplaunchError
from tests.unit.bundles.rewrite.helpers import serialize

OLD = b"Zx9'kk2/aaQ-77%longer"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(b"abcdefghijklmnop", "ab…op (16 characters)"), (b"abcdefghijkl", "a…l (12 characters)"),
     (b"abcdefg", "… (7 characters)"),
     ("گذرواژهٔ من".encode(), "گ…ن (11 characters)"), (b"a\x1b[2Jbcdefg\n\x07", None)],
)  # fmt: skip
def test_a_value_is_shown_by_its_ends_and_never_more(value, shown):
    if shown is not None:
        assert masked(value) == shown
    assert masked(value).isprintable() and value.decode() not in masked(value)


def test_what_stands_around_an_address_shows_no_part_of_a_secret():
    data = b"pass=" + OLD + b" http://a.example/ and " + OLD
    shown = in_context(data, data.index(b"a.example"), data.index(b"a.example") + 9, [OLD])
    assert "http://a.example/" in shown
    assert "longer" not in shown and "kk2" not in shown


def test_what_stands_around_an_address_shows_no_key_of_another_service_and_no_access():
    key = b"sk_live_4fQ9zKd7Wm2xRt8LpV5cBn3Y"
    data = b"k=" + key + b" ftp://boss:hunter2-and-more@a.example/x " + key[:20]
    at = data.index(b"a.example")
    shown = in_context(data, at, at + 9, [])
    assert "a.example/x" in shown and "hunter2" not in shown and "pV5cBn3Y" not in shown
    tail = b"http://a.example/" + key
    assert "sk_live" not in in_context(tail, 7, 16, [])


@pytest.mark.parametrize(
    ("place", "kind", "choices"),
    [
        (Place("t", "c", (("id", "1"),)), SECRET, ("remove", "blank", "replace")),
        (Place("t", "c", (("id", "1"),)), SUSPECTED, ("remove", "blank", "replace", "accept")),
        (Place("t", "c", (("row", "1"),)), SECRET, ("blank", "replace")),
        (Place(file="a.php", line=3), DOMAIN, ("remove", "blank", "replace", "accept")),
        (Place(file="a.bin"), PATH, ("remove", "accept")),
        (Place(file="a.bin", is_name=True), SECRET, ("remove",)),
        (Place(part="the definition of a table"), SECRET, ()),
    ],
)
def test_what_can_be_decided_depends_on_the_place_and_on_the_proof(place, kind, choices):
    assert choices_of(Finding("x", place, kind, "")) == choices


ENCODED = {
    "plain": lambda value: b"key=" + value + b";",
    "serialized": lambda value: serialize({b"a": value, b"b": b"kept"}),
    "twice": lambda value: serialize({b"in": serialize({b"a": b"x " + value})}),
    "json": lambda value: json.dumps({"a": value.decode(), "b": ["kept"]}).replace("/", "\\/").encode(),
    "json in serialized": lambda value: serialize({b"in": ENCODED["json"](value)}),
    "base64 of serialized": lambda value: base64.b64encode(serialize({b"a": value})),
    "serialized in text": lambda value: b"<?php $a = '" + serialize({0: value}) + b"';",
    "hexadecimal": lambda value: b"x'" + value.hex().encode() + b"'",
    "address": lambda value: b"http://u:" + quote(value, safe="").encode() + b"@h/",
    "base64 in text": lambda value: b"Basic " + base64.b64encode(b"user:" + value) + b" end",
}  # fmt: skip


@pytest.mark.parametrize("name", ENCODED)
@pytest.mark.parametrize("new", [b"", b"other/text"])
def test_a_value_is_taken_out_of_whatever_it_stands_in_and_lengths_follow(name, new):
    wrap = ENCODED[name]
    old = OLD.replace(b"'", b"") if name == "serialized in text" else OLD
    assert substituted(wrap(old), old, new) == wrap(new)
    untouched = wrap(b"nothing of it")
    assert substituted(untouched, OLD, new) is untouched


def test_a_file_of_decisions_reads_back_whatever_its_places_are_called(tmp_path):
    made = Decisions()
    for place in (Place("t`\"x", "c", (("k", 'a"\\\n\x7f'), ("ü", "7"))), Place(file='a "b"\\c.php', line=3),
                  Place(file="x", is_name=True), Place(part="manifest.json checks")):  # fmt: skip
        made.put(Decision("secret one", place, "accept"))
    made.put(Decision("secret two", Place(file="y", line=1), "replace", 'with "this"\nand that'))
    files.write(tmp_path / "d.toml", made)
    assert files.read(tmp_path / "d.toml").entries == made.entries


GOOD = 'what = "x"\nfile = "a"\nline = 3\ndecision = "blank"\n'


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n", "decision = 3\n", "[[decision]]\n", GOOD,
        "[[decision]]\n" + GOOD + "value = 'x'\n",
        "[[decision]]\n" + GOOD.replace("blank", "forget"),
        "[[decision]]\n" + GOOD.replace("blank", "replace"),
        "[[decision]]\n" + GOOD + "with = 'x'\n",
        "[[decision]]\n" + GOOD + "table = 'x'\n",
        "[[decision]]\n" + GOOD + "column = 'x'\n",
        "[[decision]]\n" + GOOD.replace("line = 3", "line = -3"),
        "[[decision]]\n" + GOOD.replace("line = 3", "line = true"),
        "[[decision]]\n" + GOOD.replace("line = 3\n", ""),
        "[[decision]]\n" + GOOD.replace('"a"', '"/etc/passwd"'),
        "[[decision]]\n" + GOOD.replace('"a"', '"../a"'),
        "[[decision]]\n" + GOOD + "[[decision]]\n" + GOOD,
        '[[decision]]\nwhat = "x"\ntable = "t"\ncolumn = "c"\nkey = { id = 3 }\ndecision = "blank"\n',
        '[[decision]]\nwhat = "x"\ntable = "t"\ncolumn = "c"\ndecision = "blank"\n',
        '[[decision]]\nwhat = "x"\ntable = "t"\ncolumn = "c"\nkey = { row = "3" }\ndecision = "remove"\n',
        '[[decision]]\nwhat = "x"\npart = "manifest"\ndecision = "blank"\n',
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused_by_entry(tmp_path, text):
    (tmp_path / "d.toml").write_text(text)
    with pytest.raises(ShoplaunchError) as error:
        files.read(tmp_path / "d.toml")
    assert error.value.code == "decisions_invalid"


@pytest.mark.parametrize(
    ("file", "head", "kind", "needle", "why"),
    [
        ("img/a.jpg", b"\xff\xd8\xff\xe1", DOMAIN, b"shop.example", harmless.MEDIA),
        ("fonts/a.woff2", b"wOF2", PATH, b"/home/a/www", harmless.MEDIA),
        ("img/a.mp4", b"\0\0\0\x18ftypmp42", PATH, b"/home/a/www", harmless.MEDIA),
        ("img/a.jpg", b"<?php", DOMAIN, b"shop.example", ""),
        ("img/a.jpg", b"\xff\xd8\xff\xe1", SECRET, b"shop.example", ""),
        ("img/a.jpg", b"\xff\xd8\xff\xe1", SUSPECTED, b"9f3c7a1be04d5862", ""),
        ("vendor/a/b/README.md", b"#", DOMAIN, b"shop.example", harmless.DOCUMENT),
        ("modules/x/docs/install.html", b"<", SUSPECTED, b"prestashop", harmless.DOCUMENT),
        ("modules/x/README.md", b"#", SUSPECTED, b"9f3c7a1be04d5862", ""),
        ("README.md", b"#", DOMAIN, b"shop.example", ""),
        ("modules/x/readme.php", b"<?php", SECRET, b"prestashop", ""),
        ("vendor/a/b/src/User.php", b"<?php", SUSPECTED, b"prestashop", harmless.LIBRARY),
        ("vendor/a/b/src/User.php", b"<?php", DOMAIN, b"shop.example", ""),
        ("modules/x/x.php", b"<?php", SUSPECTED, b"prestashop", ""),
    ],
)
def test_what_is_harmless_needs_a_reason_and_a_secret_never_has_one(file, head, kind, needle, why):
    assert harmless.reason(Finding("x", Place(file=file, line=1), kind, ""), needle, head) == why


@pytest.mark.parametrize(
    ("file", "what", "why"),
    [
        ("wp-content/plugins/x/jwt/README.md", "secret private key", harmless.DOCUMENT),
        ("modules/x/sdk/examples/pay.php", "secret private key", harmless.DOCUMENT),
        ("wp-content/themes/x/inc/docs/a.html", "secret private key", harmless.DOCUMENT),
        ("modules/x/sdk/docs/LICENSE", "secret key of Stripe", harmless.DOCUMENT),
        ("modules/x/sdk/tests/pay.php", "secret web token", harmless.DOCUMENT),
        ("modules/x/README.md", "secret private key", ""),
        ("modules/x/sql/install.php", "secret key of Stripe", ""),
        ("modules/x/classes/Security.php", "secret private key", ""),
        ("modules/x/config/security.yml", "secret key of AWS", ""),
        ("modules/x/lib/docs/.env", "secret key of AWS", ""),
        ("modules/x/upgrade/install-1.2.php", "secret private key", ""),
        ("wp-content/plugins/x/includes/upgrade.php", "secret private key", ""),
        ("modules/x/api/test/keys.php", "secret key of Stripe", ""),
        ("wp-content/themes/x/inc/pay.php", "secret private key", ""),
        ("README.md", "secret private key", ""),
        ("wp-content/plugins/x/jwt/README.md", "secret cookie_key", ""),
    ],
)
def test_a_form_in_a_librarys_documents_is_everybodys_the_shops_own_secret_never(file, what, why):
    assert harmless.reason(Finding(what, Place(file=file, line=1), SECRET, ""), b"", b"#") == why


COPIES = [
    (b"config/old.php", b"<?php return ['database_user' => 'root', 'database_password' => 'prestashop'];", 1),
    (b".env", b"DB_USER=root\nDB_PASSWORD=prestashop\n", 2),
    (b"docker-compose.yml", b'a:\n  MYSQL_USER: root\n  MYSQL_PASSWORD: "prestashop"\n', 3),
    (b"tools/dump.sh", b"mysqldump mysql://root:prestashop@localhost/x", 1),
    (b"settings.xml", b"<user>root</user>\n<password>prestashop</password>", 2),
    (b"config/defines.inc.php", b"define('_DB_USER_', 'root');\ndefine('_DB_PASSWD_', 'prestashop');\n", 2),
]
NO_COPIES = [
    (b"classes/a.php", b"<?php $a = ['password' => 'prestashop']; // of nobody"),
    (b"classes/a.php", b"<?php echo 'root prestashop'; $a = 'prestashop';"),
    (b"vendor/a/config.php", b"['user' => 'root', 'password' => 'prestashop']"),
    (b"img/a.png", b"user root password=prestashop"),
    (b"a.php", b"['user' => 'root', 'password' => 'prestashopper']"),
    (b"a.php", b"['user' => 'rooted', 'password' => 'prestashop']"),
]


@pytest.mark.parametrize(("path", "content", "line"), COPIES)
def test_a_password_that_is_a_word_is_found_in_another_copy_of_the_configuration(path, content, line):
    (found,) = Passwords({"database_password": b"prestashop"}, [b"shop", b"root"]).in_file(path, content)
    assert (found.place.file, found.place.line, found.kind) == (path.decode(), line, SUSPECTED)
    assert "prestashop" not in found.sentence()


@pytest.mark.parametrize(("path", "content"), NO_COPIES)
def test_and_nowhere_else(path, content):
    assert Passwords({"database_password": b"prestashop"}, [b"shop", b"root"]).in_file(path, content) == []
