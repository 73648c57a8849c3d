"""Any value in any encoding, and encodings in one another: what reads it gets the value back, placeholders or not."""

import base64
import html
import json
import os
import subprocess
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.bundles.rewrite.templates import append_step, encoded
from shared.errors import ShoplaunchError
from shared.placeholders import ENCODERS, MAX_FILLED_BYTES, Renderer, encode, sql_escape, token
from tests.unit.bundles.rewrite.php_judge import judge

NONCE = "1a2b3c4d"
NIGHTLY = bool(os.environ.get("SHOPLAUNCH_NIGHTLY"))
MANY = 20_000 if NIGHTLY else 700
STEPS = sorted(ENCODERS)
AWKWARD = [
    "'", '"', "\\", "%", "%%", "$x", "{$y}", "\0", "\n", "\r\n", "\x1a", "/", "&amp;", "<", "@@",
    "@@SL1a2b3c4d:x:raw@@", "é", "فروشگاه", "🛒", "\u2028", "\ufeff", ";", "#", "--", "s:3:", " ", "a",
]  # fmt: skip
#: What may stand around a placeholder: no other one.
WORDS = st.sampled_from([word for word in AWKWARD if "SL" not in word])
VALUES = st.one_of(
    st.lists(st.sampled_from(AWKWARD), max_size=8).map("".join), st.text(st.characters(codec="utf-8"), max_size=40)
)
CHAINS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4)
UNDONE = {
    "raw": lambda data: data,
    "json": lambda data: json.loads(b'"' + data + b'"').encode("utf-8"),
    "jsonplain": lambda data: json.loads(b'"' + data + b'"').encode("utf-8"),
    "url": unquote_to_bytes,
    "base64": base64.b64decode,
    "html": lambda data: html.unescape(data.decode()).encode(),
}


def examples(strategy, count):
    """Return `count` examples of a strategy, for a judge that is asked about all of them at once."""
    found = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(value):
        found.append(value)

    collect()
    return found


def filled(template, value, fragments=None):
    return Renderer(NONCE, {"x": value}, fragments).render(template)


@settings(deadline=None, max_examples=MANY)
@given(VALUES, CHAINS)
def test_filling_a_placeholder_is_encoding_its_value_whatever_stands_around_it(value, chain):
    steps = ".".join(chain)
    assert filled(b"@@" + token(NONCE, "x", steps) + b"@", value) == b"@@" + encode(value.encode(), steps) + b"@"


@settings(deadline=None, max_examples=MANY)
@given(VALUES, st.lists(st.sampled_from(sorted(UNDONE)), min_size=1, max_size=4))
def test_what_was_encoded_is_decoded_step_by_step_to_the_value(value, chain):
    if "html" in chain and value != html.unescape(html.escape(value)):
        return
    data = filled(token(NONCE, "x", ".".join(chain)), value)
    for step in reversed(chain):
        data = UNDONE[step](data)
    assert data == value.encode()


@settings(deadline=None, max_examples=MANY)
@given(VALUES, CHAINS, st.integers(1, 9), st.integers(0, 999))
def test_a_length_is_that_of_what_stands_there(value, chain, times, more):
    steps = ".".join(chain)
    written = filled(token(NONCE, "x", steps), value)
    length = filled(token(NONCE, "x", f"{steps}.len*{times}+{more}"), value)
    assert int(length) == times * len(written) + more


@settings(deadline=None, max_examples=MANY)
@given(st.lists(st.one_of(WORDS.map(str.encode), st.binary(max_size=9))), VALUES, st.sampled_from(["sql", "base64"]))
def test_a_template_put_into_another_encoding_fills_to_the_encoded_text(parts, value, step):
    template = token(NONCE, "x").join([b"", *parts, b""])
    if step == "sql":
        assert filled(append_step(sql_escape(template), NONCE, "sql"), value) == sql_escape(filled(template, value))
        return
    fragment = token(NONCE, "fragment.1", "base64")
    assert base64.b64decode(filled(fragment, value, {"1": template})) == filled(template, value)


@settings(deadline=None, max_examples=MANY)
@given(st.lists(WORDS), VALUES, st.sampled_from(["jsonplain", "url"]))
def test_so_does_one_put_into_json_or_an_address(parts, value, step):
    template = token(NONCE, "x").join(part.encode() for part in ["", *parts, ""])
    made = encoded(template, NONCE, step, lambda text: encode(text, step))
    assert UNDONE[step](filled(made, value)) == filled(template, value)


def test_php_reads_every_value_back_from_its_literals_and_serialized_lengths():
    values = examples(VALUES, MANY)
    script = [b"<?php echo json_encode(["]
    for value in values:
        script.append(b"base64_encode('" + filled(token(NONCE, "x", "php"), value) + b"'),")
        script.append(b"base64_encode(str_replace('%%','%','" + filled(token(NONCE, "x", "symfony"), value) + b"')),")
    done = subprocess.run(["php"], input=b"\n".join([*script, b"]);"]), stdout=subprocess.PIPE, check=True)
    read = [base64.b64decode(text).decode() for text in json.loads(done.stdout)]
    assert read[::2] == values
    assert read[1::2] == values
    serialized = token(NONCE, "x", "len").join([b'a:1:{s:1:"k";s:', b':"']) + token(NONCE, "x") + b'";}'
    answers = judge([filled(serialized, value) for value in values])
    assert answers == [(True, [b"k", value.encode()]) for value in values]


def test_a_server_reads_every_value_back_from_its_string(mariadb_server):
    values = examples(VALUES, MANY)
    connection = mariadb_server.root_connection()
    with connection, connection.cursor() as cursor:
        for start in range(0, len(values), 200):
            part = values[start : start + 200]
            shown = [b"HEX('" + filled(token(NONCE, "x", "sql"), value) + b"')" for value in part]
            cursor.execute("SET NAMES utf8mb4")
            connection.query(b"SELECT " + b",".join(shown))
            (row,) = connection._result.rows
            assert [bytes.fromhex(cell) for cell in row] == [value.encode() for value in part]


@pytest.mark.parametrize(
    ("template", "fragments"),
    [
        (token(NONCE, "x", ".".join(["json"] * 40)), {}),
        (token(NONCE, "x", ".".join(["base64"] * 90)), {}),
        (token(NONCE, "fragment.0"), {str(n): token(NONCE, f"fragment.{n + 1}") * 10 for n in range(12)}),
        (token(NONCE, "fragment.0") * 70, {"0": b"x" * (1 << 20)}),
        (token(NONCE, "x", "len*9999999999").replace(b"9999999999", b"9" * 5000), {}),
    ],
    ids=["JSON in JSON", "base64 in base64", "fragments of fragments", "one many times", "a factor of 5000 digits"],
)
def test_what_grows_without_bound_is_refused_before_it_is_memory(template, fragments):
    fragments = {**fragments, str(len(fragments)): b"x" * 100} if len(fragments) > 1 else fragments
    with pytest.raises(ShoplaunchError, match="placeholder_invalid"):
        filled(template, '\\"' * 10, fragments)


def test_what_is_large_but_within_bounds_is_filled():
    fragments = {"0": token(NONCE, "fragment.1") * 60, "1": b"x" * (1 << 20)}
    assert len(filled(token(NONCE, "fragment.0"), "", fragments)) == 60 << 20 < MAX_FILLED_BYTES


@pytest.mark.parametrize("step", ["raw", "sql", "json", "len"])
def test_a_value_that_is_no_text_is_refused(step):
    with pytest.raises(ShoplaunchError, match="placeholder_invalid"):
        filled(token(NONCE, "x", step), "half a pair: \ud83d")
