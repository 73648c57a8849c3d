"""Tokens are bound to job, attempt and scope, and only their own makers believe them."""

import os

import pytest

from controller.jobs.tokens import AgentToken, Tokens
from shared.errors import ShoplaunchError

KEYS = [os.urandom(32), os.urandom(32)]


@pytest.fixture
def tokens():
    return Tokens(KEYS)


def refused(read, token, code="token_invalid"):
    with pytest.raises(ShoplaunchError) as caught:
        read(token)
    assert caught.value.code == code


def test_a_token_says_which_job_attempt_and_scope_it_is_for(tokens):
    assert tokens.read_agent(tokens.for_agent("abc123", 3)) == AgentToken("abc123", 3, "events")


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


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "." * 50, "é", "\0", "a" * 10_000])
def test_what_is_no_token_is_refused(tokens, token):
    refused(tokens.read_agent, token)
    refused(tokens.read_status, token, "status_unknown")


def test_no_character_of_a_token_may_be_changed(tokens):
    token = tokens.for_agent("abc123", 1)
    # The last character carries unused bits
    for position in range(len(token) - 1):
        altered = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        refused(tokens.read_agent, altered)
