"""Secrets are known by their form alone, in whatever they are written, and nothing else is taken for one."""

import base64
import json
import re
from hashlib import sha256

import pytest

from controller.recipes.secrets import forms
from tests.support.shops.secret_samples import FORMS, WRITTEN, drawn

_LINES = "\n".join(drawn(n, 64) for n in range(6))


@pytest.mark.parametrize("label", FORMS)
@pytest.mark.parametrize("way", WRITTEN)
def test_a_secret_is_known_in_whatever_it_is_written_and_can_be_taken_out(label, way):
    written = WRITTEN[way](FORMS[label])
    assert [one.label for one in forms.met(written)] == [label]
    assert forms.may_hold(written) and forms.has_run(written)
    left = forms.without(written, label, b"")
    assert forms.met(left) == [] and len(left) < len(written)
    assert forms.without(written, "key of nobody", b"") is written


@pytest.mark.parametrize("ways", [("base64", "base64"), ("hex", "base64"), ("base64", "hex"), ("base64",) * 3])
def test_a_secret_wrapped_several_times_is_known_and_can_be_taken_out(ways):
    label, written = "key of Stripe", FORMS["key of Stripe"].encode()
    for way in ways:
        written = base64.b64encode(b"k=" + written) if way == "base64" else written.hex().encode()
    data = b's:3:"a";' + written + b";"
    assert forms.may_hold(data) and [one.label for one in forms.met(data)] == [label]
    left = forms.without(data, label, b"")
    assert forms.met(left) == [] and left.startswith(b's:3:"a";')


def test_what_is_wrapped_without_end_is_not_taken_off_without_end(monkeypatch):
    asked = []
    real = forms._unwrapped
    monkeypatch.setattr(forms, "_unwrapped", lambda run: asked.append(len(run)) or real(run))
    written = b"nothing that is a secret 0123456789" * 3
    for _ in range(9):
        written = base64.b64encode(written)
    assert not forms.may_hold(written)
    assert len(asked) == 3
    assert forms.met(written) == []


def test_words_alone_are_passed_over_at_once():
    assert not forms.has_run(b"<?php // words, an_identifier(a.method); $and->another\n" * 9)


def test_two_secrets_of_one_kind_are_two():
    data = b"a=sk_live_" + drawn(50, 24).encode() + b"\nb=sk_live_" + drawn(51, 24).encode() + b"\n"
    assert [data[one.start : one.end] for one in forms.met(data)] == [data[2:34], data[37:69]]


@pytest.mark.parametrize(
    "data",
    [
        b"https://shop.example/dp/B07?psc=1&amp;SubscriptionId=AKIAJ2QVTW7XK5RM3PHU&amp;tag=a-20",
        b"https://files.example/a.zip?AWSAccessKeyId=AKIAJ2QVTW7XK5RM3PHU&Expires=1&Signature=b",
        b"AKIAIOSFODNN7EXAMPLE",
        b"https%3A%2F%2Ffiles.example%2Fa%3FX-Amz-Credential%3DAKIAJ2QVTW7XK5RM3PHU%2F20240101",
        b"sk_live_xxxxxxxxxxxxxxxx", b"sk_test_4eC39HqLyjWDarjtT1zdp7dc",
        b"strpos($key, 'sk_live_') === 0",
        b"'-----BEGIN RSA PRIVATE KEY-----' . $body . '-----END RSA PRIVATE KEY-----'",
        b"const HEAD = '-----BEGIN PRIVATE KEY-----';\nfunction chunk_split_of_something_that_is_long_enough() {}",
        b"-----BEGIN CERTIFICATE-----\n" + _LINES.encode() + b"\n-----END CERTIFICATE-----",
        b"-----BEGIN PUBLIC KEY-----\n" + _LINES.encode() + b"\n-----END PUBLIC KEY-----",
        b"live_" + drawn(61, 32).encode(), b"pk_live_" + drawn(60, 24).encode(), b"eyJhbGciOiJIUzI1NiJ9",
        b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0."
        b"SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
        b"ghp_your_token_goes_here_and_is_very_long_indeed", b"data:image/png;base64," + b"EAAAAAAA" * 40,
        b"class-us1 d41d8cd98f00b204e9800998ecf8427e-use", b"BASIA0123456789ABCDEFG", b"xoxb-token-goes-here",
        b"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    ],
)  # fmt: skip
def test_what_handbooks_show_and_code_speaks_of_is_none(data):
    assert forms.met(data) == []


def web_token(claims):
    def part(value):
        return base64.urlsafe_b64encode(value).rstrip(b"=")

    return b".".join([part(b'{"alg":"EdDSA","typ":"JWT"}'), part(json.dumps(claims).encode()), part(bytes(range(64)))])


PROGRAM = {"software_id": "acme/tea", "client_name": "Acme Tea", "iss": "https://id.acme.example", "jti": "7901ea2e"}


@pytest.mark.parametrize(
    ("claims", "is_one"),
    [(PROGRAM, False), ({**PROGRAM, "sub": "boss"}, True), ({**PROGRAM, "scope": "read"}, True),
     ({"software_id": "acme/tea"}, True)],
)  # fmt: skip
def test_a_web_token_that_introduces_a_program_is_everybodys_and_one_that_opens_something_is_not(claims, is_one):
    data = b"<?php const STATEMENT = '" + web_token(claims) + b"';"
    assert [one.label for one in forms.met(data)] == ["web token"] * is_one


def test_a_private_key_that_breaks_off_ends_with_its_last_line():
    data = b"-----BEGIN PRIVATE KEY-----\n" + drawn(70, 64).encode() + b"\n?>\n" + b"and the rest of it\n" * 50
    (found,) = forms.met(data)
    assert data[found.end :].startswith(b"\n?>")


def test_a_private_key_that_a_library_publishes_is_an_example_however_it_is_written(monkeypatch):
    key = FORMS["private key"]
    digest = sha256(re.sub("[^0-9A-Za-z]", "", key).encode()).hexdigest()
    monkeypatch.setattr(forms, "PUBLISHED", frozenset({digest}))
    assert forms.met(WRITTEN["alone"](key)) == forms.met(WRITTEN["json"](key)) == []
