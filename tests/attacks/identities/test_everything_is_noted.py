"""Whatever changes access, servers or bundles, and who tries to, leaves a row with the right name in the audit log."""

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from controller.access import billing_keys, second_factor
from controller.cli import main
from controller.db.connection.engine import make_engine, reading, transact
from controller.db.identities import access
from controller.db.identities.api_keys import ApiKey
from controller.db.migrate import upgrade
from controller.db.tables import audit
from tests.attacks.table import attack

#: As long as keys may be called, and alike in all but the last letters.
LONG = ["k" * 60 + "one", "k" * 60 + "two"]


def noted(people, action):
    """Return (user, detail) of the rows of `action`, the oldest first."""
    with reading(people.service.installation.engine) as connection:
        query = sa.select(audit.c.user, audit.c.detail).where(audit.c.action == action).order_by(audit.c.id)
        return [tuple(row) for row in connection.execute(query)]


@attack(
    "somebody at an unlocked browser guesses its operator's password where a change asks for it",
    "each wrong one stands in the audit log, with the address",
)
@pytest.mark.parametrize("path", ["/admin/operator/omid/remove", "/admin/keys/add", "/admin/account/second-factor"])
def test_a_wrong_own_password_is_noted(people, path):
    browser = people.signed_in("nora")
    for _ in range(2):
        assert people.post(browser, path, own_password="guess", name="k", rate="1").status_code == 401
    assert noted(people, "password wrong") == [("nora", "127.0.0.1")] * 2
    page = browser.get("/admin/audit").text
    assert "Gave a wrong password" in page and "guess" not in page


@attack("somebody who has an operator's password tries codes of the second factor", "that stands in the audit log")
def test_a_right_password_with_a_wrong_code_is_noted(people):
    second_factor.begin(people.actor, "omid")
    assert people.try_in("omid", code="000000")[0] == 401
    assert people.try_in("omid", password="wrong", code="000000")[0] == 401
    assert noted(people, "code wrong") == [("omid", "127.0.0.1")]


@attack("somebody signs an operator out on every device", "that stands in the audit log")
def test_signing_out_is_noted(people):
    browser = people.signed_in("omid")
    assert people.post(browser, "/admin/logout").status_code == 303
    assert noted(people, "logout") == [("omid", "127.0.0.1")]


@attack("two keys have names that are alike in their first sixty letters", "each has its own trail")
def test_long_names_of_keys_have_trails_of_their_own(people):
    for name in LONG:
        billing_keys.add(people.actor, ApiKey(name))
        people.service.access.audit(f"key {name}", "order", None, name)
    for name in LONG:
        assert [row.detail for row in billing_keys.trail(people.actor, name, 9)] == [name]
        page = people.signed_in("nora").get("/admin/audit", query_string={"user": f"key {name}"}).text
        assert page.count(f"<bdi>{name}</bdi>") or name in page
        other = next(one for one in LONG if one != name)
        assert other not in page


@pytest.mark.parametrize("kind", ["sqlite", "mariadb"])
def test_names_that_were_cut_are_whole_again_where_one_key_alone_fits(places, kind):
    engine = make_engine(places.config(kind).database_url)
    upgrade(engine, "0019")
    names = ["a" * 63, *LONG, "b" * 60, "b" * 62]

    def work(connection):
        for name in names:
            connection.execute(
                sa.text("INSERT INTO api_keys (name, secret_encrypted, created_at) VALUES (:name, '', 0)"),
                {"name": name},
            )
        for user in ("key " + "a" * 60, "key " + "k" * 60, "key " + "b" * 60, "nora"):
            access.add_audit(connection, 1.0, user, "order", None, "")

    transact(engine, work)
    upgrade(engine)
    with reading(engine) as connection:
        users = list(connection.execute(sa.select(audit.c.user).order_by(audit.c.id)).scalars())
    engine.dispose()
    assert users == ["key " + "a" * 63, "key " + "k" * 60, "key " + "b" * 60, "nora"]


@attack("somebody with a shell adds or changes a server, or makes newer keys", "what was done stands in the audit log")
def test_commands_are_noted(people):
    for words in (["server", "add", "web-2", "--panel", "local"], ["key", "rotate", "--yes"]):
        done = CliRunner(env=people.environment).invoke(main, words)
        assert done.exit_code == 0, done.output
    assert noted(people, "server add") == [("command line", "web-2")]
    assert noted(people, "key rotate") == [("command line", "")]
