"""No two operators, and no two keys, have names that people take for one and the same."""

import pytest

from controller.access import billing_keys, operators
from controller.access.actor import Actor
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.identities import access, api_keys
from controller.db.identities.api_keys import ApiKey
from controller.keys import ensure_keys, load_keys
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.state.state_database import make_tables

PASSWORD = "correct horse battery"
NOW = 1_800_000_000.0
#: One that is there (an earlier version may have taken more letters), and one that people take for it.
PAIRS = [
    ("nora", "NORA"), ("Nora", "nora"), ("nora@x.example", "Nora@X.example"), ("\uff4e\uff4f\uff52\uff41", "Nora"),
    ("\u017fam", "SAM"), ("\ufb01nn", "Finn"), ("\u212aim", "kim"), ("nora\u00b9", "NORA1"),
]  # fmt: skip
APART = [("nora", "nora2"), ("n\u00f6ra", "nora"), ("no.ra", "nora"), ("nora1", "noral")]


@pytest.fixture
def actor(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path}/state.db")
    make_tables(engine)
    ensure_keys(tmp_path / "keys")
    yield Actor("tests", engine, lambda: load_keys(tmp_path / "keys"))
    engine.dispose()


def put(actor, name):
    transact(actor.engine, lambda connection: access.add_operator(connection, name, "x", NOW))


def names(actor):
    with reading(actor.engine) as connection:
        return access.list_operators(connection)


@attack(
    "an operator is added whose name differs from another's in case, or in the form of its letters, alone",
    "the name is taken: nobody could tell the two apart in the audit log",
)
@pytest.mark.parametrize(("there", "name"), PAIRS)
def test_an_operator_is_not_called_like_another(actor, there, name):
    put(actor, there)
    with pytest.raises(ShoplaunchError) as refused:
        operators.add(actor, name, PASSWORD)
    assert refused.value.code == "name_taken" and there in refused.value.message
    assert names(actor) == [there]


@pytest.mark.parametrize(("there", "name"), APART)
def test_names_that_people_can_distinguish_are_two(actor, there, name):
    put(actor, there)
    operators.add(actor, name, PASSWORD)
    assert sorted(names(actor)) == sorted([there, name])


def test_operators_who_were_called_alike_before_go_on(actor):
    for name in ("nora", "NORA", "omid"):
        put(actor, name)
    for name in ("nora", "NORA"):
        operators.set_password(actor, name, PASSWORD)
        operators.set_role(actor, name, "look")
        operators.end_sessions(actor, name)
    operators.remove(actor, "NORA")
    assert names(actor) == ["nora", "omid"]
    with pytest.raises(ShoplaunchError):
        operators.add(actor, "NORA", PASSWORD)


@attack(
    "a key is added whose name differs from another's in case alone",
    "the name is taken; so it is by a key that was revoked",
)
@pytest.mark.parametrize("revoked", [False, True])
def test_a_key_is_not_called_like_another(actor, revoked):
    billing_keys.add(actor, ApiKey("whmcs"))
    if revoked:
        billing_keys.revoke(actor, "whmcs")
    with pytest.raises(ShoplaunchError) as refused:
        billing_keys.add(actor, ApiKey("WHMCS"))
    assert refused.value.code == "name_taken" and "whmcs" in refused.value.message
    with reading(actor.engine) as connection:
        assert [one.name for one in api_keys.listed(connection)] == ["whmcs"]
