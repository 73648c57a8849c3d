"""Serialized values: what is rewritten is still read by real PHP, with exactly the strings that were meant."""

import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.recipes.php import serialized
from tests.unit.bundles.rewrite.helpers import VALUES, Shop, serialize, string
from tests.unit.bundles.rewrite.php_judge import judge, made_by_php

NEW = VALUES["domain"].encode()
WORDS = st.sampled_from(
    [b"myshop.example", b"http://myshop.example/", b"/srv/tpl/public_html/img", b" ", b"x", b'"', b";", b"}", b"s:5:\"",
     "فروشگاه".encode(), b"\x00", b"\xff", b"\\", b"'", b"a:1:{", b"%2F", b"www.myshop.example"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=6).map(b" ".join)
KEYS = st.one_of(st.integers(0, 99), st.sampled_from([b"k", b"http://myshop.example/", b"\x00*\x00p"]))
TREES = st.recursive(
    st.one_of(TEXTS, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none(), st.floats(-1e9, 1e9)),
    lambda inner: st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


SHOP = Shop()


def replaced(text):
    """Return a string with the plainest replacing there is; one with NUL is binary and stays."""
    if b"\0" in text:
        return text
    for old, new in (
        (b"www.myshop.example", "domain"),
        (b"myshop.example", "domain"),
        (b"/srv/tpl/public_html", "root"),
    ):
        text = text.replace(old, VALUES[new].encode())
    return text


def meant(value):
    """Return the strings of a tree in PHP's order, replaced one by one."""
    if isinstance(value, bytes):
        return [replaced(value)]
    if isinstance(value, dict):
        found = []
        for key, item in value.items():
            found += meant(key) if isinstance(key, bytes) else []
            found += meant(item)
        return found
    return []


@pytest.mark.sampled(of=3, rests=True)
def test_php_reads_every_rewritten_value_and_finds_the_strings_that_were_meant():
    trees = []

    @settings(max_examples=1500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TREES)
    def collect(tree):
        trees.append(tree)

    collect()
    moved = [SHOP.moved(serialize(tree)) for tree in trees]
    answers = judge(moved)
    wrong = [
        (tree, new)
        for tree, new, (ok, strings) in zip(trees, moved, answers, strict=True)
        if not ok or strings != meant(tree)
    ]
    assert not wrong, wrong[0]
    assert sum(NEW in new for new in moved) > 200


def test_values_made_by_php_itself_are_read_again_and_hold_no_old_name():
    originals = made_by_php()
    assert len(originals) == 12
    moved = [SHOP.moved(value) for value in originals]
    assert [ok for ok, _ in judge(moved)] == [ok for ok, _ in judge(originals)]
    for old, new in zip(originals, moved, strict=True):
        assert b"myshop" not in new
        assert (new != old) == (b"myshop" in old)


def test_php_and_the_reader_agree_on_what_is_serialized():
    good = [serialize(tree) for tree in ({b"a": {1: b"x"}}, b"", {}, 5, None, True, {b"k": 1.5})]
    cases = list(good)
    for value in good:
        cases += [value[:cut] for cut in range(1, len(value))]
        cases += [value.replace(b"1", b"2", 1), value.replace(b"s", b"x", 1), value.replace(b";", b"", 1)]
    for value, (ok, _) in zip(cases, judge(cases), strict=True):
        try:
            _, end = serialized.scan(value)
            read = end == len(value)
        except serialized.Broken:
            read = False
        assert read == ok, value


@pytest.mark.parametrize(
    "value",
    [b'O:8:"stdClass":1:{s:1:"u";s:22:"http://myshop.example/";}',
     b'a:2:{i:0;O:14:"myshop.example":0:{}i:1;s:14:"myshop.example";}',
     b'a:1:{i:0;E:21:"Suit:myshop.exampleXX";}'],
)  # fmt: skip
def test_class_names_are_never_touched(value):
    names = [b'"stdClass"', b'O:14:"myshop.example"', b'"Suit:myshop.exampleXX"']
    kept = [name for name in names if name in value]
    moved = Shop().moved(value)
    assert all(name in moved for name in kept)


def test_the_body_a_class_made_itself_is_measured_anew():
    body = b'x:i:0;a:1:{i:0;s:22:"http://myshop.example/";};m:a:0:{}'
    moved = Shop().moved(b'C:11:"ArrayObject":%d:{%s}' % (len(body), body))
    inner = moved[moved.index(b"{") + 1 : -1]
    assert b"myshop" not in moved
    assert moved.startswith(b'C:11:"ArrayObject":%d:{' % len(inner))
    assert string(b"http://" + NEW + b"/") in inner


def test_escaped_strings_are_written_as_plain_ones_with_the_right_length():
    moved = Shop().moved(b'a:1:{i:0;S:23:"http://\\6dyshop.example/\\0a";}')
    assert moved == b"a:1:{i:0;" + string(b"http://" + NEW + b"/\n") + b"}"


def test_a_length_of_one_kind_of_value_is_one_placeholder():
    shop = Shop()
    template = shop.template(serialize({b"u": b"http://myshop.example/ http://myshop.example/x"}))
    assert b":domain:len*2+18@@" in template
    assert not shop.fragments.templates()


def test_several_kinds_of_values_in_one_string_become_a_fragment():
    shop = Shop()
    template = shop.template(serialize({b"u": b"/srv/tpl/public_html at http://myshop.example/"}))
    assert template.count(b":fragment.") == 2
    assert shop.fill(template) == serialize({b"u": b"/home/alice/public_html at http://" + NEW + b"/"})


def test_depth_costs_no_recursion():
    depth = 3000
    value = b"a:1:{i:0;" * depth + string(b"http://myshop.example/") + b"}" * depth
    assert Shop().moved(value) == b"a:1:{i:0;" * depth + string(b"http://" + NEW + b"/") + b"}" * depth


def test_counts_that_lie_are_refused_without_work():
    for value in (b"a:999999999999:{}", b's:99999999999:"x";', b'O:8:"stdClass":4294967296:{}'):
        with pytest.raises(serialized.Broken):
            serialized.scan(value)


def test_a_value_with_wrong_lengths_is_reported_and_rewritten_as_text():
    shop = Shop()
    moved = shop.moved(b'a:1:{s:1:"u";s:99:"http://myshop.example/";}')
    assert b"myshop" not in moved
    assert [what for _, what in shop.report.notes] == ["serialized value with wrong lengths, rewritten as text"]


def test_a_serialized_value_in_the_middle_of_a_text_keeps_right_lengths():
    inner = serialize({b"u": b"http://myshop.example/"})
    moved = Shop().moved(b"$conf = '" + inner + b"'; // myshop.example")
    assert moved == b"$conf = '" + serialize({b"u": b"http://" + NEW + b"/"}) + b"'; // " + NEW


def test_a_string_with_escaped_quotes_in_code_keeps_its_right_length():
    moved = Shop().moved(b'x = "a:1:{s:1:\\"u\\";s:22:\\"http://myshop.example/\\";}";')
    url = b"http://" + NEW + b"/"
    assert moved == b'x = "a:1:{s:1:\\"u\\";s:%d:\\"%s\\";}";' % (len(url), url)


def test_a_string_in_an_unknown_escaping_is_left_and_reported():
    shop = Shop()
    value = b'x = "s:22:\\\\\\"http://myshop.example/\\\\\\";"'
    assert shop.moved(value) == value
    assert shop.reasons == ["serialized string inside an unknown escaping"]


def test_property_names_stay_and_are_reported():
    shop = Shop()
    name = b"\0*\0myshop.example"
    value = b'O:8:"stdClass":1:{' + string(name) + b"i:1;}"
    assert shop.moved(value) == value
    assert shop.reasons == ["name of a property"]


OLD_ADDRESS = "http://myshop.example/a é"
#: Quotes of strings inside another encoding, in running text: how a value is encoded there.
CODED = [
    lambda value: html.escape(value), lambda value: html.escape(value).replace("&quot;", "&#34;"),
    lambda value: quote(value, safe=""), lambda value: quote_plus(value),
    lambda value: re.sub("%..", lambda hit: hit.group().lower(), quote(value, safe="")),
    lambda value: json.dumps(value)[1:-1].replace('\\"', "\\u0022").replace("/", "\\/"),
]  # fmt: skip


@pytest.mark.parametrize("spell", CODED)
def test_strings_whose_quotes_are_encoded_are_measured_in_the_middle_of_a_text(spell):
    def text(address):
        value = serialize({b"u": address.encode(), b"n": 1, b"p": b"same"}).decode()
        return f'<a data-x="{spell(value)}">?x={spell(value)}&y'.encode()

    shop = Shop()
    moved = shop.moved(text(OLD_ADDRESS))
    assert unified(moved) == unified(text(OLD_ADDRESS.replace("myshop.example", VALUES["domain"])))
    assert not shop.report.left


def unified(text):
    """Return encoded text with the digits of its escapes in small letters."""
    return re.sub(rb"%..", lambda hit: hit.group().lower(), text).replace(b"&#34;", b"&quot;")


@pytest.mark.parametrize(
    "text",
    ["x s:3:&quot;http://myshop.example/&quot;; y", "x s%3A99%3A%22http://myshop.example/%22%3B y",
     'x s:21:\\\\\\"http://myshop.example/\\\\\\"; y', "x s:99:\\u0022http://myshop.example/\\u0022; y"],
)  # fmt: skip
def test_a_string_whose_length_is_wrong_or_whose_encoding_is_unknown_stays_and_is_reported(text):
    shop = Shop()
    assert shop.template(text.encode()) == text.encode()
    assert shop.reasons == ["serialized string inside an unknown escaping"]


def test_a_string_of_json_that_is_no_text_is_rewritten_as_it_stands():
    shop = Shop()
    old = rb'{"a":"\ud83d http:\/\/myshop.example\/x","b":"c"}'
    assert shop.moved(old) == old.replace(b"myshop.example", VALUES["domain"].encode())
