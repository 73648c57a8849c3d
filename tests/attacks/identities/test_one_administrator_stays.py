"""Somebody may always administer: no slip and no race leaves an installation without an administrator."""

import threading

import pytest
from click.testing import CliRunner

from controller.access import operators
from controller.access.actor import Actor
from controller.cli import main
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.identities import access, api_keys
from controller.db.identities import operators as rows
from controller.db.identities.api_keys import ApiKey
from controller.settings.loading import load_config
from controller.setup.installation import ensure_installation
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.support.state.state_database import SERVERS, make_tables, new_url
from tests.support.users.people import People, prepare

PASSWORD = "correct horse battery"


def administrators(actor):
    return [one.user for one in operators.listed(actor, 0.0) if one.role == "administer"]


@pytest.fixture(params=SERVERS)
def actor(request, tmp_path):
    """Two administrators of an installation whose database lets many write at once."""
    engine = make_engine(new_url(request, tmp_path, request.param))
    make_tables(engine)
    made = Actor("test", engine, lambda: None)
    for name in ("nora", "omid"):
        operators.add(made, name, PASSWORD)
    yield made
    engine.dispose()


@attack("two administrators take the role from each other at the same instant", "the second is refused: one stays")
@pytest.mark.parametrize("how", ["role", "remove"])
def test_two_who_demote_each_other_leave_one(actor, how):
    outcome = []

    def other():
        try:
            operators.remove(actor, "nora") if how == "remove" else operators.set_role(actor, "nora", "look")
        except ShoplaunchError as error:
            outcome.append(error.code)
        else:
            outcome.append("done")

    thread = threading.Thread(target=other)

    def work(connection):
        rows.set_role(connection, "omid", "look")
        thread.start()
        # It waits for this one, or is through meanwhile
        thread.join(3)

    transact(actor.engine, work)
    thread.join(120)
    assert outcome == ["in_use"]
    assert administrators(actor) == ["nora"]


@attack(
    "an operator is removed at the very instant at which another administrator gives that operator a new password",
    "nobody of that name is there afterwards: least of all with the role that new operators have",
)
def test_who_is_removed_gets_no_new_password(actor, monkeypatch):
    operators.add(actor, "olga", PASSWORD, "look")
    real = rows.role

    def removed_meanwhile(connection, user):
        found = real(connection, user)
        monkeypatch.setattr(rows, "role", real)
        operators.remove(actor, "olga")
        return found

    monkeypatch.setattr(rows, "role", removed_meanwhile)
    with pytest.raises(ShoplaunchError, match="user_unknown"):
        operators.set_password(actor, "olga", PASSWORD + PASSWORD)
    assert [one.user for one in operators.listed(actor, 0.0)] == ["nora", "omid"]


@attack("the last administrator removes himself or takes his own role away", "it is refused, and the role stays")
def test_the_last_administrator_stays(tmp_path):
    environment = {"SHOPLAUNCH_HOME": str(tmp_path / "home")}
    ensure_installation(load_config(environment))

    def command(*words, code=0):
        done = CliRunner().invoke(main, ["user", *words], env=environment)
        assert done.exit_code == code, done.output
        return done.output

    command("add", "nora")
    command("add", "omid", "--role", "operate")
    for words in (("remove", "nora", "--yes"), ("role", "nora", "operate"), ("role", "nora", "look")):
        assert "in_use" in command(*words, code=1)
    command("role", "nora", "administer", "--yes")
    command("role", "omid", "administer", "--yes")
    command("remove", "nora", "--yes")


@attack("the last administrator does the same by the pages", "it is refused and said why, in both languages")
def test_the_last_administrator_stays_on_the_pages_too(tmp_path):
    people = People(prepare(tmp_path / "prepared", nora="administer", omid="operate"), tmp_path / "home")
    browser = people.signed_in("nora")
    for change, more in (("remove", {}), ("role", {"role": "look"})):
        answer = people.post(browser, f"/admin/operator/nora/{change}", **more)
        assert answer.status_code == 409 and "the last who may administer" in answer.text
    assert "آخرین کسی" in people.post(browser, "/admin/operator/nora/remove?lang=fa").text
    assert people.roles() == {"nora": "administer", "omid": "operate"}
    assert people.post(browser, "/admin/operator/omid/role", role="administer").status_code == 303
    assert people.post(browser, "/admin/operator/nora/role", role="look").location == "/admin/jobs"
    assert browser.get("/admin/operators").status_code == 403
    people.close()


@attack(
    "the last administrator is named with a blank behind, which MariaDB takes for the same name",
    "there is no such operator: nothing is changed, and nobody signs in by that name",
)
def test_a_name_with_a_blank_behind_is_nobodys(actor):
    operators.set_role(actor, "omid", "look")
    for change in (
        lambda: operators.remove(actor, "nora "),
        lambda: operators.set_role(actor, "nora ", "look"),
        lambda: operators.set_password(actor, "nora ", PASSWORD + PASSWORD),
        lambda: operators.end_sessions(actor, "nora "),
    ):
        with pytest.raises(ShoplaunchError) as refused:
            change()
        assert refused.value.code in ("user_unknown", "login_invalid")
    assert administrators(actor) == ["nora"]
    transact(actor.engine, lambda connection: api_keys.add(connection, ApiKey("billing"), "sealed"))
    with reading(actor.engine) as connection:
        assert access.password_hash(connection, "nora ") is None
        assert access.password_hash(connection, "nora") is not None
        assert api_keys.find(connection, "billing ") is None and api_keys.find(connection, "billing")
