"""Values inside values inside values: serialized, JSON, base64, URLs in one another, rewritten where they are."""

import base64
import json
import os
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.bundles.rewrite.helpers import VALUES, Shop, serialize
from tests.unit.bundles.rewrite.php_judge import judge

MANY = 30_000 if os.environ.get("SHOPLAUNCH_NIGHTLY") else 1_500
#: What the template's words become.
WORDS = {
    "http://myshop.example/": f"http://{VALUES['domain']}/",
    "https://www.myshop.example/a?b=c": f"https://{VALUES['domain']}/a?b=c",
    "/srv/tpl/public_html/img": f"{VALUES['root']}/img",
    "فروشگاه": "فروشگاه",
    "x": "x",
    "it's; 5\" } {": "it's; 5\" } {",
    "": "",
}
LEAVES = st.lists(st.sampled_from(sorted(WORDS)), max_size=3).map(lambda words: ("words", words))


def _around(inner):
    keys = st.lists(st.sampled_from(["k", "url", "0a", "نام"]), min_size=1, max_size=3, unique=True)
    items = st.tuples(keys, st.lists(inner, min_size=3, max_size=3))
    return st.one_of(
        items.map(lambda made: ("serialized", dict(zip(*made, strict=False)))),
        items.map(lambda made: ("json", dict(zip(*made, strict=False)))),
        inner.map(lambda one: ("base64", one)),
    )


NESTED = st.recursive(LEAVES, _around, max_leaves=8)


def written(value, words):
    """Return the bytes of a nested value, its words taken from `words`."""
    kind, content = value
    if kind == "words":
        return " ".join(words[word] for word in content).encode()
    if kind == "serialized":
        return serialize({key.encode(): written(one, words) for key, one in content.items()})
    if kind == "json":
        texts = {key: written(one, words).decode() for key, one in content.items()}
        # As PHP writes it
        return json.dumps(texts, separators=(",", ":")).replace("/", "\\/").encode()
    inner = written(content, words)
    # Of a text alone nobody can tell whether it is base64; a document in it says so
    return base64.b64encode(inner) if content[0] in ("serialized", "json") else inner


@pytest.mark.sampled(of=3, rests=True)
def test_values_in_one_another_are_rewritten_where_they_are_and_php_reads_the_outermost():
    found = []

    @settings(max_examples=MANY, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(NESTED)
    def collect(value):
        found.append(value)

    collect()
    old = {word: word for word in WORDS}
    shop = Shop()
    moved = [shop.moved(written(value, old)) for value in found]
    wrong = [value for value, new in zip(found, moved, strict=True) if new != written(value, WORDS)]
    assert not wrong, (wrong[0], written(wrong[0], old), shop.moved(written(wrong[0], old)), written(wrong[0], WORDS))
    outer = [(new, value) for new, value in zip(moved, found, strict=True) if value[0] == "serialized"]
    answers = judge([new for new, _ in outer])
    assert all(ok for ok, _ in answers)
    depths = [depth(value) for value in found]
    assert max(depths) >= 4
    assert sum(new != written(value, old) for value, new in zip(found, moved, strict=True)) > MANY // 4


def depth(value):
    """Return how many documents stand in one another."""
    kind, content = value
    if kind == "words":
        return 0
    return 1 + max(map(depth, content.values() if isinstance(content, dict) else [content]))


def test_an_address_in_an_address_in_json_in_a_serialized_value_is_rewritten():
    inner = "http://myshop.example/?back=" + quote(
        "http://myshop.example/?x=" + quote("/srv/tpl/public_html/a", safe=""), safe=""
    )
    new, root = VALUES["domain"], VALUES["root"]
    outer = f"http://{new}/?back=" + quote(f"http://{new}/?x=" + quote(f"{root}/a", safe=""), safe="")

    def document(text):
        return serialize({b"u": json.dumps({"a": text}).replace("/", "\\/").encode()})

    moved = Shop().moved(document(inner))
    assert moved == document(outer)
    assert judge([moved]) == [(True, [b"u", json.dumps({"a": outer}).replace("/", "\\/").encode()])]
