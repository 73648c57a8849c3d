"""Templates taken apart and encoded once more give what encoding the filled value would give."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.templates import append_step, encoded, length_token, marks
from shared.placeholders import Renderer, sql_escape, token

NONCE = "1a2b3c4d"
VALUE = "a'b\"c\\d\n/é"


def render(template, fragments=None):
    return Renderer(NONCE, {"x": VALUE, "y": "why"}, fragments).render(template)


def test_a_step_is_appended_to_every_placeholder_but_lengths():
    template = token(NONCE, "x") + b" " + token(NONCE, "x", "json") + b" " + token(NONCE, "x", "json.len*2+3")
    assert [mark.steps for mark in marks(append_step(template, NONCE, "sql"), NONCE)] == [
        "sql",
        "json.sql",
        "json.len*2+3",
    ]


def test_marks_of_another_bundle_are_text():
    other = token("deadbeef", "x")
    assert append_step(other, NONCE, "sql") == other
    assert marks(other, NONCE) == []


@given(
    st.lists(
        st.sampled_from([b"'", b"\\", b"\n", b"\0", b"text", b"@", b"@@", token(NONCE, "x"), token(NONCE, "y", "json")])
    )
)
def test_a_template_in_an_sql_string_fills_to_the_escaped_value(parts):
    template = b"".join(parts)
    # The writer of literals escapes first: no placeholder is touched by that
    assert render(append_step(sql_escape(template), NONCE, "sql")) == sql_escape(render(template))


@pytest.mark.parametrize(
    ("step", "encode"),
    [
        ("jsonplain", lambda value: json.dumps(value.decode())[1:-1].encode()),
        ("url", lambda value: quote(value, safe="").encode()),
    ],
)
def test_a_template_inside_an_encoding_fills_to_the_encoded_value(step, encode):
    template = "é/'\" ".encode() + token(NONCE, "x") + b"/" + token(NONCE, "x", "json") + b"\\"
    assert render(encoded(template, NONCE, step, encode)) == encode(render(template))


@pytest.mark.parametrize(
    "template",
    [
        b"nothing",
        b"",
        token(NONCE, "x"),
        b"a" + token(NONCE, "x") + b"b" + token(NONCE, "x"),
        token(NONCE, "x", "json.url") * 3 + b"tail",
    ],
)
def test_the_length_of_a_filled_template_is_one_placeholder(template):
    length = length_token(template, NONCE)
    assert render(length) == str(len(render(template))).encode()


def test_a_template_of_several_values_has_no_single_length():
    assert length_token(token(NONCE, "x") + token(NONCE, "y"), NONCE) is None
    assert length_token(token(NONCE, "x") + token(NONCE, "x", "json"), NONCE) is None
    assert length_token(token(NONCE, "x", "len"), NONCE) is None


def test_fragments_are_named_by_content_and_shared():
    fragments = Fragments(NONCE)
    first = fragments.token(b"<" + token(NONCE, "x") + b">", "base64")
    again = fragments.token(b"<" + token(NONCE, "x") + b">", "len")
    assert len(fragments.templates()) == 1
    other = Fragments(NONCE)
    other.token(b"another", "raw")
    assert other.token(b"<" + token(NONCE, "x") + b">", "base64") == first
    assert render(again, fragments.templates()) == str(len(VALUE.encode()) + 2).encode()
