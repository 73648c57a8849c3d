"""Passwords of operators: an unknown user costs what a wrong password costs; who signs nobody in pays nothing."""

import hashlib

import pytest

from controller.access.actor import Actor
from controller.access.door import Access
from controller.access.operators import add
from controller.db.connection.engine import make_engine
from controller.keys import ensure_keys, load_keys
from tests.support.clock import Clock
from tests.support.state.state_database import make_tables

PASSWORD = "correct horse battery"


@pytest.fixture
def engine(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path}/state.db")
    make_tables(made)
    yield made
    made.dispose()


@pytest.fixture
def keys(tmp_path):
    ensure_keys(tmp_path / "keys")
    return load_keys(tmp_path / "keys")


@pytest.fixture
def work(monkeypatch):
    """What each hash that was computed since costs: (n, r, p)."""
    real, seen = hashlib.scrypt, []

    def count(password, **how):
        seen.append((how["n"], how["r"], how["p"]))
        return real(password, **how)

    monkeypatch.setattr(hashlib, "scrypt", count)
    return seen


def test_nothing_is_hashed_before_somebody_signs_in(engine, keys, work):
    Access(engine, keys, Clock())
    assert work == []


def test_an_unknown_user_costs_what_a_wrong_password_costs(engine, keys, work):
    add(Actor("tests", engine, lambda: keys), "nora", PASSWORD)
    work.clear()
    access = Access(engine, keys, Clock())
    assert not access.check_login("nora", "another", "192.0.2.1")
    wrong = work[:]
    assert not access.check_login("nobody", "another", "192.0.2.2")
    assert len(wrong) == 1 and work == wrong * 2


def test_nobodys_hash_is_of_no_password_and_lets_nobody_in(engine, keys):
    access = Access(engine, keys, Clock())
    for number, given in enumerate(("", "0", "nobody")):
        assert not access.check_login("nobody", given, f"192.0.2.{number}")
