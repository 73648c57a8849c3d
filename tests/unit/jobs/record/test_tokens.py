"""Tokens are bound to job, attempt and scope, and only their own makers believe them."""

import os
import string

import pytest

from controller.jobs.record.tokens import AgentToken, Tokens
from shared.errors import ShoplaunchError

#: Of base64 in URLs.
ALPHABET = string.ascii_letters + string.digits + "-_"
KEYS = [os.urandom(32), os.urandom(32)]


@pytest.fixture
def tokens():
    return Tokens(KEYS)


def refused(read, token, code="token_invalid"):
    with pytest.raises(ShoplaunchError) as caught:
        read(token)
    assert caught.value.code == code


def test_a_token_says_which_job_attempt_and_scope_it_is_for_and_how_long_its_job_file_is_valid():
    now = 1_800_000_000.0
    tokens = Tokens(KEYS, lambda: now, job_hours=30)
    text = tokens.for_agent("abc123", 3)
    now += 5000
    assert tokens.read_agent(text) == AgentToken("abc123", 3, "events", 1_800_000_000.0 + 30 * 3600)


def test_another_attempt_gets_another_token(tokens):
    assert tokens.for_agent("abc123", 1) != tokens.for_agent("abc123", 2)


def test_a_token_for_another_scope_is_refused(tokens):
    refused(tokens.read_agent, tokens.for_agent("abc123", 1, "bundle"))
    assert tokens.read_agent(tokens.for_agent("abc123", 1, "bundle"), "bundle").scope == "bundle"


def test_a_client_pages_token_is_none_of_an_agent_and_the_other_way_round(tokens):
    refused(tokens.read_agent, tokens.for_status("abc123"))
    refused(tokens.read_status, tokens.for_agent("abc123", 1), "status_unknown")
    assert tokens.read_status(tokens.for_status("abc123")) == "abc123"


def test_tokens_of_an_older_key_are_believed_those_of_a_removed_key_are_not(tokens):
    old = Tokens(KEYS[:1])
    assert tokens.read_agent(old.for_agent("abc123", 1)).job == "abc123"
    refused(old.read_agent, tokens.for_agent("abc123", 1))


def test_an_old_token_is_refused(tokens, monkeypatch):
    token = tokens.for_agent("abc123", 1)
    import time

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 91 * 86400)
    refused(tokens.read_agent, token)


@pytest.mark.parametrize(("ahead", "is_taken"), [(1, True), (2, True), (120, True), (300, True), (301, False)])
def test_a_token_from_a_clock_that_is_ahead_is_taken_with_five_minutes_of_leeway(ahead, is_taken):
    token = Tokens(KEYS, lambda: 1_800_000_000 + ahead).for_agent("abc123", 1)
    here = Tokens(KEYS, lambda: 1_800_000_000)
    if is_taken:
        assert here.read_agent(token).job == "abc123"
    else:
        refused(here.read_agent, token)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "." * 50, "é", "\0", "a" * 10_000])
def test_what_is_no_token_is_refused(tokens, token):
    refused(tokens.read_agent, token)
    refused(tokens.read_status, token, "status_unknown")


def test_no_character_of_a_token_may_be_changed(tokens):
    token = tokens.for_agent("abc123", 1)
    for position, character in enumerate(token):
        for other in "AQgwBx" if position + 1 < len(token) else ALPHABET:
            if other != character:
                refused(tokens.read_agent, token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("more", ["!", "=", "==", " ", "\n", "A", ".", "é", "\0", "-", "/", "+"], ids=repr)
def test_nothing_may_be_added_to_a_token_anywhere(tokens, more):
    token = tokens.for_agent("abc123", 1)
    for position in range(len(token) + 1):
        refused(tokens.read_agent, token[:position] + more + token[position:])
    status, page = tokens.for_status("abc123"), tokens.for_credentials("abc123", "nonce")
    for position in range(len(status) - 5, len(status) + 1):
        refused(tokens.read_status, status[:position] + more + status[position:], "status_unknown")
    for position in range(len(page) - 5, len(page) + 1):
        refused(tokens.read_credentials, page[:position] + more + page[position:], "credentials_gone")


def test_a_token_of_a_job_that_is_valid_for_longer_serves_as_long():
    made, days = 1_800_000_000, 86400
    token = Tokens(KEYS, lambda: made).for_agent("abc123", 1)
    valid_for_a_year = Tokens(KEYS, lambda: made + 370 * days, 365 * 24)
    assert valid_for_a_year.read_agent(token).job == "abc123"
    for hours, late in ((365 * 24, 376), (24, 91)):
        with pytest.raises(ShoplaunchError) as caught:
            Tokens(KEYS, lambda late=late: made + late * days, hours).read_agent(token)
        assert caught.value.code == "token_invalid"
