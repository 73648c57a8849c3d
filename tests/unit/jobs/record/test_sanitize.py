"""What of texts and numbers from an account is stored, shown or mailed."""

import json

import pytest

from controller.jobs.record import sanitize
from controller.jobs.record.sanitize import MAX_DEPTH, MAX_NUMBER, MAX_WORDS
from shared.errors import ShoplaunchError, advice

CODE = "event_invalid"


def refused(call, *args):
    """Return the code with which `call` refuses."""
    with pytest.raises(ShoplaunchError) as error:
        call(*args)
    return error.value.code


@pytest.mark.parametrize("data", [b"", b"[]", b'"a"', b"1", b"null", b"{", b'{"a": "\xff"}', b"[" * 90 + b"]" * 90])
def test_what_is_no_object_of_json_is_refused(data):
    assert refused(sanitize.parsed, data, 100, CODE) == CODE


def test_brackets_deeper_than_a_parser_goes_are_refused():
    assert refused(sanitize.parsed, b'{"a":' * 100_000, 200_000, CODE) == CODE


@pytest.mark.parametrize("data", [b'{"a": [1, 2]}', b'{"a": {"b": [1]}}', b'{"a": "[,{"}'])
def test_a_document_of_too_many_values_is_refused_before_it_is_parsed(data):
    most = sum(data.count(one) for one in b",[{")
    assert sanitize.parsed(data, most, CODE) == json.loads(data)
    assert refused(sanitize.parsed, data, most - 1, CODE) == CODE
    # Not even that it is no JSON is seen
    with pytest.raises(ShoplaunchError, match=f"more than {most - 1} values"):
        sanitize.parsed(data + b"x", most - 1, CODE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a\tb\nc", "a\tb\nc"), ("\x1b[31mred", "\ufffd[31mred"), ("a\0b", "a\ufffdb"), ("a\rb", "a\ufffdb"),
        ("a\x7fb\x9fc", "a\ufffdb\ufffdc"), ("\u202eevil", "\ufffdevil"), ("\u2067a\u2069", "\ufffda\ufffd"),
        ("a\u2028b", "a\ufffdb"), ("\ud800", "\ufffd"), ("فروشگاه", "فروشگاه"), ("a\u200cb", "a\u200cb"),
    ],
)  # fmt: skip
def test_what_would_command_a_terminal_or_turn_a_line_is_replaced(text, found):
    assert sanitize.sanitized(text, CODE) == found
    assert sanitize.sanitized({text: [text, {"a": text}]}, CODE) == {found: [found, {"a": found}]}


@pytest.mark.parametrize("number", [0, -1, 1.5, True, False, None, MAX_NUMBER, -MAX_NUMBER])
def test_numbers_that_databases_hold_stay(number):
    assert sanitize.sanitized({"a": [number]}, CODE) == {"a": [number]}


@pytest.mark.parametrize("number", [MAX_NUMBER + 1, -MAX_NUMBER - 1, float("inf"), float("-inf"), float("nan")])
def test_numbers_that_databases_or_pages_cannot_hold_are_refused(number):
    assert refused(sanitize.sanitized, {"a": [number]}, CODE) == CODE


def nested(levels, inner):
    """Return lists around `inner`, `levels` deep."""
    return nested(levels - 1, [inner]) if levels else inner


def test_nesting_is_followed_to_a_depth_and_refused_below():
    assert sanitize.sanitized(nested(MAX_DEPTH, 1), CODE) == nested(MAX_DEPTH, 1)
    assert refused(sanitize.sanitized, nested(MAX_DEPTH + 1, 1), CODE) == CODE


def test_halves_of_characters_are_replaced_and_nothing_else():
    value = {"a\ud800": ["\udfff\x1b", {"b": "\U0001f6d2"}], "c": 1}
    assert sanitize.whole_characters(value) == {"a\ufffd": ["\ufffd\x1b", {"b": "\U0001f6d2"}], "c": 1}


def test_a_text_on_one_line_imitates_none_of_the_controllers():
    assert sanitize.one_line(" a\n\n  job b: live\t") == "a job b: live"


def test_an_error_is_on_one_line_and_no_longer_than_a_page_shows():
    error = {"code": "db_error", "message": "a\nb" + "x" * MAX_WORDS, "advice": "c\r\nd", "retryable": True}
    found = sanitize.error_of(error)
    assert found["message"].startswith("a b") and len(found["message"]) == MAX_WORDS
    assert (found["advice"], found["code"], found["retryable"]) == ("c d", "db_error", True)


@pytest.mark.parametrize("code", ["panel_auth_failed", "whmcs_refused", "worker_silent", "keys_lost", "agent_silent"])
def test_an_agent_has_none_of_the_controllers_codes(code):
    error = {"code": code, "message": "m", "advice": "", "retryable": True}
    found = sanitize.agents_error_of(error)
    assert (found["code"], found["message"], found["retryable"]) == (sanitize.UNKNOWN, "m", True)
    assert found["advice"] == sanitize.error_of({**error, "advice": advice(sanitize.UNKNOWN)})["advice"]


@pytest.mark.parametrize(("code", "of"), [("db_error", "db_error"), ("made_up", "agent_code_unknown")])
def test_an_agents_error_gets_the_catalogues_advice(code, of):
    error = {"code": code, "message": "m", "advice": "pay at http://evil.example", "retryable": False}
    assert sanitize.agents_error_of(error) == {
        **error,
        "advice": sanitize.error_of({**error, "advice": advice(of)})["advice"],
    }
