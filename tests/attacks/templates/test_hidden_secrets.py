"""What must not leave a template is found in whatever spelling it stands, and in whatever part of its database."""

import base64
import json

import pytest

from controller.bundles.residue.search import Searcher
from controller.bundles.review.definitions import in_definitions
from controller.bundles.review.known_forms import KnownForms
from controller.bundles.review.substitution import substituted
from controller.bundles.source.database.open_source import open_source
from controller.bundles.source.database.schema import take_apart
from tests.attacks.table import attack
from tests.support.shops.packing import server_url
from tests.support.shops.secret_samples import FORMS

#: In base64 each has both of its signs.
SECRETS = [b"what?~ever>>is??secret", b"https://partner.example/x?y=~~>??key", "گذرواژه؟~~>??>فروشگاه".encode()]
ESCAPED = {
    "json of PHP": lambda coded: coded.replace("/", "\\/"),
    "json in json": lambda coded: coded.replace("/", "\\\\\\/"),
    "json in quotes": lambda coded: coded.replace("/", "\\\\/"),
    "json of JavaScript": lambda coded: coded.replace("/", "\\u002f"),
    "json of .NET": lambda coded: coded.replace("/", "\\u002F").replace("+", "\\u002B"),
    "json of .NET, slashes": lambda coded: coded.replace("+", "\\u002B"),
    "an address": lambda coded: coded.replace("/", "%2F").replace("+", "%2B"),
    "an address in small letters": lambda coded: coded.replace("/", "%2f").replace("+", "%2b"),
}


@attack("A secret or the template's address stands in base64 in JSON or an address, where its signs are escaped",
        "it is found there, and what an operator decides about it is done")  # fmt: skip
@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("way", ESCAPED)
def test_base64_with_escaped_signs_is_looked_into(secret, way):
    searcher = Searcher({"secret": secret})
    signs = ""
    for shift in (b"", b"a", b"ab"):
        coded = base64.b64encode(shift + secret).decode()
        signs += coded
        written = f'{{"a": "{ESCAPED[way](coded)}"}}'.encode()
        assert searcher.found_in(written, True) == ["secret"]
        made = substituted(written, secret, b"x")
        assert not searcher.found_in(made, True)
        assert ESCAPED[way](base64.b64encode(shift + b"x").decode()).encode() in made
    assert "/" in signs and "+" in signs


NUMBERED = {
    "slashes": lambda text: text.replace("/", "\\u002f"),
    "as Go and Rails do it": lambda text: text.replace("&", "\\u0026"),
    "slashes in capitals": lambda text: text.replace("/", "\\u002F").replace("&", "\\u0026").replace("'", "\\u0027"),
    "as PHP is asked to": lambda text: text.replace("/", "\\/").replace("&", "\\u0026").replace("'", "\\u0027"),
}


@attack("A secret stands in JSON whose signs are numbers", "it is found, and can be taken out")
@pytest.mark.parametrize("way", NUMBERED)
def test_json_of_numbers_is_read(way):
    secret = "pa/ss&wo'rd/x"
    searcher = Searcher({"secret": secret.encode()})
    written = NUMBERED[way](json.dumps({"a": secret})).encode()
    assert json.loads(written) == {"a": secret}
    assert searcher.found_in(written, False) == ["secret"]
    assert json.loads(substituted(written, secret.encode(), b"x")) == {"a": "x"}


KEY = FORMS["key of Stripe"]


@attack("A template's living database runs statements by the clock, with a secret in one of them",
        "none of it is packed, and that is reported")  # fmt: skip
def test_events_stay_behind_and_are_reported(mariadb_server):
    database = mariadb_server.new_database()[0]
    try:
        mariadb_server.query("CREATE TABLE t (a varchar(99))", database=database)
        body = f"CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO INSERT INTO t VALUES ('{KEY}')"
        mariadb_server.query(body, database=database)
        with open_source(server_url(mariadb_server, database), None, None, lambda _: None) as source:
            assert source.routines() == []
            assert [note for note in source.notes if "nightly" in note and KEY not in note]
    finally:
        mariadb_server.query(f"DROP DATABASE `{database}`")
        mariadb_server.query(f"DROP USER `{database}`@localhost")


CREATE = """CREATE TABLE `t` (
  `id` int(11) NOT NULL COMMENT '{column}',
  `a` varchar(99) DEFAULT '{default}',
  `b` varchar(99) GENERATED ALWAYS AS (concat(`a`,'{generated}')) VIRTUAL,
  PRIMARY KEY (`id`) COMMENT '{index}',
  CONSTRAINT `c` CHECK (`a` <> '{check}')
) ENGINE=InnoDB COMMENT='{table}'
 PARTITION BY RANGE (`id`)
(PARTITION `p` VALUES LESS THAN (9) COMMENT = '{partition}' ENGINE = InnoDB)"""
PLACES = ("column", "default", "generated", "index", "check", "table", "partition")


@attack("A secret stands in what a table is made of: a comment, default, expression, check or partition, in base64 too",
        "packing tells it")  # fmt: skip
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("written", [KEY, base64.b64encode(KEY.encode()).decode()])
def test_every_part_of_a_definition_is_looked_through(place, written):
    create = CREATE.format(**{**dict.fromkeys(PLACES, "kept"), place: written})
    for rows in (1, 100_000):
        assert [one.kind for one in in_definitions({"t": take_apart(create, "t", rows)}, [])] == ["secret"]


@attack("A secret stands in what looks like a comment, and is code, a text or what a program reads",
        "packing asks about it; only what is a comment for certain is emptied without a question")  # fmt: skip
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.php", '<?php $a = "{$b["//"]} KEY";'),
        ("a.php", "<?php $a = <<<T\n// KEY\nT;\n"),
        ("a.php", '<?php\n/** @Key("KEY") */\nclass A {}'),
        ("a.php", "<?php\n/*\n * Update Key: KEY\n */\nf();"),
        ("a.php", "<?php die(); /* KEY */"),
        ("a.php", "<!-- <?= f() ?> KEY -->"),
        ("a.js", "if (a) /'/.test(b); c = '//KEY'"),
        ("a.js", "{} /'/ ; c = '//KEY'; d = /'/"),
        ("a.html", '<a data-x="<!-- KEY -->">a</a>'),
        ("a.html", '<!-- wp:x/map {"key":"KEY"} /-->'),
        ("a.sql", "/*!40101 SET @a = 'KEY' */;"),
        ("a.yml", "a: |\n  # KEY\n"),
    ],
)
def test_what_only_looks_like_a_comment_is_asked_about(path, content):
    written = content.replace("KEY", KEY).encode()
    searched = KnownForms([]).in_file(b"plugins/x/" + path.encode(), written)
    assert searched.content is written and [one.kind for one in searched.findings] == ["secret"]
    assert searched.blanked == []
