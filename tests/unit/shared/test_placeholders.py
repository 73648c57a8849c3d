"""Placeholders: grammar, encodings and filling, checked against the programs that will read the results."""

import html
import json
import subprocess
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ShoplaunchError
from shared.placeholders import ENCODERS, Renderer, encode, token

NONCE = "1a2b3c4d"
TEXT = st.text(st.characters(codec="utf-8"), max_size=60)


def fill(template, fragments=None, **values):
    return Renderer(NONCE, {key.replace("__", "."): value for key, value in values.items()}, fragments).render(template)


def test_a_placeholder_is_plain_ascii_that_no_encoding_touches():
    for step in (*ENCODERS, "json.sql", "len*2+14"):
        written = token(NONCE, "db.password", step)
        assert not set(written) & set(b"\"'/\\ \n")


@pytest.mark.parametrize("name,step", [("Domain", "raw"), ("a..b", "raw"), ("domain", "rot13"), ("domain", "len*x")])
def test_a_token_outside_the_grammar_is_not_made(name, step):
    with pytest.raises(ValueError):
        token(NONCE, name, step)


def test_serialized_lengths_follow_the_value():
    template = (
        b"s:"
        + token(NONCE, "domain", "len*2+9")
        + b':"http://'
        + token(NONCE, "domain")
        + b"?x="
        + token(NONCE, "domain")
    )
    filled = fill(template, domain="shop.example")
    assert filled == b's:33:"http://shop.example?x=shop.example'


def test_a_fragment_is_rendered_before_it_is_measured_or_encoded():
    inner = b'{"u":"' + token(NONCE, "domain", "json") + b'"}'
    template = token(NONCE, "fragment.1", "len") + b":" + token(NONCE, "fragment.1", "base64")
    assert fill(template, {"1": inner}, domain="a.example") == b"17:eyJ1IjoiYS5leGFtcGxlIn0="


def test_fragments_nested_without_end_are_an_error():
    with pytest.raises(ShoplaunchError, match="placeholder_invalid"):
        fill(token(NONCE, "fragment.1"), {"1": token(NONCE, "fragment.1")})


@pytest.mark.parametrize("broken", [b"domain:raw", b"domain@@", b"domain:nope@@", b"a:b:c@@", b"\xff:raw@@"])
def test_a_broken_placeholder_is_an_error(broken):
    with pytest.raises(ShoplaunchError, match="placeholder_invalid"):
        fill(b"@@SL" + NONCE.encode() + b":" + broken, domain="x")


def test_a_value_the_job_lacks_is_an_error():
    with pytest.raises(ShoplaunchError, match="placeholder_unknown"):
        fill(token(NONCE, "secret.cookie_key"), domain="x")


def test_another_bundles_placeholder_is_left_alone():
    foreign = token("ffffffff", "domain")
    assert fill(foreign, domain="x") == foreign


def test_a_value_that_looks_like_a_placeholder_is_not_filled_again():
    trick = token(NONCE, "db.password").decode()
    assert fill(token(NONCE, "shop.name"), shop__name=trick, db__password="secret") == trick.encode()


@given(TEXT)
def test_json_url_and_html_forms_read_back_as_the_value(value):
    raw = value.encode()
    assert json.loads(b'"' + encode(raw, "json") + b'"') == value
    assert json.loads(b'"' + encode(raw, "jsonplain") + b'"') == value
    assert unquote_to_bytes(encode(raw, "url")) == raw
    assert html.unescape(encode(raw, "html").decode()) == html.unescape(html.escape(value))


def test_php_reads_back_every_quoted_value():
    values = ["it's", "back\\slash", "\\'", "100%", "a\\", "'; system('id'); '", "فروشگاه", "line\nend", "$x {$y}"]
    lines = [b"<?php echo json_encode(["]
    lines += [b"'" + encode(value.encode(), "php") + b"'," for value in values]
    lines += [b"str_replace('%%','%','" + encode(value.encode(), "symfony") + b"')," for value in values]
    result = subprocess.run(["php"], input=b"\n".join([*lines, b"]);"]), stdout=subprocess.PIPE, check=True)
    assert json.loads(result.stdout) == values + values


def test_the_database_reads_back_every_sql_string(mariadb_server):
    values = ["it's", "back\\slash", "\\'", 'dou"ble', "nul\0l", "line\r\nend", "\x1a", "فروشگاه 🎉", "%s"]
    for value in values:
        rows = mariadb_server.query("SELECT CAST('" + encode(value.encode(), "sql").decode() + "' AS CHAR)")
        assert rows[0][0] == value
